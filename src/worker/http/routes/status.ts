/** GET /payment/status/{id}: of a payment, or of a refund. */
import { Hono } from 'hono/tiny';
import type { StatusResponse } from '../../../contract/responses.ts';
import { decimalAmount } from '../../../core/domain/money.ts';
import { isoSeconds, timeOrNull } from '../../../core/domain/timestamp.ts';
import {
  isAuthorized,
  type Refund,
  refundableMinor,
  shownStatus,
  type Transaction,
} from '../../../core/domain/transaction.ts';
import { notFound } from '../../../core/payments/not-found.ts';
import { readStatus } from '../../../core/payments/read-status.ts';
import { contextOfId } from '../../../core/shards.ts';
import { transactionNotFound } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { outliveClient } from '../middleware/outlive-client.ts';
import { requireScope } from '../middleware/require-scope.ts';

export const statusRoute = new Hono<HttpEnv>().get('/:id', requireScope('payments:read'), async (c) => {
  const takesStale = acceptsAnyAge(c.req.header('Cache-Control'));
  const id = c.req.param('id');
  const context = contextOfId(c.get('shards'), id);
  const found = await outliveClient(c, readStatus(context, id, { takesStale }), () => context);
  if (found === null) return transactionNotFound(c, (await notFound(context, id)).archived);
  return c.json(
    found.refund === null ? paymentStatus(found.transaction) : refundStatus(found.refund, found.transaction),
  );
});

/** `max-stale` without a number (RFC 9111, 5.2.1.2). One with a number is a limit that nobody can keep: D1 does not say how old a replica is. */
function acceptsAnyAge(cacheControl: string | undefined): boolean {
  const directives = cacheControl?.toLowerCase().split(',') ?? [];
  return directives.some((directive) => directive.trim() === 'max-stale');
}

function paymentStatus(transaction: Transaction): StatusResponse {
  const { refundedMinor, currency } = transaction;
  return {
    transaction_id: transaction.transactionId,
    status: shownStatus(transaction),
    booking_id: transaction.bookingId,
    amount: decimalAmount(transaction.amountMinor, transaction.currency),
    payment_method: transaction.paymentMethod,
    created_at: isoSeconds(transaction.createdAtMs),
    processed_at: timeOrNull(transaction.processedAtMs),
    ...(isAuthorized(transaction) &&
      transaction.expiresAtMs !== null && { capture_before: isoSeconds(transaction.expiresAtMs) }),
    ...(refundedMinor > 0 && {
      refunded_amount: decimalAmount(refundedMinor, currency),
      refundable_amount: decimalAmount(refundableMinor(transaction), currency),
    }),
  };
}

function refundStatus(refund: Refund, transaction: Transaction): StatusResponse {
  return {
    transaction_id: refund.refundId,
    status: refund.status,
    booking_id: transaction.bookingId,
    amount: decimalAmount(refund.amountMinor, transaction.currency),
    payment_method: transaction.paymentMethod,
    created_at: isoSeconds(refund.createdAtMs),
    processed_at: timeOrNull(refund.processedAtMs),
    original_transaction_id: transaction.transactionId,
  };
}

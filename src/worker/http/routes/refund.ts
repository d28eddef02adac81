/** POST /payment/refund */
import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { refundRequest } from '../../../contract/requests.ts';
import type { RefundSuccessResponse } from '../../../contract/responses.ts';
import { adviceOn } from '../../../core/domain/failure.ts';
import { decimalAmount, withoutFloatError } from '../../../core/domain/money.ts';
import { isoSeconds } from '../../../core/domain/timestamp.ts';
import { type Refund, refundableMinor, type Transaction } from '../../../core/domain/transaction.ts';
import { type RefundAnswer, refundPayment } from '../../../core/payments/refund-payment.ts';
import { contextOfId } from '../../../core/shards.ts';
import {
  errorResponse,
  GATEWAY_DOWN,
  idempotencyInProgress,
  idempotencyKeyReused,
  ledgerFull,
  retryAfter,
  transactionNotFound,
} from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { idempotencyKey, REPLAYED_HEADER } from '../middleware/idempotency-key.ts';
import { BODY_MAX_BYTES, jsonBody } from '../middleware/json-body.ts';
import { limitBody } from '../middleware/limit-body.ts';
import { outliveClient } from '../middleware/outlive-client.ts';
import { requireScope } from '../middleware/require-scope.ts';
import { validate } from '../middleware/validate.ts';
import { exactAmount } from './exact-amount.ts';

export const refundRoute = new Hono<HttpEnv>().post(
  '/',
  requireScope('refunds:write'),
  idempotencyKey(),
  limitBody(BODY_MAX_BYTES),
  jsonBody(),
  validate(refundRequest),
  async (c) => {
    const amount = withoutFloatError(exactAmount(c.get('bodyText'), 'refund_amount'));
    const request = c.req.valid('json');
    const context = contextOfId(c.get('shards'), request.original_transaction_id);
    const refunding = refundPayment(context, request, amount, c.get('idempotencyKey'));
    return respond(c, await outliveClient(c, refunding, () => context));
  },
);

/** After an outage of the database. */
const NOT_CONFIRMED_RETRY_MS = 5_000;

function respond(c: Context<HttpEnv>, answer: RefundAnswer): Response {
  const isReplayed = (answer.kind === 'completed' || answer.kind === 'failed') && answer.replayed;
  if (isReplayed) c.header(REPLAYED_HEADER, 'true');
  switch (answer.kind) {
    case 'completed':
      return c.json(refundSuccess(answer.refund, answer.transaction), 200);
    case 'failed': {
      const { refundId, errorCode, failureReason, failureCause, status } = answer.refund;
      if (status === 'reversed') return refundReversed(c, answer.refund);
      const code = errorCode ?? 'REFUND_NOT_ALLOWED';
      const { retryPossible, nextStep } = adviceOn(failureCause, code);
      return errorResponse(c, code === 'PAYMENT_GATEWAY_ERROR' ? 502 : 400, code, 'Refund could not be processed', {
        reason: failureReason,
        refund_transaction_id: refundId,
        status: 'failed',
        retry_possible: retryPossible,
        next_step: nextStep,
      });
    }
    case 'pending':
      return refundPending(c, answer.refund, answer.accepted);
    case 'in_progress':
      return idempotencyInProgress(c, { refund_transaction_id: answer.refund.refundId, status: 'pending' });
    case 'key_reused':
      return idempotencyKeyReused(c);
    case 'gateway_down':
      retryAfter(c, answer.retryAfterMs);
      return errorResponse(c, 502, 'PAYMENT_GATEWAY_ERROR', 'Refund could not be processed', {
        reason: GATEWAY_DOWN,
        status: 'failed',
        retry_possible: true,
      });
    case 'ledger_full':
      return ledgerFull(c);
    case 'not_confirmed':
      retryAfter(c, NOT_CONFIRMED_RETRY_MS);
      return errorResponse(
        c,
        503,
        'SERVICE_UNAVAILABLE',
        'It is not known whether the refund was recorded. Ask for its status first: asked for again, it could be paid twice, unless both requests have the same Idempotency-Key.',
        { refund_transaction_id: answer.refundId, status: 'pending', retry_possible: false },
      );
    case 'not_allowed':
      return errorResponse(c, 400, 'REFUND_NOT_ALLOWED', 'Refund not permitted', {
        reason: answer.reason,
        ...(answer.payment && balanceOf(answer.payment)),
      });
    case 'not_found':
      return transactionNotFound(c, answer.archived, 'Original transaction not found');
    case 'invalid_amount':
      return errorResponse(c, 400, 'INVALID_AMOUNT', 'Invalid refund amount');
  }
}

/** The 502 without an outcome: of a refund that the provider is processing, or of one of which nobody can say. */
function refundPending(c: Context, { refundId }: Refund, accepted: boolean): Response {
  const message = accepted ? 'Refund is still being processed' : 'It is not known yet whether the refund was processed';
  return errorResponse(c, 502, 'PAYMENT_GATEWAY_ERROR', message, {
    reason: accepted
      ? 'The payment provider has accepted the refund and is still processing it: ask for the status of the refund'
      : 'The outcome is not known yet: ask for the status of the refund',
    refund_transaction_id: refundId,
    status: 'pending',
    retry_possible: false,
    next_step: `GET /payment/status/${refundId} returns the outcome; the amount is reserved until then.`,
  });
}

/** The 400 of a refund that had been paid, and that the payer's bank did not keep. */
function refundReversed(c: Context, { refundId, failureReason }: Refund): Response {
  const { retryPossible, nextStep } = adviceOn('refund_sent_back', 'REFUND_NOT_ALLOWED');
  return errorResponse(c, 400, 'REFUND_NOT_ALLOWED', 'Refund was reversed after it had been paid', {
    reason: failureReason,
    refund_transaction_id: refundId,
    status: 'reversed',
    retry_possible: retryPossible,
    next_step: nextStep,
  });
}

/** What is left to refund of a payment, and what pending refunds hold of it. */
function balanceOf(payment: Transaction) {
  const { reservedMinor, currency } = payment;
  return {
    refundable_amount: decimalAmount(refundableMinor(payment), currency),
    ...(reservedMinor > 0 && { pending_refund_amount: decimalAmount(reservedMinor, currency) }),
  };
}

function refundSuccess(refund: Refund, transaction: Transaction): RefundSuccessResponse {
  return {
    status: 'success',
    refund_transaction_id: refund.refundId,
    original_transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
    refund_amount: decimalAmount(refund.amountMinor, transaction.currency),
    processed_at: isoSeconds(refund.processedAtMs ?? refund.createdAtMs),
    message: 'Refund processed successfully',
  };
}

/** POST /payment/refund */
import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { refundRequest } from '../../contract/requests.ts';
import type { RefundSuccessResponse } from '../../contract/responses.ts';
import { adviceOn } from '../../payments/failure.ts';
import { decimalAmount, withoutFloatError } from '../../payments/money.ts';
import { isoSeconds } from '../../payments/timestamp.ts';
import type { Refund, Transaction } from '../../payments/transaction.ts';
import { type RefundAnswer, refundPayment } from '../operations/refund-payment.ts';
import type { HttpEnv } from './context.ts';
import { errorResponse, GATEWAY_DOWN, idempotencyInProgress, idempotencyKeyReused, retryAfter } from './errors.ts';
import { exactAmount } from './exact-amount.ts';
import { idempotencyKey, REPLAYED_HEADER } from './idempotency-key.ts';
import { BODY_MAX_BYTES, jsonBody } from './json-body.ts';
import { limitBody } from './limit-body.ts';
import { outliveClient } from './outlive-client.ts';
import { requireScope } from './require-scope.ts';
import { validate } from './validate.ts';

export const refundRoute = new Hono<HttpEnv>().post(
  '/',
  requireScope('refunds:write'),
  idempotencyKey(),
  limitBody(BODY_MAX_BYTES),
  jsonBody(),
  validate(refundRequest),
  async (c) => {
    const amount = withoutFloatError(exactAmount(await c.req.text(), 'refund_amount'));
    const { operation, idempotencyKey } = c.var;
    const refunding = refundPayment(operation, c.req.valid('json'), amount, idempotencyKey);
    return respond(c, await outliveClient(c, refunding));
  },
);

/** After an outage of the database. */
const NOT_CONFIRMED_RETRY_MS = 5_000;

function respond(c: Context<HttpEnv>, answer: RefundAnswer): Response {
  if ('replayed' in answer && answer.replayed) c.header(REPLAYED_HEADER, 'true');
  switch (answer.kind) {
    case 'completed':
      return c.json(refundSuccess(answer.refund, answer.transaction), 200);
    case 'failed': {
      const { refundId, errorCode, failureReason, failureCause } = answer.refund;
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
      return errorResponse(c, 502, 'PAYMENT_GATEWAY_ERROR', 'Refund could not be processed', {
        reason: 'The outcome is not known yet: ask for the status of the refund',
        refund_transaction_id: answer.refund.refundId,
        status: 'pending',
        retry_possible: false,
      });
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
      return errorResponse(c, 400, 'REFUND_NOT_ALLOWED', 'Refund not permitted', { reason: answer.reason });
    case 'not_found':
      return errorResponse(c, 404, 'TRANSACTION_NOT_FOUND', 'Original transaction not found');
    case 'invalid_amount':
      return errorResponse(c, 400, 'INVALID_AMOUNT', 'Invalid refund amount');
  }
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

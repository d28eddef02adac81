/** POST /payment/process */
import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ErrorCode } from '../../../contract/error-codes.ts';
import { type PaymentMethod, paymentRequest } from '../../../contract/requests.ts';
import type { PaymentFailureResponse, PaymentSuccessResponse } from '../../../contract/responses.ts';
import { adviceOn, failure, failureBecause, failureMessage } from '../../../core/domain/failure.ts';
import { decimalAmount, withoutFloatError } from '../../../core/domain/money.ts';
import { isoSeconds } from '../../../core/domain/timestamp.ts';
import type { Transaction } from '../../../core/domain/transaction.ts';
import { type PaymentAnswer, processPayment } from '../../../core/payments/process-payment.ts';
import {
  errorEnvelope,
  errorResponse,
  GATEWAY_DOWN,
  idempotencyInProgress,
  idempotencyKeyReused,
  retryAfter,
  tooManyAttempts,
} from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { idempotencyKey, REPLAYED_HEADER } from '../middleware/idempotency-key.ts';
import { BODY_MAX_BYTES, jsonBody } from '../middleware/json-body.ts';
import { limitBody } from '../middleware/limit-body.ts';
import { onError } from '../middleware/on-error.ts';
import { outliveClient } from '../middleware/outlive-client.ts';
import { requireScope } from '../middleware/require-scope.ts';
import { isUnreadable } from '../middleware/unreadable-request.ts';
import { validate } from '../middleware/validate.ts';
import { exactAmount } from './exact-amount.ts';

export const processRoute = new Hono<HttpEnv>().post(
  '/',
  requireScope('payments:write'),
  idempotencyKey(),
  limitBody(BODY_MAX_BYTES),
  jsonBody(),
  validate(paymentRequest),
  async function process(c) {
    const request = c.req.valid('json');
    const amount = withoutFloatError(exactAmount(await c.req.text(), 'amount'));
    const { context, idempotencyKey } = c.var;
    const answer = await outliveClient(c, processPayment(context, request, amount, idempotencyKey));
    return respond(c, answer, {
      bookingId: request.booking_id,
      amount: finite(Number(amount)),
      method: request.payment_method,
    });
  },
);

processRoute.onError(function onProcessError(error, c) {
  return isUnreadable(error) ? unreadablePayment(c, error.message) : onError(error, c);
});

/** What an answer repeats of a request of which nothing was recorded. */
interface Asked {
  bookingId: string | null;
  amount: number | null;
  method: PaymentMethod | null;
}

function respond(c: Context<HttpEnv>, answer: PaymentAnswer, asked: Asked): Response {
  const isReplayed = (answer.kind === 'completed' || answer.kind === 'failed') && answer.replayed;
  if (isReplayed) c.header(REPLAYED_HEADER, 'true');
  switch (answer.kind) {
    case 'completed':
      return c.json(paymentSuccess(answer.transaction), 200);
    case 'failed': {
      const { errorCode, failureReason, failureCause } = answer.transaction;
      const code = errorCode ?? 'PAYMENT_FAILED';
      return paymentFailure(c, code === 'PAYMENT_GATEWAY_ERROR' ? 502 : 400, {
        ...recorded(answer.transaction),
        code,
        reason: failureReason ?? failure('PAYMENT_FAILED').reason,
        ...adviceOn(failureCause, code),
      });
    }
    case 'pending':
      return paymentFailure(c, 502, {
        ...recorded(answer.transaction),
        code: 'PAYMENT_GATEWAY_ERROR',
        message: answer.accepted ? BEING_PROCESSED : OUTCOME_UNKNOWN,
        reason: answer.accepted
          ? 'The payment provider has accepted the payment and is still processing it: ask for the status of the transaction'
          : 'The outcome is not known yet: ask for the status of the transaction',
        retryPossible: false,
        nextStep: `GET /payment/status/${answer.transaction.transactionId} returns the outcome${answer.accepted ? '' : ', within some minutes'}; the booking is kept until then.`,
      });
    case 'duplicate':
      return errorResponse(c, 409, 'DUPLICATE_TRANSACTION', 'Transaction already processed', {
        transaction_id: answer.standing?.transactionId ?? null,
        status: answer.standing?.status ?? null,
      });
    case 'in_progress':
      return idempotencyInProgress(c, { transaction_id: answer.transaction.transactionId, status: 'pending' });
    case 'key_reused':
      return idempotencyKeyReused(c);
    case 'gateway_down':
      retryAfter(c, answer.retryAfterMs);
      return paymentFailure(c, 502, {
        ...asked,
        code: 'PAYMENT_GATEWAY_ERROR',
        reason: GATEWAY_DOWN,
        retryPossible: true,
        nextStep: 'Try again when the seconds of the Retry-After header have passed, or pay in another way.',
      });
    case 'gateway_not_configured': {
      const { code, reason, cause } = failureBecause('gateway_not_configured');
      return paymentFailure(c, 502, { ...asked, code, reason, ...adviceOn(cause, code) });
    }
    case 'too_many':
      return tooManyAttempts(c, answer.retryAfterMs);
    case 'invalid_amount':
      return paymentFailure(c, 400, {
        ...asked,
        code: 'INVALID_AMOUNT',
        reason: 'Invalid payment amount',
        retryPossible: false,
        nextStep: 'Send an amount above 0, with no more decimals than the currency has, and not beyond the maximum.',
      });
    case 'raw_card':
      return paymentFailure(c, 400, {
        ...asked,
        code: 'INVALID_CARD',
        reason: 'This service accepts no card numbers: a payment_method_token takes the place of card_details',
        retryPossible: false,
        nextStep: "Send a payment_method_token, and no card_details: the payer's browser gets it from the provider.",
      });
    case 'method_disabled':
      return paymentFailure(c, 400, {
        ...asked,
        code: 'PAYMENT_METHOD_DISABLED',
        reason: `Payment method ${answer.method} is not enabled`,
        retryPossible: false,
        nextStep: 'GET /payment/methods lists those that are.',
      });
  }
}

function paymentSuccess(transaction: Transaction): PaymentSuccessResponse {
  return {
    status: 'success',
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
    amount: decimalAmount(transaction.amountMinor, transaction.currency),
    payment_method: transaction.paymentMethod,
    processed_at: isoSeconds(transaction.processedAtMs ?? transaction.createdAtMs),
    message: 'Payment processed successfully',
  };
}

const OUTCOME_UNKNOWN = 'It is not known yet whether the payment was processed';
const BEING_PROCESSED = 'Payment is still being processed';

interface FailedPayment extends Asked {
  transaction?: Transaction;
  code: ErrorCode;
  /** Of the envelope. */
  message?: string;
  reason: string;
  /** Whether another attempt may succeed; that this one has failed never blocks the next. */
  retryPossible: boolean;
  nextStep: string;
}

function recorded(transaction: Transaction) {
  return {
    transaction,
    bookingId: transaction.bookingId,
    amount: decimalAmount(transaction.amountMinor, transaction.currency),
    method: transaction.paymentMethod,
  };
}

/** Both documented shapes of a failure in one body: the flat fields, and the envelope. */
function paymentFailure(c: Context, status: ContentfulStatusCode, failed: FailedPayment): Response {
  const { transaction, code, message = 'Payment could not be processed', reason, retryPossible, nextStep } = failed;
  const processedAtMs = transaction ? transaction.processedAtMs : Date.now();
  return c.json<PaymentFailureResponse>(
    {
      status: transaction?.status === 'pending' ? 'pending' : 'failed',
      ...(transaction && { transaction_id: transaction.transactionId }),
      booking_id: failed.bookingId,
      amount: failed.amount,
      payment_method: failed.method,
      error_code: code,
      error_message: failureMessage(code, reason),
      processed_at: processedAtMs === null ? null : isoSeconds(processedAtMs),
      ...errorEnvelope(envelopeCode(status, code), message, {
        reason,
        error_code: code,
        transaction_id: transaction?.transactionId ?? null,
        retry_possible: retryPossible,
        next_step: nextStep,
      }),
    },
    status,
  );
}

/** A 400 has PAYMENT_FAILED, and the cause in its details; only an invalid body has INVALID_REQUEST. */
function envelopeCode(status: ContentfulStatusCode, code: ErrorCode): ErrorCode {
  if (status === 502) return 'PAYMENT_GATEWAY_ERROR';
  return code === 'INVALID_REQUEST' ? code : 'PAYMENT_FAILED';
}

/** The 400 for a body that can't be read, in the two shapes that every 400 of this path has. */
function unreadablePayment(c: Context, reason: string): Response {
  return paymentFailure(c, 400, {
    bookingId: null,
    amount: null,
    method: null,
    code: 'INVALID_REQUEST',
    reason,
    retryPossible: false,
    nextStep: 'Correct the request, and send it again.',
  });
}

/** JSON has no infinity; such an amount is answered as null. */
function finite(amount: number): number | null {
  return Number.isFinite(amount) ? amount : null;
}

/** The bodies of answers about one payment, which several routes have in common. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ErrorCode } from '../../../contract/error-codes.ts';
import type { PaymentMethod } from '../../../contract/requests.ts';
import type { PaymentFailureResponse, PaymentSuccessResponse } from '../../../contract/responses.ts';
import { adviceOn, failure, failureMessage } from '../../../core/domain/failure.ts';
import { decimalAmount } from '../../../core/domain/money.ts';
import { isoSeconds, timeOrNull } from '../../../core/domain/timestamp.ts';
import type { Transaction } from '../../../core/domain/transaction.ts';
import { errorEnvelope } from '../error-envelope.ts';

/** What an answer repeats of a request of which nothing was recorded. */
export interface Asked {
  bookingId: string | null;
  amount: number | null;
  method: PaymentMethod | null;
}

/** What each of them has of the payment. */
export function paymentFields(transaction: Transaction) {
  return {
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
    amount: decimalAmount(transaction.amountMinor, transaction.currency),
    payment_method: transaction.paymentMethod,
  };
}

export function paymentSuccess(
  transaction: Transaction,
  message = 'Payment processed successfully',
): PaymentSuccessResponse {
  return {
    status: 'success',
    ...paymentFields(transaction),
    processed_at: isoSeconds(transaction.processedAtMs ?? transaction.createdAtMs),
    message,
  };
}

export interface FailedPayment extends Asked {
  transaction?: Transaction;
  code: ErrorCode;
  /** Of the envelope. */
  message?: string;
  reason: string;
  /** Whether another attempt may succeed; that this one has failed never blocks the next. */
  retryPossible: boolean;
  nextStep: string;
}

export function recorded(transaction: Transaction) {
  return {
    transaction,
    bookingId: transaction.bookingId,
    amount: decimalAmount(transaction.amountMinor, transaction.currency),
    method: transaction.paymentMethod,
  };
}

/** Both documented shapes of a failure in one body: the flat fields, and the envelope. */
export function paymentFailure(c: Context, status: ContentfulStatusCode, failed: FailedPayment): Response {
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
      processed_at: timeOrNull(processedAtMs),
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

/** The answer for a payment that has failed: 400, or 502 where the gateway is why. */
export function failedPayment(c: Context, transaction: Transaction): Response {
  const { errorCode, failureReason, failureCause } = transaction;
  const code = errorCode ?? 'PAYMENT_FAILED';
  return paymentFailure(c, code === 'PAYMENT_GATEWAY_ERROR' ? 502 : 400, {
    ...recorded(transaction),
    code,
    reason: failureReason ?? failure('PAYMENT_FAILED').reason,
    ...adviceOn(failureCause, code),
  });
}

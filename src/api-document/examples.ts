/** The payment that the examples of the document are about, from the request to the refund, and the failures that a payment can have. */
import type { PaymentFailureResponse } from '../contract/responses.ts';
import { adviceOn, failure, failureMessage } from '../core/domain/failure.ts';
import type { FailureCode } from '../core/domain/failure-causes.ts';
import { EXAMPLE_TIME, type Example, type Examples, envelope } from './answer.ts';

export const PAYMENT_ID = 'TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD';
export const REFUND_ID = 'REF-01M84N7ZQR63H3ZVQJHNKYB2Q1';
export const HELD_ID = 'TXN-01M8J9C0XSF3V1B4DZ9PWCRACA';
export const BOOKING_ID = 'BOOK-789012';
export const USER_ID = 'user_123';
export const AMOUNT = 25.5;

/** For the description of an operation whose examples name a payment. */
export const OWN_IDS = 'The ids in the examples get a 404: use those in your answer of `processPayment`.';

/** What each answer has of the payment. */
export const PAYMENT = {
  transaction_id: PAYMENT_ID,
  booking_id: BOOKING_ID,
  amount: AMOUNT,
  payment_method: 'credit_card',
} as const;

/** Both shapes of a failure, as the service words it. */
export function failedPayment(code: FailureCode): PaymentFailureResponse {
  const { reason, cause } = failure(code);
  const { retryPossible, nextStep } = adviceOn(cause, code);
  const isOfGateway = code === 'PAYMENT_GATEWAY_ERROR';
  return {
    status: 'failed',
    ...PAYMENT,
    error_code: code,
    error_message: failureMessage(code, reason),
    processed_at: EXAMPLE_TIME,
    ...envelope(isOfGateway ? code : 'PAYMENT_FAILED', 'Payment could not be processed', {
      reason,
      error_code: code,
      transaction_id: PAYMENT_ID,
      retry_possible: retryPossible,
      next_step: nextStep,
    }),
  };
}

/** The 502 of an outcome that is not known yet. */
export function pendingPayment(message: string): Example {
  return {
    summary: 'The outcome is not known yet',
    value: {
      ...failedPayment('PAYMENT_GATEWAY_ERROR'),
      status: 'pending',
      error_message: 'The outcome is not known yet: ask for the status of the transaction',
      processed_at: null,
      ...envelope('PAYMENT_GATEWAY_ERROR', message, {
        reason: 'The outcome is not known yet: ask for the status of the transaction',
        error_code: 'PAYMENT_GATEWAY_ERROR',
        transaction_id: PAYMENT_ID,
        retry_possible: false,
        next_step: `GET /payment/status/${PAYMENT_ID} returns the outcome, within some minutes; the booking is kept until then.`,
      }),
    } satisfies PaymentFailureResponse,
  };
}

/** Of payments that failed, under their codes. */
export function failureExamples(codes: readonly FailureCode[]): Examples {
  return Object.fromEntries(
    codes.map((code) => [code, { summary: failure(code).reason, value: failedPayment(code) } satisfies Example]),
  );
}

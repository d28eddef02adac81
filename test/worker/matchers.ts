/** What answers have in common, as the contract documents it. */
import { expect } from 'vitest';
import type { Answer } from './request.ts';

export const TIMESTAMP = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
export const TRANSACTION_ID = expect.stringMatching(/^TXN-[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
export const REFUND_ID = expect.stringMatching(/^REF-[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
export const EVENT_ID = expect.stringMatching(/^evt_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);

/** The envelope that every error carries, and nothing but the three fields that the contract has in it. */
export function expectEnvelope(answer: Answer, code: string): void {
  expect(answer.body.error).toEqual({
    code,
    message: expect.stringMatching(/\S/),
    details: expect.any(Object),
  });
  expect(answer.body.timestamp).toEqual(TIMESTAMP);
  expect(answer.headers.get('Content-Type')).toMatch(/^application\/json/);
  expect(answer.headers.get('X-Request-Id')).toMatch(/\S/);
}

/** Both documented shapes at once, as every 400 and 502 of /payment/process has them. */
export function expectPaymentFailure(
  answer: Answer,
  expected: {
    status?: 'failed' | 'pending';
    errorCode: string;
    bookingId?: unknown;
    amount?: unknown;
    method?: unknown;
    transactionId?: unknown;
    retryPossible: boolean;
    envelopeCode?: string;
  },
): void {
  const { status = 'failed', transactionId = null } = expected;
  expectEnvelope(answer, expected.envelopeCode ?? (answer.status === 502 ? 'PAYMENT_GATEWAY_ERROR' : 'PAYMENT_FAILED'));
  expect(answer.body).toEqual({
    status,
    ...(transactionId !== null && { transaction_id: transactionId }),
    booking_id: expected.bookingId ?? null,
    amount: expected.amount ?? null,
    payment_method: expected.method ?? null,
    error_code: expected.errorCode,
    error_message: expect.stringMatching(/\S/),
    processed_at: status === 'pending' ? null : TIMESTAMP,
    error: {
      code: answer.body.error.code,
      message: answer.body.error.message,
      details: {
        reason: expect.stringMatching(/\S/),
        error_code: expected.errorCode,
        transaction_id: transactionId,
        retry_possible: expected.retryPossible,
        next_step: expect.stringMatching(/\S/),
      },
    },
    timestamp: TIMESTAMP,
  });
}

/** What the console makes of an answer to a refund, a capture or a void: a request that may have been carried out is never reported as refused. */
import { describe, expect, it } from 'vitest';
import { errorOf, isRepeatable, outcomeOf, type Problem, REPEATABLE_MS } from '../../src/console/text/answer.ts';
import type { ErrorCode } from '../../src/contract/error-codes.ts';
import type { ErrorDetails } from '../../src/contract/responses.ts';
import { KEY_LIFETIME_MS } from '../../src/core/ledger/idempotency-keys/claim-key.ts';

type Kind = ReturnType<typeof outcomeOf>['kind'];

function refusal(status: number, code: ErrorCode | null, details: ErrorDetails = {}): Problem {
  return { kind: 'refused', status, code, message: 'Why', details, requestId: null };
}

const REFUND = { refund_transaction_id: 'REF-1' };
const PAYMENT = { transaction_id: 'TXN-1' };
const GATEWAY = 'PAYMENT_GATEWAY_ERROR';

describe('an answer to an order', () => {
  it.each<[string, Problem, first: Kind, repeated: Kind]>([
    ['that is lost', { kind: 'unanswered' }, 'lost', 'lost'],
    // Nothing was done, but that says nothing of an earlier request.
    ['of the rate limit', refusal(429, 'RATE_LIMIT_EXCEEDED', { retry_after_seconds: 2 }), 'refused', 'lost'],
    ['that nobody is signed in', refusal(401, 'UNAUTHORIZED'), 'refused', 'lost'],
    ['that the scope is missing', refusal(403, 'FORBIDDEN'), 'refused', 'lost'],
    ['that the key is of another request', refusal(422, 'IDEMPOTENCY_KEY_REUSED'), 'refused', 'lost'],
    ['that it is not allowed', refusal(400, 'REFUND_NOT_ALLOWED', { refundable_amount: 1 }), 'refused', 'lost'],
    ['that the gateway was not asked', refusal(502, GATEWAY, { status: 'failed' }), 'refused', 'lost'],
    ['that it is not authorized', refusal(400, 'CAPTURE_NOT_ALLOWED', { status: 'authorized' }), 'refused', 'lost'],
    // It may have been done, at the first request as well.
    ['of a Worker that failed', refusal(500, 'INTERNAL_ERROR'), 'lost', 'lost'],
    ['of a database that is away', refusal(503, 'SERVICE_UNAVAILABLE'), 'lost', 'lost'],
    [
      'that the reservation is not confirmed',
      refusal(503, 'SERVICE_UNAVAILABLE', { ...REFUND, status: 'pending' }),
      'lost',
      'lost',
    ],
    ['of a server in front of the Worker', refusal(524, null), 'lost', 'lost'],
    // Outcomes of this refund, and of this payment.
    [
      'of a refund that failed',
      refusal(400, 'REFUND_NOT_ALLOWED', { ...REFUND, status: 'failed' }),
      'refused',
      'refused',
    ],
    [
      'of a refund that the gateway failed',
      refusal(502, GATEWAY, { ...REFUND, status: 'failed' }),
      'refused',
      'refused',
    ],
    [
      'of a refund that came back',
      refusal(400, 'REFUND_NOT_ALLOWED', { ...REFUND, status: 'reversed' }),
      'refused',
      'refused',
    ],
    ['of a refund without an outcome', refusal(502, GATEWAY, { ...REFUND, status: 'pending' }), 'pending', 'pending'],
    [
      'of a refund under way',
      refusal(409, 'IDEMPOTENCY_IN_PROGRESS', { ...REFUND, status: 'pending' }),
      'pending',
      'pending',
    ],
    ['of a capture that failed', refusal(502, GATEWAY, { ...PAYMENT, status: 'failed' }), 'refused', 'refused'],
    ['of a capture without an outcome', refusal(502, GATEWAY, { ...PAYMENT, status: 'pending' }), 'pending', 'pending'],
    [
      'of a payment that ended otherwise',
      refusal(409, 'DUPLICATE_TRANSACTION', { ...PAYMENT, status: 'completed' }),
      'refused',
      'refused',
    ],
    [
      'of a payment that is being ended',
      refusal(409, 'DUPLICATE_TRANSACTION', { ...PAYMENT, status: 'pending' }),
      'refused',
      'pending',
    ],
    [
      'of a hold that is being ended',
      refusal(409, 'DUPLICATE_TRANSACTION', { ...PAYMENT, status: 'authorized' }),
      'refused',
      'pending',
    ],
  ])('%s', (_, answer, first, repeated) => {
    expect(outcomeOf(answer, false).kind).toBe(first);
    expect(outcomeOf(answer, true).kind).toBe(repeated);
  });

  it('of success is final', () => {
    expect(outcomeOf({ kind: 'ok', body: 1 }, true)).toEqual({ kind: 'done', body: 1 });
  });
});

it('a refund is sent again only while the service keeps its key, with an hour to spare', () => {
  expect(isRepeatable(0, REPEATABLE_MS - 1)).toBe(true);
  expect(isRepeatable(0, REPEATABLE_MS)).toBe(false);
  expect(KEY_LIFETIME_MS - REPEATABLE_MS).toBe(3_600_000);
});

describe('the error of a refusal', () => {
  it('has the status of the payment, which is beside the envelope', () => {
    const error = { code: GATEWAY, message: 'Unknown', details: { transaction_id: 'TXN-1' } };
    expect(errorOf({ status: 'pending', error })).toEqual({
      ...error,
      details: { status: 'pending', transaction_id: 'TXN-1' },
    });
    expect(errorOf({ error })).toBe(error);
  });

  it.each([[null], ['Bad Gateway'], [{ status: 502, error: 'Bad Gateway' }], [{}]])('is null in %j', (body) => {
    expect(errorOf(body)).toBe(null);
  });
});

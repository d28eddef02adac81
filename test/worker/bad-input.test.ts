import { describe, expect, it } from 'vitest';
import { titled } from '../data/abridged.ts';
import { BAD_BODIES, MARKER } from './bad-bodies.ts';
import { BAD_PAYMENT_FIELDS, BAD_REFUND_FIELDS, withField } from './bad-fields.ts';
import { expectEnvelope, expectPaymentFailure } from './matchers.ts';
import { type Answer, CARD, payment, type RequestOptions, refundOf, send } from './request.ts';
import { rowCounts } from './stored.ts';

const MARKED_CARD = { ...CARD, cardholder_name: MARKER };
const markedPayment = () => payment({ user_id: MARKER, card_details: MARKED_CARD });
const NOBODY = { transaction_id: 'TXN-01J00000000000000000000000', booking_id: 'BOOK-NONE' };
const markedRefund = () => refundOf(NOBODY, { user_id: MARKER, reason: MARKER });

/** Sends what must leave no trace: neither in the database, nor in the answer. */
async function sendBad(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const before = await rowCounts();
  const answer = await send(method, path, options);
  expect(await rowCounts()).toEqual(before);
  expectNoEcho(answer);
  return answer;
}

function expectNoEcho(answer: Answer): void {
  expect(answer.text.toLowerCase()).not.toContain('zq7x');
  expect(JSON.stringify([...answer.headers]).toLowerCase()).not.toContain('zq7x');
  expect(answer.text).not.toContain('7301');
}

describe.each(['/payment/process', '/payment/refund'])('a body that is no request, at %s', (path) => {
  it.each(BAD_BODIES)('answers $status $code to $name', async ({ options, status, code }) => {
    const answer = await sendBad('POST', path, options);

    expect(answer.status).toBe(status);
    expectEnvelope(answer, code);
    if (path === '/payment/process' && status === 400) {
      expectPaymentFailure(answer, { errorCode: code, envelopeCode: code, retryPossible: false });
    }
  });
});

describe('a field that cannot be', () => {
  function expectIssue(answer: Answer, path: string): void {
    expect(answer.status).toBe(422);
    expectEnvelope(answer, 'VALIDATION_ERROR');
    expect(answer.body.error.details).toEqual({ issues: [{ path, message: expect.stringMatching(/\S/) }] });
  }

  it.each(BAD_PAYMENT_FIELDS)('of a payment is named: $path, $name', async ({ path, field, json }) => {
    const answer = await sendBad('POST', '/payment/process', { body: withField(markedPayment(), field, json) });
    expectIssue(answer, path);
  });

  it.each(BAD_REFUND_FIELDS)('of a refund is named: $path, $name', async ({ path, field, json }) => {
    const answer = await sendBad('POST', '/payment/refund', { body: withField(markedRefund(), field, json) });
    expectIssue(answer, path);
  });

  it('is one of all that are named at once', async () => {
    const answer = await sendBad('POST', '/payment/process', {
      body: { user_id: 1, amount: 'x', card_details: { card_number: 1 } },
    });
    const paths = answer.body.error.details.issues.map((issue: { path: string }) => issue.path);
    expect(paths.sort()).toEqual([
      'amount',
      'booking_id',
      'card_details.card_number',
      'card_details.cardholder_name',
      'card_details.cvv',
      'card_details.expiry_month',
      'card_details.expiry_year',
      'payment_method',
      'user_id',
    ]);
  });
});

/** JSON literals of amounts that can't be paid, in dollars. */
const BAD_AMOUNTS = [
  ...[
    '0',
    '-0',
    '0.00',
    '0e5',
    '-1',
    '-25.5',
    '-1e400',
    '25.505',
    '24.2999999',
    '25.50000000100001',
    '0.001',
    '1e-3',
    '1e-400',
  ],
  ...['1e400', '1e308', '99999999999999999999', '100000.01', '1e999999999', '-1e999999999', '1e-999999999'],
  ...['"0"', '"-1"', '"25.505"', '" 25.505 "', '"1e400"', '"1e999999999"', '"+0"', '".001"'],
  ...[`1${'0'.repeat(9000)}`, `0.${'0'.repeat(9000)}1`, `"${'9'.repeat(9000)}"`, `25.505${'0'.repeat(9000)}1`],
];

describe('an amount that cannot be paid', () => {
  it.each(titled(BAD_AMOUNTS))('is INVALID_AMOUNT of a payment, which is not recorded: %s', async (_, literal) => {
    const request = markedPayment();
    const answer = await sendBad('POST', '/payment/process', { body: withField(request, 'amount', literal) });

    expect(answer.status).toBe(400);
    const repeated = Number(JSON.parse(literal));
    expectPaymentFailure(answer, {
      errorCode: 'INVALID_AMOUNT',
      bookingId: request.booking_id,
      amount: Number.isFinite(repeated) ? expect.closeTo(repeated) : null,
      method: 'credit_card',
      retryPossible: false,
    });
  });

  // What exceeds the largest payment is none of a refund's business: it exceeds what was paid.
  it.each(titled(BAD_AMOUNTS.filter((literal) => literal !== '100000.01')))(
    'is INVALID_AMOUNT of a refund: %s',
    async (_, literal) => {
      const answer = await sendBad('POST', '/payment/refund', {
        body: withField(markedRefund(), 'refund_amount', literal),
      });
      expect([answer.status, answer.body.error.code]).toEqual([400, 'INVALID_AMOUNT']);
      expectEnvelope(answer, 'INVALID_AMOUNT');
    },
  );

  it('is the last one where there are several', async () => {
    const body = withField(markedPayment(), 'amount', '25.5,"amount":25.505');
    const answer = await sendBad('POST', '/payment/process', { body });
    expect(answer.body.error_code).toBe('INVALID_AMOUNT');
  });
});

it('refuses a payment that nests more deeply than its exact amount can be read', async () => {
  const nested = '['.repeat(7000) + ']'.repeat(7000);
  const answer = await sendBad('POST', '/payment/process', { body: withField(markedPayment(), 'unknown', nested) });
  expect(answer.status).toBe(400);
  expectPaymentFailure(answer, {
    errorCode: 'INVALID_REQUEST',
    envelopeCode: 'INVALID_REQUEST',
    retryPossible: false,
  });
});

it('refuses a refund that nests more deeply than its exact amount can be read', async () => {
  const nested = '['.repeat(7000) + ']'.repeat(7000);
  const answer = await sendBad('POST', '/payment/refund', { body: withField(markedRefund(), 'unknown', nested) });
  expect(answer.status).toBe(400);
  expectEnvelope(answer, 'INVALID_REQUEST');
});

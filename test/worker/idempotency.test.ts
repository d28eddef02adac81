/** Invariant 8, of payments: the same request twice is one payment. */
import { describe, expect, it } from 'vitest';
import { paymentRequest } from '../../src/contract/requests.ts';
import { paymentIdentity } from '../../src/core/payments/replay.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { withField } from './bad-fields.ts';
import { age, isReplayed, keyRows, lasting, newKey, payWithKey, refundWithKey } from './idempotent-requests.ts';
import { expectEnvelope } from './matchers.ts';
import { runCron } from './queue.ts';
import {
  type Answer,
  CARD,
  cardNumbered,
  newBooking,
  pay,
  payment,
  refund,
  refundOf,
  send,
  sendWith,
  status,
} from './request.ts';
import { eventTypesOf, transactionsOf } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

/** For a hundred requests on a busy machine. */
const CROWD_TIMEOUT_MS = 20_000;

const DAY_MS = 24 * 60 * 60_000;

/** A payment that stays pending, because its outcome can't be written down. */
function payIntoTheDark(key: string, body: Record<string, unknown>): Promise<Answer> {
  const DB = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer')).d1;
  return sendWith({ DB }, 'POST', '/payment/process', { body, headers: { 'Idempotency-Key': key } });
}

function expectInProgress(answer: Answer): void {
  expect(answer.status).toBe(409);
  expectEnvelope(answer, 'IDEMPOTENCY_IN_PROGRESS');
  expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(isReplayed(answer)).toBe(false);
}

function expectReused(answer: Answer): void {
  expect(answer.status).toBe(422);
  expectEnvelope(answer, 'IDEMPOTENCY_KEY_REUSED');
}

describe('the same payment twice (invariant 8)', () => {
  it('is one row, one event and the same 200, byte for byte', async () => {
    const [key, request] = [newKey(), payment()];
    const first = await payWithKey(key, request);
    const again = await payWithKey(key, request);

    expect([first.status, isReplayed(first)]).toEqual([200, false]);
    expect([again.status, isReplayed(again)]).toEqual([200, true]);
    expect(again.text).toBe(first.text);
    expect(await transactionsOf(String(request.booking_id))).toHaveLength(1);
    expect(await eventTypesOf(String(request.booking_id))).toEqual(['payment.success']);
  });

  it.each([
    ['declined', payment({ card_details: cardNumbered(TEST_CARDS.visaDeclined) }), 400],
    ['failed by the gateway', payment({ card_details: cardNumbered(TEST_CARDS.gatewayFails) }), 502],
    ['failed without a card', payment({ card_details: null }), 400],
  ])('is the same failure where it was %s, and the booking is not charged', async (_, request, code) => {
    const key = newKey();
    const first = await payWithKey(key, request);
    const again = await payWithKey(key, request);

    expect([first.status, again.status, isReplayed(again)]).toEqual([code, code, true]);
    expect(lasting(again)).toEqual(lasting(first));
    expect(await transactionsOf(String(request.booking_id))).toHaveLength(1);
    expect(await eventTypesOf(String(request.booking_id))).toEqual(['payment.failed']);
  });

  it('is the same 200 after the payment was refunded', async () => {
    const [key, request] = [newKey(), payment()];
    const first = await payWithKey(key, request);
    expect((await refund(refundOf(first.body))).status).toBe(200);
    const again = await payWithKey(key, request);
    expect([again.status, again.text, isReplayed(again)]).toEqual([200, first.text, true]);
  });

  it('is a 409 that says when to come back while the first has no outcome, and its answer afterwards', async () => {
    const [key, request] = [newKey(), payment()];
    const first = await payIntoTheDark(key, request);
    const again = await payWithKey(key, request);
    expectInProgress(again);
    expect(again.body.error.details).toEqual({ transaction_id: first.body.transaction_id, status: 'pending' });
    expect(await transactionsOf(String(request.booking_id))).toHaveLength(1);
  });

  it('outranks the booking’s live payment', async () => {
    const [key, booking_id] = [newKey(), newBooking()];
    const declined = payment({ booking_id, card_details: cardNumbered(TEST_CARDS.visaDeclined) });
    const first = await payWithKey(key, declined);
    await pay(payment({ booking_id }));

    const again = await payWithKey(key, declined);
    expect([again.status, again.body.transaction_id]).toEqual([400, first.body.transaction_id]);
    expect(await transactionsOf(booking_id)).toHaveLength(2);
  });

  it('is one, and one charge, where D1’s answers are lost', async () => {
    const [key, body] = [newKey(), payment()];
    const DB = watchedDatabase((roundTrip) => (roundTrip % 2 === 1 ? 'lose' : 'answer')).d1;
    const first = await sendWith({ DB }, 'POST', '/payment/process', { body, headers: { 'Idempotency-Key': key } });
    expect([first.status, isReplayed(first)]).toEqual([200, false]);
    expect((await payWithKey(key, body)).text).toBe(first.text);
    expect(await transactionsOf(String(body.booking_id))).toHaveLength(1);
  });

  it('is one of 100 at once: one row, one event, and every answer that one or a 409', {
    timeout: CROWD_TIMEOUT_MS,
  }, async () => {
    const [key, request] = [newKey(), payment()];
    const answers = await Promise.all(Array.from({ length: 100 }, () => payWithKey(key, request)));

    const paid = answers.filter((answer) => answer.status === 200);
    expect(new Set(paid.map(({ text }) => text)).size).toBe(1);
    expect(paid.filter((answer) => !isReplayed(answer))).toHaveLength(1);
    for (const answer of answers.filter((answer) => answer.status !== 200)) expectInProgress(answer);
    expect(await transactionsOf(String(request.booking_id))).toHaveLength(1);
    expect(await eventTypesOf(String(request.booking_id))).toEqual(['payment.success']);

    const afterwards = await Promise.all(Array.from({ length: 10 }, () => payWithKey(key, request)));
    for (const { status: code, text } of afterwards) expect([code, text]).toEqual([200, paid[0]?.text]);
  });
});

it('a payment that has been refunded since is answered as the first time: it was paid', async () => {
  const [key, request] = [newKey(), payment()];
  const first = await payWithKey(key, request);
  await refund(refundOf(first.body));
  const again = await payWithKey(key, request);
  expect([again.status, again.text, isReplayed(again)]).toEqual([200, first.text, true]);
  expect((await status(first.body.transaction_id)).body.status).toBe('refunded');
});

describe('a payment is the same one', () => {
  it.each(['25.50', '25.5', '"25.50"', '2.55e1', '25.500', '25.499999999999996'])(
    'with its amount spelled %s',
    async (literal) => {
      const [key, request] = [newKey(), payment()];
      const first = await payWithKey(key, request);
      const again = await payWithKey(key, withField(request, 'amount', literal));
      expect([again.status, again.text]).toEqual([200, first.text]);
    },
  );

  it.each([
    ['another security code, which is not kept in any form', { card_details: { ...CARD, cvv: '740' } }],
    ['a field that nobody knows', { remark: 'again' }],
    ['its optional fields null', { paypal_details: null, user_email: null, statement_descriptor_suffix: null }],
    ['an empty address for the receipt', { receipt_email: '' }],
  ])('with %s', async (_, change) => {
    const [key, request] = [newKey(), payment()];
    const first = await payWithKey(key, request);
    const again = await payWithKey(key, { ...request, ...change });
    expect([again.status, again.text, isReplayed(again)]).toEqual([200, first.text, true]);
  });

  it.each([
    ['month', { expiry_month: '1' }],
    ['month in full width', { expiry_month: '０１ ' }],
    ['year', { expiry_year: '47' }],
    ['year with a no-break space', { expiry_year: '\u00a02047' }],
    ['number', { card_number: '4111\u20131111 1111\u200b1111\n' }],
    ['number in full width', { card_number: '４１１１ １１１１ １１１１ １１１１' }],
    ['name', { cardholder_name: '\tJohn Doe ' }],
    ['security code', { cvv: '739\n' }],
  ])('with the %s of its card spelled in another way', async (_, spelling) => {
    const [key, card] = [newKey(), { ...CARD, expiry_month: '01', expiry_year: '2047' }];
    const request = payment({ card_details: card });
    const first = await payWithKey(key, request);
    const again = await payWithKey(key, { ...request, card_details: { ...card, ...spelling } });
    expect([again.status, again.text, isReplayed(again)]).toEqual([200, first.text, true]);
  });

  it('with blanks around its PayPal order, its addresses and its token', async () => {
    const paypal_details = { email: 'payer@example.com', payment_id: 'PAY-TYPED' };
    const byPayPal = payment({ payment_method: 'paypal', card_details: null, paypal_details });
    const byToken = payment({ card_details: null, payment_method_token: 'tok_visa', user_email: 'user@example.com' });
    const typed = [
      [byPayPal, { paypal_details: { email: ' payer@example.com', payment_id: '\u00a0PAY-TYPED\n' } }],
      [byToken, { payment_method_token: 'tok_visa\r\n', user_email: '\u200buser@example.com ' }],
    ] as const;
    for (const [request, spelling] of typed) {
      const key = newKey();
      const first = await payWithKey(key, request);
      const again = await payWithKey(key, { ...request, ...spelling });
      expect([again.status, again.text, isReplayed(again)]).toEqual([200, first.text, true]);
    }
  });

  it('as former versions knew it, where it is spelled as the contract does', () => {
    const request = payment({
      booking_id: 'BOOK-789012',
      card_details: { ...CARD, card_number: '4111 1111-1111 1111' },
    });
    expect(paymentIdentity(paymentRequest.parse(request), '25.50').reveal()).toBe(
      '["user_123","BOOK-789012",25.5,"credit_card",["4111111111111111","12","2047","John Doe"],null,null]',
    );
  });

  it('whatever order its fields have', async () => {
    const [key, request] = [newKey(), payment()];
    const first = await payWithKey(key, request);
    const again = await payWithKey(key, Object.fromEntries(Object.entries(request).toReversed()));
    expect([again.status, again.text]).toEqual([200, first.text]);
  });
});

describe('a key that belongs to another payment', () => {
  it.each([
    ['amount', { amount: 25.51 }],
    ['card', { card_details: cardNumbered(TEST_CARDS.mastercard) }],
    ['expiry', { card_details: { ...CARD, expiry_month: '11' } }],
    ['cardholder', { card_details: { ...CARD, cardholder_name: 'Jane Doe' } }],
    ['booking', { booking_id: 'BOOK-ANOTHER' }],
    ['user', { user_id: 'user_124' }],
    ['method', { payment_method: 'debit_card' }],
    ['address', { user_email: 'another@example.com' }],
    ['suffix of the statement', { statement_descriptor_suffix: 'SEAT 12A' }],
    ['address for the receipt', { receipt_email: 'another@example.com' }],
    ['way to pay', { payment_method: 'paypal', paypal_details: { email: 'a@example.com', payment_id: 'PAY-1' } }],
  ])('is a 422 with another %s, and nothing is recorded', async (_, change) => {
    const [key, request] = [newKey(), payment()];
    await payWithKey(key, request);
    expectReused(await payWithKey(key, { ...request, ...change }));
    expect(await transactionsOf('BOOK-ANOTHER')).toEqual([]);
    expect(await transactionsOf(String(request.booking_id))).toHaveLength(1);
  });

  it('is a 422 while that one has no outcome yet', async () => {
    const [key, request] = [newKey(), payment()];
    await payIntoTheDark(key, request);
    expectReused(await payWithKey(key, { ...request, amount: 1 }));
  });

  it('is a 422 where the two are sent at once, of one of them', async () => {
    const key = newKey();
    const answers = await Promise.all([payWithKey(key, payment()), payWithKey(key, payment())]);
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 422]);
  });
});

describe('a key is held by nothing but a payment that was recorded', () => {
  it('and so is free after a 409 for the booking', async () => {
    const [key, booking_id] = [newKey(), newBooking()];
    await pay(payment({ booking_id }));
    const duplicate = await payWithKey(key, payment({ booking_id }));
    expect(duplicate.status).toBe(409);
    expectEnvelope(duplicate, 'DUPLICATE_TRANSACTION');

    expect(await keyRows(key)).toEqual([]);
    expect((await payWithKey(key, payment())).status).toBe(200);
  });

  it.each([
    ['an amount that cannot be paid', payment({ amount: 25.505 }), 400],
    ['a method that is disabled', payment({ payment_method: 'stripe' }), 400],
    ['a request that is not valid', payment({ user_id: null }), 422],
  ])('and so is free after %s', async (_, request, code) => {
    const key = newKey();
    expect((await payWithKey(key, request)).status).toBe(code);
    expect(await keyRows(key)).toEqual([]);
    expect((await payWithKey(key, payment())).status).toBe(200);
  });

  it('and not by one that was sent without a key', async () => {
    const request = payment();
    await pay(request);
    const duplicate = await payWithKey(newKey(), request);
    expect([duplicate.status, duplicate.body.error.code]).toEqual([409, 'DUPLICATE_TRANSACTION']);
  });

  it('and is another key where it comes with a refund', async () => {
    const [key, request] = [newKey(), payment()];
    const made = await payWithKey(key, request);
    const refunded = await refundWithKey(key, refundOf(made.body));
    expect([refunded.status, isReplayed(refunded)]).toEqual([200, false]);
    expect((await payWithKey(key, request)).text).toBe(made.text);
    expect(await keyRows(key)).toHaveLength(2);
  });
});

describe('a key is kept for 24 hours', () => {
  it('and answers until then', async () => {
    const [key, request] = [newKey(), payment()];
    const first = await payWithKey(key, request);
    await age(key, DAY_MS - 60_000);
    expect((await payWithKey(key, request)).text).toBe(first.text);
  });

  it('and serves a new request afterwards, though it has not been purged', async () => {
    const key = newKey();
    await payWithKey(key, payment());
    await age(key, DAY_MS);
    const request = payment();
    const next = await payWithKey(key, request);
    expect([next.status, isReplayed(next)]).toEqual([200, false]);
    expect((await payWithKey(key, request)).text).toBe(next.text);
  });

  it('and is thrown away by the cron, which leaves the others', async () => {
    const [old, young] = [newKey(), newKey()];
    await payWithKey(old, payment());
    await payWithKey(young, payment());
    await age(old, DAY_MS);
    await age(young, DAY_MS - 60_000);
    await runCron();
    expect([await keyRows(old), await keyRows(young)]).toEqual([[], [expect.anything()]]);
  });
});

describe('what is kept of a request with a key (invariant 5)', () => {
  it('is a fingerprint and no card data', async () => {
    const [key, beforeMs] = [newKey(), Date.now()];
    const { body } = await payWithKey(key, payment());
    const [row] = await keyRows(key);
    expect(row).toEqual({
      tenant: 'default',
      path: '/payment/process',
      idempotency_key: key,
      fingerprint: expect.stringMatching(/^[0-9a-f]{8}:[0-9a-f]{64}$/),
      claimed_id: body.transaction_id,
      created_at_ms: expect.any(Number),
    });
    expect(Number(row?.created_at_ms)).toBeGreaterThanOrEqual(beforeMs);
  });

  it('is a fingerprint that nobody can compute without its secret, and behind another secret the key alone decides', async () => {
    const [key, body] = [newKey(), payment()];
    const { body: first } = await payWithKey(key, body);
    const FINGERPRINT_KEY = 'YW5vdGhlci1rZXktb2YtZmluZ2VycHJpbnRzLWVudGlyZWx5';
    const headers = { 'Idempotency-Key': key };
    const again = await sendWith({ FINGERPRINT_KEY }, 'POST', '/payment/process', { body, headers });
    expect([again.status, again.body]).toEqual([200, first]);

    const [other, sameBody] = [newKey(), { ...body, booking_id: payment().booking_id }];
    await sendWith({ FINGERPRINT_KEY }, 'POST', '/payment/process', {
      body: sameBody,
      headers: { 'Idempotency-Key': other },
    });
    const [[row], [otherRow]] = [await keyRows(key), await keyRows(other)];
    expect(String(row?.fingerprint).slice(0, 8)).not.toBe(String(otherRow?.fingerprint).slice(0, 8));
  });

  // Keys outlive a deployment: a request that is sent again after it has to be recognized.
  it.each<[string, Record<string, unknown>, string]>([
    ['a card', {}, 'dde420ced59f6e6911cf2e91576c565928f3e65b3dd3ccaead84329293d7c3f1'],
    [
      'a card in groups',
      { card_details: cardNumbered('4111 1111-1111 1111') },
      'aa37dda58759cc334c728cdafef3d0719a20263c1479fde2ffcad40ed581ec9e',
    ],
    [
      'a card of another brand',
      { card_details: cardNumbered(TEST_CARDS.amex), user_email: 'a@b.example' },
      '7889a1b0280e8a2dce063d449fba7a6f2d226cdafadd862ba8755e85ce6f6df1',
    ],
    [
      'what is no card',
      { card_details: { ...CARD, card_number: '"\ud800', cardholder_name: 'Zoë "王"' } },
      '6e9dbab2a87f7d0a999a8b35bc8317d89088b94aec41c6e1ff8a868c566dcd02',
    ],
    [
      'a token',
      { card_details: null, payment_method_token: 'tok_visa' },
      '7fcc7e13b02ea15c5f539a39601f7137be752639c4c4ece82bbc96d3e3e64023',
    ],
    [
      'a PayPal order',
      { payment_method: 'paypal', card_details: null, paypal_details: { email: 'a@b.example', payment_id: 'P-1' } },
      '8a24379207e236ef927b1ba8b632322354252ba5bc3502ed404fc4c0a85153f7',
    ],
  ])('is the same fingerprint as ever, of %s', async (what, overrides, hash) => {
    const key = newKey();
    await payWithKey(key, payment({ booking_id: `BOOK-${what}`, ...overrides }));
    const [row] = await keyRows(key);
    expect(row?.fingerprint).toBe(`d35384af:${hash}`);
  });

  it('is not in the status', async () => {
    const { body } = await payWithKey(newKey(), payment());
    expect((await status(body.transaction_id)).text).not.toMatch(/key|fingerprint/i);
  });
});

it('a request without a key is answered as ever', async () => {
  const answer = await send('POST', '/payment/process', { body: payment() });
  expect([answer.status, answer.headers.has('Idempotent-Replayed')]).toEqual([200, false]);
});

/** Invariant 8, of refunds: the same request twice pays back once. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { resolveNotified } from '../../src/core/recovery/resolve.ts';
import { withField } from './bad-fields.ts';
import { paidInYen } from './former-currency.ts';
import { age, isReplayed, keyRows, lasting, newKey, payWithKey, refundWithKey } from './idempotent-requests.ts';
import { expectEnvelope } from './matchers.ts';
import { refundRequest } from './operation.ts';
import { type Answer, paid, payment, refund, refundOf, sendWith } from './request.ts';
import { APPROVED, DECLINED, newWorld, paidPayment, pendingRefund, timesAsked } from './scripted-gateway.ts';
import { eventTypesOf, refundsOf, transaction } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

/** For a hundred requests on a busy machine. */
const CROWD_TIMEOUT_MS = 20_000;

/** A refund that stays pending, because its outcome can't be written down. */
function refundIntoTheDark(key: string, body: Record<string, unknown>): Promise<Answer> {
  const DB = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer')).d1;
  return sendWith({ DB }, 'POST', '/payment/refund', { body, headers: { 'Idempotency-Key': key } });
}

function expectInProgress(answer: Answer): void {
  expect(answer.status).toBe(409);
  expectEnvelope(answer, 'IDEMPOTENCY_IN_PROGRESS');
  expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
}

function expectReused(answer: Answer): void {
  expect(answer.status).toBe(422);
  expectEnvelope(answer, 'IDEMPOTENCY_KEY_REUSED');
}

describe('the same refund twice (invariant 8)', () => {
  it('is one refund and the same 200, byte for byte, though the amount would allow a second one', async () => {
    const [key, made] = [newKey(), await paid()];
    const request = refundOf(made, { refund_amount: 10 });
    const first = await refundWithKey(key, request);
    const again = await refundWithKey(key, request);

    expect([first.status, isReplayed(first)]).toEqual([200, false]);
    expect([again.status, isReplayed(again)]).toEqual([200, true]);
    expect(again.text).toBe(first.text);
    expect(await transaction(made.transaction_id)).toMatchObject({ reserved_minor: 0, refunded_minor: 1000 });
    expect(await eventTypesOf(made.booking_id)).toEqual(['payment.success', 'payment.refund']);
  });

  it('is the same 200 where nothing is left to refund', async () => {
    const [key, made] = [newKey(), await paid()];
    const first = await refundWithKey(key, refundOf(made));
    const again = await refundWithKey(key, refundOf(made));
    expect([again.status, again.text, isReplayed(again)]).toEqual([200, first.text, true]);
  });

  it('is a 409 that says when to come back while the first has no outcome', async () => {
    const [key, made] = [newKey(), await paid()];
    const first = await refundIntoTheDark(key, refundOf(made));
    const again = await refundWithKey(key, refundOf(made));
    expectInProgress(again);
    const { refund_transaction_id } = first.body.error.details;
    expect(again.body.error.details).toEqual({ refund_transaction_id, status: 'pending' });
    expect(await refundsOf(made.transaction_id)).toHaveLength(1);
  });

  it.each([
    ['REFUND_NOT_ALLOWED', 400],
    ['PAYMENT_GATEWAY_ERROR', 502],
  ])('is the same failure where the first failed as %s, and nothing is paid back', async (errorCode, code) => {
    const [key, made] = [newKey(), await paid()];
    await refundIntoTheDark(key, refundOf(made));
    await env.DB.batch([
      env.DB.prepare(
        `UPDATE refunds SET status = 'failed', error_code = ?2, failure_reason = 'a reason', processed_at_ms = 1,
           next_lookup_at_ms = NULL WHERE transaction_id = ?1`,
      ).bind(made.transaction_id, errorCode),
      env.DB.prepare('UPDATE transactions SET reserved_minor = 0 WHERE transaction_id = ?1').bind(made.transaction_id),
    ]);
    const answers = [await refundWithKey(key, refundOf(made)), await refundWithKey(key, refundOf(made))] as const;
    for (const answer of answers) {
      expect([answer.status, isReplayed(answer)]).toEqual([code, true]);
      expectEnvelope(answer, errorCode);
    }
    expect(lasting(answers[1])).toEqual(lasting(answers[0]));
    expect(await refundsOf(made.transaction_id)).toHaveLength(1);
  });

  it('says that the refund was reversed, where the bank has sent it back since', async () => {
    const world = newWorld({
      refund: APPROVED,
      lookUpRefund: { kind: 'declined', code: 'CARD_DECLINED', cause: 'refund_sent_back' },
    });
    const made = await paidPayment(world);
    const key = newKey();
    const request = refundOf({ transaction_id: made.transactionId, booking_id: made.bookingId }, { refund_amount: 10 });
    const asking = () => refundPayment(world.context, refundRequest(made), '10.00', key);
    expect(await asking()).toMatchObject({ kind: 'completed', replayed: false });
    const [refunded] = await refundsOf(made.transactionId);
    world.clock.nowMs += 24 * 60 * 60_000;
    await resolveNotified(world.context, String(refunded?.refund_id));
    world.clock.nowMs -= 60_000;

    expect(await asking()).toMatchObject({ kind: 'failed', replayed: true, refund: { status: 'reversed' } });
    const answer = await refundWithKey(key, request);
    expect([answer.status, isReplayed(answer)]).toEqual([400, true]);
    expectEnvelope(answer, 'REFUND_NOT_ALLOWED');
    expect(answer.body.error.message).toBe('Refund was reversed after it had been paid');
    expect(answer.body.error.details).toEqual({
      reason: "The payer's bank did not take the refund",
      refund_transaction_id: refunded?.refund_id,
      status: 'reversed',
      retry_possible: false,
      next_step: 'Pay the money back in another way.',
    });
  });

  it('asks the gateway once where it declines', async () => {
    const world = newWorld({ refund: DECLINED });
    const made = await paidPayment(world);
    const key = newKey();
    const asking = () => refundPayment(world.context, refundRequest(made), '10.00', key);
    expect(await asking()).toMatchObject({ kind: 'failed', replayed: false });
    expect(await asking()).toMatchObject({ kind: 'failed', replayed: true });
    expect(timesAsked(world, 'refund')).toBe(1);
  });

  it('outranks a balance that is taken', async () => {
    const world = newWorld();
    const made = await paidPayment(world);
    const key = newKey();
    const asking = () => refundPayment(world.context, refundRequest(made), '20.00', key);
    expect(await asking()).toMatchObject({ kind: 'pending' });
    await pendingRefund(world, made, '5.50');
    expect(await asking()).toMatchObject({ kind: 'in_progress' });
  });

  it('is one where D1’s answers are lost', async () => {
    const [key, made] = [newKey(), await paid()];
    const DB = watchedDatabase((roundTrip) => (roundTrip % 2 === 1 ? 'lose' : 'answer')).d1;
    const request = refundOf(made, { refund_amount: 10 });
    const headers = { 'Idempotency-Key': key };
    const first = await sendWith({ DB }, 'POST', '/payment/refund', { body: request, headers });
    expect([first.status, isReplayed(first)]).toEqual([200, false]);
    expect((await refundWithKey(key, request)).text).toBe(first.text);
    expect(await transaction(made.transaction_id)).toMatchObject({ reserved_minor: 0, refunded_minor: 1000 });
  });

  it('is one where D1 did not say whether it took the first one', async () => {
    const [key, made] = [newKey(), await paid()];
    const request = refundOf(made, { refund_amount: 10 });
    const headers = { 'Idempotency-Key': key };
    const DB = watchedDatabase(() => 'lose').d1;
    expect((await sendWith({ DB }, 'POST', '/payment/refund', { body: request, headers })).status).toBe(503);
    expectInProgress(await refundWithKey(key, request));
    expect(await transaction(made.transaction_id)).toMatchObject({ reserved_minor: 1000 });
  });

  it('is one of 100 at once (invariant 2)', { timeout: CROWD_TIMEOUT_MS }, async () => {
    const [key, made] = [newKey(), await paid({ amount: 100 })];
    const request = refundOf(made, { refund_amount: 1 });
    const answers = await Promise.all(Array.from({ length: 100 }, () => refundWithKey(key, request)));

    const done = answers.filter((answer) => answer.status === 200);
    expect(new Set(done.map(({ text }) => text)).size).toBe(1);
    expect(done.filter((answer) => !isReplayed(answer))).toHaveLength(1);
    for (const answer of answers.filter((answer) => answer.status !== 200)) expectInProgress(answer);
    expect(await transaction(made.transaction_id)).toMatchObject({ reserved_minor: 0, refunded_minor: 100 });
    expect(await eventTypesOf(made.booking_id)).toEqual(['payment.success', 'payment.refund']);
    expect((await refundWithKey(key, request)).text).toBe(done[0]?.text);
  });
});

describe('a refund is the same one', () => {
  it.each(['10', '10.00', '"10.0"', '1e1', '9.999999999999998'])('with its amount spelled %s', async (literal) => {
    const [key, made] = [newKey(), await paid()];
    const request = refundOf(made, { refund_amount: 10 });
    const first = await refundWithKey(key, request);
    const again = await refundWithKey(key, withField(request, 'refund_amount', literal));
    expect([again.status, again.text]).toEqual([200, first.text]);
  });
});

describe('a key that belongs to another refund', () => {
  it.each([
    ['amount', { refund_amount: 9.99 }],
    ['reason', { reason: 'Another reason' }],
    ['booking', { booking_id: 'BOOK-ANOTHER' }],
    ['user', { user_id: 'user_124' }],
    ['transaction', { original_transaction_id: 'TXN-01J00000000000000000000000' }],
  ])('is a 422 with another %s, and nothing is paid back', async (_, change) => {
    const [key, made] = [newKey(), await paid()];
    await refundWithKey(key, refundOf(made, { refund_amount: 10 }));
    expectReused(await refundWithKey(key, { ...refundOf(made, { refund_amount: 10 }), ...change }));
    expect(await transaction(made.transaction_id)).toMatchObject({ reserved_minor: 0, refunded_minor: 1000 });
  });

  it('is a 422 of another payment that could be refunded', async () => {
    const key = newKey();
    await refundWithKey(key, refundOf(await paid()));
    const other = await paid();
    expectReused(await refundWithKey(key, refundOf(other)));
    expect(await refundsOf(other.transaction_id)).toEqual([]);
  });
});

describe('a key is held by nothing but a refund that was recorded', () => {
  const unknown = { transaction_id: 'TXN-01J00000000000000000000000', booking_id: 'BOOK-NONE' };
  it.each([
    ['an amount that cannot be', { refund_amount: 0 }, 400],
    ['more than there is', { refund_amount: 25.51 }, 400],
    ['another booking', { booking_id: 'BOOK-OTHER' }, 400],
    ['a transaction that there is none of', { original_transaction_id: unknown.transaction_id }, 404],
  ])('and so is free after %s', async (_, change, code) => {
    const [key, made] = [newKey(), await paid()];
    expect((await refundWithKey(key, { ...refundOf(made), ...change })).status).toBe(code);
    expect(await keyRows(key)).toEqual([]);
    expect((await refundWithKey(key, refundOf(made))).status).toBe(200);
  });

  it('and not by one that was sent without a key', async () => {
    const made = await paid();
    await refund(refundOf(made));
    expect((await refundWithKey(newKey(), refundOf(made))).body.error.code).toBe('REFUND_NOT_ALLOWED');
  });
});

it('the key of a refund is forgotten after 24 hours', async () => {
  const [key, made] = [newKey(), await paid()];
  const request = refundOf(made, { refund_amount: 10 });
  await refundWithKey(key, request);
  await age(key, 24 * 60 * 60_000);
  const next = await refundWithKey(key, request);
  expect([next.status, isReplayed(next)]).toEqual([200, false]);
  expect(await transaction(made.transaction_id)).toMatchObject({ refunded_minor: 2000 });
});

describe('a refund with a key in a currency that is no longer the configured one', () => {
  it('is paid back once', async () => {
    const [key, made] = [newKey(), await paidInYen()];
    const request = refundOf(made, { refund_amount: 1000 });
    const first = await refundWithKey(key, request);
    const again = await refundWithKey(key, request);
    expect([first.status, again.status, isReplayed(again)]).toEqual([200, 200, true]);
    expect(again.text).toBe(first.text);
    expect(await transaction(made.transaction_id)).toMatchObject({ reserved_minor: 0, refunded_minor: 1000 });
    expectReused(await refundWithKey(key, { ...request, refund_amount: 1001 }));
  });

  it('is paid back once where the amount has more decimals than the configured currency', async () => {
    const key = newKey();
    const made = (await payWithKey(key, payment())).body;
    const inYen = { PAYMENT_CURRENCY: 'JPY' };
    const headers = { 'Idempotency-Key': key };
    const body = refundOf(made, { refund_amount: 10.5 });
    const first = await sendWith(inYen, 'POST', '/payment/refund', { body, headers });
    const again = await sendWith(inYen, 'POST', '/payment/refund', { body, headers });
    expect([first.status, again.status, isReplayed(again)]).toEqual([200, 200, true]);
    expect(await transaction(made.transaction_id)).toMatchObject({ reserved_minor: 0, refunded_minor: 1050 });
    // The request is the same one when the currency is the configured one again.
    expect((await refundWithKey(key, body)).text).toBe(first.text);
  });
});

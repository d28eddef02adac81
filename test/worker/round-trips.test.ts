/** What the critical path costs: one Durable Object call, two D1 round trips, and never more. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Bindings } from '../../src/worker/bindings.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { newKey } from './idempotent-requests.ts';
import { cardNumbered, paid, payment, refundOf, sendWith } from './request.ts';
import { watchedDatabase } from './watched-database.ts';

/** The limiter's binding with a count of the calls that are made through it. */
function watchedLimiter() {
  let calls = 0;
  const real = env.RATE_LIMITER as unknown as Bindings['RATE_LIMITER'];
  const stubOf = (name: string) => {
    const stub = real.getByName(name);
    return new Proxy(stub, {
      get(target, property) {
        calls += 1;
        return (...args: Parameters<typeof target.admit>) => target[property as 'admit'](...args);
      },
    });
  };
  return { binding: { getByName: stubOf }, calls: () => calls };
}

async function costs(path: string, body: Record<string, unknown>, key: string | null = null) {
  const database = watchedDatabase();
  const limiter = watchedLimiter();
  const bindings = { DB: database.d1, RATE_LIMITER: limiter.binding };
  const { status } = await sendWith(bindings, 'POST', path, { body, headers: { 'Idempotency-Key': key } });
  return { status, roundTrips: database.roundTrips(), limiterCalls: limiter.calls() };
}

it.each([
  ['a payment that succeeds', payment(), 200, 2],
  ['a payment that is declined', payment({ card_details: cardNumbered(TEST_CARDS.visaDeclined) }), 400, 2],
  ['an amount that cannot be paid', payment({ amount: 0 }), 400, 0],
  ['a request that is not valid', payment({ amount: null }), 422, 0],
])('%s', async (_, body, status, roundTrips) => {
  expect(await costs('/payment/process', body)).toEqual({ status, roundTrips, limiterCalls: 1 });
});

it('a second payment of a booking', async () => {
  const { booking_id } = await paid();
  expect(await costs('/payment/process', payment({ booking_id }))).toEqual({
    status: 409,
    roundTrips: 1,
    limiterCalls: 1,
  });
});

it('a refund', async () => {
  expect(await costs('/payment/refund', refundOf(await paid()))).toEqual({
    status: 200,
    roundTrips: 2,
    limiterCalls: 1,
  });
});

describe('with an Idempotency-Key', () => {
  it.each([
    ['a payment', payment(), 200],
    ['a payment that is declined', payment({ card_details: cardNumbered(TEST_CARDS.visaDeclined) }), 400],
  ])('%s costs the same, and its replay half of it', async (_, body, status) => {
    const key = newKey();
    const cost = () => costs('/payment/process', body, key);
    expect(await cost()).toEqual({ status, roundTrips: 2, limiterCalls: 1 });
    expect(await cost()).toEqual({ status, roundTrips: 1, limiterCalls: 1 });
  });

  it('a second payment of a booking costs the same', async () => {
    const { booking_id } = await paid();
    const cost = await costs('/payment/process', payment({ booking_id }), newKey());
    expect(cost).toEqual({ status: 409, roundTrips: 1, limiterCalls: 1 });
  });

  it('another payment is refused in one round trip', async () => {
    const key = newKey();
    await costs('/payment/process', payment(), key);
    const cost = await costs('/payment/process', payment(), key);
    expect(cost).toEqual({ status: 422, roundTrips: 1, limiterCalls: 1 });
  });

  it('a refund costs the same, and its replay half of it', async () => {
    const [key, body] = [newKey(), refundOf(await paid())];
    const cost = () => costs('/payment/refund', body, key);
    expect(await cost()).toEqual({ status: 200, roundTrips: 2, limiterCalls: 1 });
    expect(await cost()).toEqual({ status: 200, roundTrips: 1, limiterCalls: 1 });
  });
});

/** What the critical path costs: one Durable Object call, two D1 round trips, and never more. */
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { Bindings } from '../../src/worker/bindings.ts';
import { TEST_CARDS } from '../data/cards.ts';
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

async function costs(path: string, body: Record<string, unknown>) {
  const database = watchedDatabase();
  const limiter = watchedLimiter();
  const { status } = await sendWith({ DB: database.d1, RATE_LIMITER: limiter.binding }, 'POST', path, { body });
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

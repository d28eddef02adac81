/** What the critical path costs: one Durable Object call, two D1 round trips, and never more. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Bindings } from '../../src/worker/bindings.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { apiKey, bearer } from './credentials.ts';
import { challengedPayment, held, heldPayment, holdRequest, voidPayment } from './held.ts';
import { newKey } from './idempotent-requests.ts';
import { laggingReplica } from './lagging-replica.ts';
import { cardNumbered, declined, paid, payment, refundOf, sendWith } from './request.ts';
import { sharingIssuer } from './tokens.ts';
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

interface Caller {
  variables: Record<string, string>;
  headers: Record<string, string>;
}

const issuer = sharingIssuer();
/** `checks`: round trips of a request that needs none itself, because a key that was revoked is answered nothing of it. */
const CALLERS: [caller: string, checks: number, of: () => Promise<Caller>][] = [
  ['whom nobody asks', 0, async () => ({ variables: {}, headers: {} })],
  [
    'with a token',
    0,
    async () => ({ variables: { AUTH_MODE: 'jwt', ...issuer.variables }, headers: bearer(await issuer.token()) }),
  ],
  ['with a key', 1, async () => ({ variables: { AUTH_MODE: 'api_key' }, headers: (await apiKey()).headers })],
];

describe.each(CALLERS)('from a caller %s', (_, checks, newCaller) => {
  async function costs(
    method: 'GET' | 'POST',
    path: string,
    body?: Record<string, unknown>,
    key: string | null = null,
  ) {
    const [database, limiter, caller] = [watchedDatabase(), watchedLimiter(), await newCaller()];
    const bindings = { ...caller.variables, DB: database.d1, RATE_LIMITER: limiter.binding };
    const headers = { ...caller.headers, 'Idempotency-Key': key };
    const { status } = await sendWith(bindings, method, path, { body, headers });
    return { status, roundTrips: database.roundTrips(), limiterCalls: limiter.calls() };
  }
  const toPay = (body: Record<string, unknown>, key: string | null = null) =>
    costs('POST', '/payment/process', body, key);
  const toRefund = (body: Record<string, unknown>, key: string | null = null) =>
    costs('POST', '/payment/refund', body, key);

  it.each([
    ['a payment that succeeds', payment(), 200, 2],
    ['a payment that is declined', payment({ card_details: cardNumbered(TEST_CARDS.visaDeclined) }), 400, 2],
    ['an amount that cannot be paid', payment({ amount: 0 }), 400, checks],
    ['a request that is not valid', payment({ amount: null }), 422, checks],
  ])('%s', async (_, body, status, roundTrips) => {
    expect(await toPay(body)).toEqual({ status, roundTrips, limiterCalls: 1 });
  });

  it('a second payment of a booking', async () => {
    const { booking_id } = await paid();
    expect(await toPay(payment({ booking_id }))).toEqual({ status: 409, roundTrips: 1, limiterCalls: 1 });
  });

  it('a refund', async () => {
    expect(await toRefund(refundOf(await paid()))).toEqual({ status: 200, roundTrips: 2, limiterCalls: 1 });
  });

  it.each([
    ['a payment that is held', () => heldPayment(), 200],
    ['a payment whose payer has to authenticate', () => challengedPayment(), 202],
  ])('%s costs what a payment costs', async (_, body, status) => {
    expect(await toPay(body())).toEqual({ status, roundTrips: 2, limiterCalls: 1 });
  });

  it.each(['capture', 'void'])('a %s costs what a refund costs', async (step) => {
    const cost = await costs('POST', `/payment/${step}`, holdRequest(await held()));
    expect(cost).toEqual({ status: 200, roundTrips: 2, limiterCalls: 1 });
  });

  it('a capture that comes too late', async () => {
    const payment = await held();
    await voidPayment(payment);
    const cost = await costs('POST', '/payment/capture', holdRequest(payment));
    expect(cost).toEqual({ status: 409, roundTrips: 1, limiterCalls: 1 });
  });

  it('a status', async () => {
    const { transaction_id } = await paid();
    const cost = await costs('GET', `/payment/status/${transaction_id}`);
    expect(cost).toEqual({ status: 200, roundTrips: 1, limiterCalls: 1 });
  });

  it('a status of a payment that is not there: once more, whether it may have left for the archive', async () => {
    const cost = await costs('GET', '/payment/status/TXN-01ARZ3NDEKTSV4RRFFQ69G5FAV');
    expect(cost).toEqual({ status: 404, roundTrips: 2, limiterCalls: 1 });
  });

  it.each([
    ['that has ended is read from the replica alone', declined, [1, 0]],
    ['that may still change is read from the primary behind it', paid, [1, 1]],
  ])('a status %s, where one may be', async (_, make, [onReplica, onPrimary]) => {
    const { transaction_id } = await make();
    const [database, replica, { variables, headers }] = [watchedDatabase(), await laggingReplica(), await newCaller()];
    const DB = { ...database.d1, withSession: replica.withSession };
    const bindings = { ...variables, STATUS_FROM_REPLICA: 'true', DB };
    const ask = () => sendWith(bindings, 'GET', `/payment/status/${transaction_id}`, { headers });
    // An isolate's first request asks the primary, whether it is the database that it is bound as.
    await ask();
    const before = database.roundTrips();
    const { status } = await ask();
    // Whose key is to be checked asks the primary for that, and for the payment in the same round trip.
    const expected = checks === 0 ? [onReplica, onPrimary] : [0, 1];
    expect([status, replica.roundTrips(), database.roundTrips() - before]).toEqual([200, ...expected]);
  });

  it('the methods', async () => {
    expect(await costs('GET', '/payment/methods')).toEqual({ status: 200, roundTrips: checks, limiterCalls: 1 });
  });

  describe('with an Idempotency-Key', () => {
    it.each([
      ['a payment', payment(), 200],
      ['a payment that is declined', payment({ card_details: cardNumbered(TEST_CARDS.visaDeclined) }), 400],
    ])('%s costs the same, and its replay half of it', async (_, body, status) => {
      const key = newKey();
      expect(await toPay(body, key)).toEqual({ status, roundTrips: 2, limiterCalls: 1 });
      expect(await toPay(body, key)).toEqual({ status, roundTrips: 1, limiterCalls: 1 });
    });

    it('a second payment of a booking costs the same', async () => {
      const { booking_id } = await paid();
      const cost = await toPay(payment({ booking_id }), newKey());
      expect(cost).toEqual({ status: 409, roundTrips: 1, limiterCalls: 1 });
    });

    it('another payment is refused in one round trip', async () => {
      const key = newKey();
      await toPay(payment(), key);
      expect(await toPay(payment(), key)).toEqual({ status: 422, roundTrips: 1, limiterCalls: 1 });
    });

    it('a refund costs the same, and its replay half of it', async () => {
      const [key, body] = [newKey(), refundOf(await paid())];
      expect(await toRefund(body, key)).toEqual({ status: 200, roundTrips: 2, limiterCalls: 1 });
      expect(await toRefund(body, key)).toEqual({ status: 200, roundTrips: 1, limiterCalls: 1 });
    });
  });

  const LIMITS = { VELOCITY_PER_CARD: '1000', VELOCITY_PER_USER: '1000', VELOCITY_DECLINE_PERCENT: '100' };

  it.each([
    ['no limits', {}, 11],
    ['limits on cards, users and places', LIMITS, 14],
  ])('a payment that succeeds, with %s, writes no more rows than it has to', async (_, limits, rows) => {
    const [database, { variables, headers }] = [watchedDatabase(), await newCaller()];
    await sendWith(variables, 'GET', '/payment/methods', { headers }); // the first use of a key writes when that was
    const bindings = { ...variables, ...limits, DB: database.d1 };
    const { status } = await sendWith(bindings, 'POST', '/payment/process', { body: payment(), headers });
    expect([status, database.rowsWritten()]).toEqual([200, rows]);
  });
});

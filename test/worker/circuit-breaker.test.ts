/** A gateway that is down is not waited for: payments are refused at once, and one now and then finds out whether it is back. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { askForPermit, type CircuitBreaker, newCircuitBreaker, recordCall } from '../../src/core/circuit-breaker.ts';
import type { GatewayOutcome } from '../../src/core/gateways/gateway.ts';
import type { Database } from '../../src/core/ledger/database.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { newKey } from './idempotent-requests.ts';
import { expectPaymentFailure } from './matchers.ts';
import { database, paymentRequest, refundRequest } from './operation.ts';
import { cardNumbered, pay, payment, sendWith } from './request.ts';
import {
  APPROVED,
  DECLINED,
  FIRST_LOOKUP_MS,
  newWorld,
  paidPayment,
  type Script,
  type TestWorld,
  timesAsked,
  UNREACHABLE,
} from './scripted-gateway.ts';
import { eventTypesOf, refundsOf, rowCounts, transaction, transactionsOf } from './stored.ts';

const PROBE_MS = 10_000;
const NO_ANSWER: GatewayOutcome = { kind: 'unknown', reason: 'a 503' };

/** Milliseconds for which a call is refused; 0 where it may be made. */
function refusedForMs(breaker: CircuitBreaker, nowMs: number): number {
  const permit = askForPermit(breaker, nowMs);
  return permit.kind === 'refused' ? permit.retryAfterMs : 0;
}

describe('a circuit breaker', () => {
  const after = (...calls: boolean[]) => {
    const breaker = newCircuitBreaker();
    for (const answered of calls) recordCall(breaker, answered, 0);
    return breaker;
  };
  const failures = (count: number): boolean[] => Array(count).fill(false);

  it.each([
    ['nothing', [], 0],
    ['four failures', failures(4), 0],
    ['five failures in a row', failures(5), PROBE_MS],
    ['an answer between failures', [...failures(4), true, ...failures(4)], 0],
    ['an answer after five failures', [...failures(5), true], 0],
    ['many failures', failures(50), PROBE_MS],
  ] as [string, boolean[], number][])('after %s', (_, calls, refusesForMs) => {
    expect(refusedForMs(after(...calls), 0)).toBe(refusesForMs);
  });

  it('says for how long it refuses, to the millisecond', () => {
    const breaker = after(...failures(5));
    expect([1, 9_999].map((nowMs) => refusedForMs(breaker, nowMs))).toEqual([9_999, 1]);
  });

  it('lets one of many through when the time has come, and the next one ten seconds later', () => {
    const breaker = after(...failures(5));
    const letThrough = (nowMs: number) =>
      Array.from({ length: 20 }, () => refusedForMs(breaker, nowMs)).filter((waitMs) => waitMs === 0).length;
    expect([PROBE_MS, PROBE_MS + 1, 2 * PROBE_MS - 1, 2 * PROBE_MS].map(letThrough)).toEqual([1, 0, 0, 1]);
  });

  it('stays open when the probe fails, and closes when it is answered', () => {
    const breaker = after(...failures(5));
    expect(refusedForMs(breaker, PROBE_MS)).toBe(0);
    recordCall(breaker, false, PROBE_MS + 1_000);
    expect(refusedForMs(breaker, PROBE_MS + 1_000)).toBe(PROBE_MS);
    expect(refusedForMs(breaker, 2 * PROBE_MS + 1_000)).toBe(0);
    recordCall(breaker, true, 2 * PROBE_MS + 1_000);
    expect([0, 0].map(() => refusedForMs(breaker, 2 * PROBE_MS + 1_001))).toEqual([0, 0]);
  });
});

const payAt = ({ context }: TestWorld, key: string | null = null, request = paymentRequest()) =>
  processPayment(context, request, '25.50', key);

/** A gateway that can be down, and has failed five times in a row. */
async function worldThatIsDown(script: Partial<Script> = {}): Promise<TestWorld> {
  const world = newWorld(script, { gateway: { canBeDown: true } });
  for (let failure = 0; failure < 5; failure += 1) await payAt(world);
  return world;
}

describe('payments at a gateway that is down', () => {
  it('are refused at once after five without an answer, and nothing is recorded', async () => {
    const world = await worldThatIsDown({ charge: NO_ANSWER });
    const before = await rowCounts();
    const request = paymentRequest();
    expect(await payAt(world, newKey(), request)).toEqual({ kind: 'gateway_down', retryAfterMs: PROBE_MS });
    expect(await rowCounts()).toEqual(before);
    expect(timesAsked(world, 'charge')).toBe(5);

    // Neither booking nor key are taken.
    world.clock.nowMs += PROBE_MS;
    world.script.charge = APPROVED;
    expect(await payAt(world, newKey(), request)).toMatchObject({ kind: 'completed' });
  });

  it.each([{ kind: 'failed' }, DECLINED] as GatewayOutcome[])(
    'are not refused after answers of %o, however many: who sends what it refuses must not shut it for others',
    async (charge) => {
      const world = await worldThatIsDown({ charge });
      world.script.charge = APPROVED;
      expect(await payAt(world)).toMatchObject({ kind: 'completed' });
    },
  );

  it('are not refused because refunds are', async () => {
    const world = newWorld({ refund: NO_ANSWER }, { gateway: { canBeDown: true } });
    const made = await paidPayment(world);
    for (let failure = 0; failure < 5; failure += 1) await refundPayment(world.context, refundRequest(made), '1.00');
    expect(await refundPayment(world.context, refundRequest(made), '1.00')).toMatchObject({ kind: 'gateway_down' });
    world.script.charge = APPROVED;
    expect(await payAt(world)).toMatchObject({ kind: 'completed' });
  });

  it('are refused after five that threw', async () => {
    const charge = () => Promise.reject(new Error('a bug'));
    const world = newWorld({}, { gateway: { canBeDown: true, charge } });
    for (let failure = 0; failure < 5; failure += 1) expect(await payAt(world)).toMatchObject({ kind: 'pending' });
    expect(await payAt(world)).toMatchObject({ kind: 'gateway_down' });
  });

  it('are not refused where one of five was declined', async () => {
    const world = newWorld({}, { gateway: { canBeDown: true } });
    for (let failure = 0; failure < 4; failure += 1) await payAt(world);
    world.script.charge = DECLINED;
    expect(await payAt(world)).toMatchObject({ kind: 'failed' });
    world.script.charge = { kind: 'unknown', reason: 'a 503' };
    for (let failure = 0; failure < 4; failure += 1) expect(await payAt(world)).toMatchObject({ kind: 'pending' });
    world.script.charge = APPROVED;
    expect(await payAt(world)).toMatchObject({ kind: 'completed' });
  });

  it('are let through one by one, every ten seconds, until one is answered', async () => {
    const world = await worldThatIsDown();
    for (let probe = 1; probe <= 3; probe += 1) {
      world.clock.nowMs += PROBE_MS;
      const answers = await Promise.all(Array.from({ length: 5 }, () => payAt(world)));
      const kinds = answers.map(({ kind }) => kind).toSorted();
      expect(kinds).toEqual([...Array(4).fill('gateway_down'), 'pending']);
      expect(timesAsked(world, 'charge')).toBe(5 + probe);
    }
    world.clock.nowMs += PROBE_MS;
    world.script.charge = APPROVED;
    for (let payment = 0; payment < 3; payment += 1) expect(await payAt(world)).toMatchObject({ kind: 'completed' });
  });

  it('are not kept waiting by one that is let through and asks the gateway nothing', async () => {
    const world = await worldThatIsDown();
    const open = await payAt(newWorld());
    if (open.kind !== 'pending') throw new Error(open.kind);
    world.clock.nowMs += PROBE_MS;
    world.script.charge = APPROVED;
    const duplicate = paymentRequest({ booking_id: open.transaction.bookingId });
    expect(await payAt(world, null, duplicate)).toMatchObject({ kind: 'duplicate' });
    expect(await payAt(world)).toMatchObject({ kind: 'completed' });
  });

  it.each([
    ['it claims the booking', '25.50'],
    ['it looks for an earlier answer, because it is not payable', '0'],
  ])('are not kept waiting by one whose API key is refused when %s', async (_, amount) => {
    const world = await worldThatIsDown();
    world.clock.nowMs += PROBE_MS;
    world.script.charge = APPROVED;
    const db: Database = { ...database, keyCheck: { keyHash: 'of no key', nowMs: 0, state: 'open' } };
    const refused = processPayment({ ...world.context, db }, paymentRequest(), amount, newKey());
    await expect(refused).rejects.toMatchObject({ name: 'KeyRefused' });
    expect(await payAt(world)).toMatchObject({ kind: 'completed' });
  });

  it('are not let through by one that has no card to charge, and a booking that is taken', async () => {
    const world = await worldThatIsDown();
    const open = await payAt(newWorld());
    if (open.kind !== 'pending') throw new Error(open.kind);
    const duplicate = paymentRequest({ booking_id: open.transaction.bookingId, card_details: null });
    expect(await payAt(world, null, duplicate)).toMatchObject({ kind: 'duplicate' });
    expect(await payAt(world)).toMatchObject({ kind: 'gateway_down' });
    expect(timesAsked(world, 'charge')).toBe(5);
  });

  it('that have no card to charge are none of its failures', async () => {
    const world = newWorld({}, { gateway: { canBeDown: true } });
    for (let payment = 0; payment < 6; payment += 1) {
      const answer = await payAt(world, null, paymentRequest({ card_details: null }));
      expect(answer).toMatchObject({ kind: 'failed' });
    }
  });

  it('with a key that is known are answered as ever', async () => {
    const world = newWorld({ charge: APPROVED }, { gateway: { canBeDown: true } });
    const [paidKey, openKey] = [newKey(), newKey()];
    const [request, open] = [paymentRequest(), paymentRequest()];
    const first = await payAt(world, paidKey, request);
    world.script.charge = { kind: 'unknown', reason: 'a 503' };
    await payAt(world, openKey, open);
    for (let failure = 0; failure < 4; failure += 1) await payAt(world);
    const calls = timesAsked(world, 'charge');

    expect(first.kind).toBe('completed');
    expect(await payAt(world, paidKey, request)).toEqual({ ...first, event: null, replayed: true });
    expect(await payAt(world, openKey, open)).toMatchObject({ kind: 'in_progress' });
    expect(await payAt(world, paidKey, open)).toEqual({ kind: 'key_reused' });
    expect(await payAt(world, newKey())).toMatchObject({ kind: 'gateway_down' });
    expect(timesAsked(world, 'charge')).toBe(calls);
  });

  it('that are not payable, or of another method, are answered as ever', async () => {
    const { context } = await worldThatIsDown();
    expect(await processPayment(context, paymentRequest(), '0')).toMatchObject({ kind: 'invalid_amount' });
    const stripe = paymentRequest({ payment_method: 'stripe' });
    expect(await processPayment(context, stripe, '25.50')).toMatchObject({ kind: 'method_disabled' });
  });
});

describe('refunds at a gateway that is down', () => {
  async function paidBefore(script: Partial<Script> = {}) {
    const world = newWorld(script, { gateway: { canBeDown: true } });
    return { world, made: await paidPayment(world) };
  }
  const refundAt = (
    { context }: TestWorld,
    made: { transactionId: string; bookingId: string },
    key: string | null = null,
  ) => refundPayment(context, refundRequest(made), '1.00', key);

  async function failRefunds(world: TestWorld, made: { transactionId: string; bookingId: string }, times: number) {
    world.script.refund = NO_ANSWER;
    for (let failure = 0; failure < times; failure += 1) await refundAt(world, made);
  }

  it('are refused at once after five failures in a row, whoever’s they were, and nothing is reserved', async () => {
    const { world, made } = await paidBefore();
    await failRefunds(world, await paidPayment(world), 3);
    await failRefunds(world, made, 2);
    const before = [await refundsOf(made.transactionId), await transaction(made.transactionId)];

    expect(await refundAt(world, made, newKey())).toEqual({ kind: 'gateway_down', retryAfterMs: PROBE_MS });
    expect([await refundsOf(made.transactionId), await transaction(made.transactionId)]).toEqual(before);
    expect(timesAsked(world, 'refund')).toBe(5);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it('with a key that is known are answered as ever', async () => {
    const { world, made } = await paidBefore({ refund: APPROVED });
    const key = newKey();
    const first = await refundAt(world, made, key);
    await failRefunds(world, made, 5);
    expect(first.kind).toBe('completed');
    expect(await refundAt(world, made, key)).toMatchObject({ kind: 'completed', replayed: true });
    expect(await refundAt(world, made)).toMatchObject({ kind: 'gateway_down' });
  });

  it('close it when one is answered', async () => {
    const { world, made } = await paidBefore();
    await failRefunds(world, made, 5);
    world.clock.nowMs += PROBE_MS;
    world.script.refund = APPROVED;
    expect(await refundAt(world, made)).toMatchObject({ kind: 'completed' });
    expect(await refundAt(world, made)).toMatchObject({ kind: 'completed' });
  });

  it('of a payment that another gateway took are not refused, for that one may be up', async () => {
    const { world, made: own } = await paidBefore();
    await failRefunds(world, own, 5);
    const other = newWorld({ refund: APPROVED }, { gateway: { name: 'other', canBeDown: true } });
    const made = await paidPayment(other);
    const both = {
      ...world.context,
      gateways: oneGateway(world.gateway, (name) => (name === 'other' ? other.gateway : world.gateway)),
    };
    expect(await refundPayment(both, refundRequest(made), '1.00')).toMatchObject({ kind: 'completed' });
    expect(await refundPayment(both, refundRequest(own), '1.00')).toMatchObject({ kind: 'gateway_down' });
  });

  it('in another currency than the configured one are probes too', async () => {
    const { world, made } = await paidBefore();
    await failRefunds(world, made, 5);
    world.clock.nowMs += PROBE_MS;
    world.script.refund = APPROVED;
    const inEuros = { ...world.context, settings: { ...world.context.settings, currency: 'EUR' } };
    expect(await refundPayment(inEuros, refundRequest(made), '1.00')).toMatchObject({ kind: 'completed' });
  });
});

describe('what does not open it', () => {
  it('is a gateway that cannot be down, such as the sandbox', async () => {
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const answer = await pay(payment({ card_details: cardNumbered(TEST_CARDS.gatewayFails) }));
      expect([answer.status, answer.body.status, answer.headers.has('Retry-After')]).toEqual([502, 'failed', false]);
      expect(answer.body.transaction_id).toBeDefined();
    }
    expect((await pay()).status).toBe(200);
  });

  it('is a look-up that fails: it has nobody waiting', async () => {
    const world = newWorld({ lookUpCharge: UNREACHABLE }, { gateway: { canBeDown: true } });
    const open = await payAt(world);
    if (open.kind !== 'pending') throw new Error(open.kind);
    world.clock.nowMs += FIRST_LOOKUP_MS;
    for (let lookUp = 0; lookUp < 6; lookUp += 1) {
      await resolveOutcome(world.context, open.transaction.transactionId, 1_000);
      world.clock.nowMs += 300_000;
    }
    world.script.charge = APPROVED;
    expect(await payAt(world)).toMatchObject({ kind: 'completed' });
  });
});

// A breaker lives as long as its isolate, so this is the one test that opens that of the gateway over HTTP.
it('a Worker whose gateway is down answers 502 at once, with Retry-After, and records nothing', async () => {
  const down = {
    PAYMENT_GATEWAY: 'http',
    PAYMENT_GATEWAY_URL: 'http://gateway.test/',
    PAYMENT_GATEWAY_API_KEY: 'key-of-the-gateway',
  };
  const payThere = (body = payment()) => sendWith(down, 'POST', '/payment/process', { body });
  for (let failure = 0; failure < 5; failure += 1) {
    const unknown = await payThere();
    expect([unknown.status, unknown.body.status]).toEqual([502, 'pending']);
  }

  const request = payment();
  const answer = await payThere(request);
  expect(answer.status).toBe(502);
  expectPaymentFailure(answer, {
    errorCode: 'PAYMENT_GATEWAY_ERROR',
    bookingId: request.booking_id,
    amount: 25.5,
    method: 'credit_card',
    retryPossible: true,
  });
  expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
  // What the isolate knows is written down for the metrics, behind the answer.
  const reported = () => env.DB.prepare('SELECT gateway, operation FROM open_breakers').all();
  await expect
    .poll(async () => (await reported()).results)
    .toEqual([{ gateway: 'http:gateway.test', operation: 'charge' }]);
  expect(Number(answer.headers.get('Retry-After'))).toBeLessThanOrEqual(PROBE_MS / 1000);
  expect(await transactionsOf(String(request.booking_id))).toEqual([]);
  expect(await eventTypesOf(String(request.booking_id))).toEqual([]);

  // The sandbox has a breaker of its own.
  expect((await pay(request)).status).toBe(200);
});

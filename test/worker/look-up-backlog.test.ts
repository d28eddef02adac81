/** Look-ups under a backlog: what goes first, what waits longer and longer, and that no row is in another one's way. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LookUp } from '../../src/core/gateways/gateway.ts';
import { LOOK_UPS_AT_ONCE } from '../../src/core/invocation-limits.ts';
import { takeDueLookUps } from '../../src/core/ledger/look-ups/take-due-look-ups.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { resolveNotified, resolveOutcome, STATEMENTS_PER_LOOK_UP } from '../../src/core/recovery/resolve.ts';
import { resolveDue, STATEMENTS_LEFT_TO_CALLER } from '../../src/core/recovery/resolve-due.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { clearLedger, countRows, duePayments, dueRefunds } from './backlog.ts';
import { database, paymentRequest } from './operation.ts';
import {
  APPROVED,
  CANCELS_AFTER_MS,
  DEADLINE_MS,
  DECLINED,
  loggedErrors,
  NOT_FOUND,
  newWorld,
  paidPayment,
  paidRefund,
  pendingPayment,
  pendingRefund,
  type Script,
  type TestWorld,
  timesAsked,
} from './scripted-gateway.ts';
import { refundsOf, transaction } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const IN_PROGRESS = { kind: 'in_progress' } as const;
const AUTHORIZED = { kind: 'authorized', reference: 'auth_1', expiresAtMs: null } as const;
const UNDETERMINED = { kind: 'undetermined', reason: 'a 404 for a reference of its own' } as const;

beforeEach(clearLedger);

describe('what is due', () => {
  it('is taken pending first: 20,000 follow-ups that have been due longer cost neither a turn nor a read', async () => {
    const nowMs = Date.now();
    await dueRefunds('completed', { count: 20_000, series: 'A', gateway: 'scripted', dueAtMs: nowMs - DAY_MS });
    await duePayments({ count: 3, series: 'B', gateway: 'scripted', dueAtMs: nowMs - 10 });
    await dueRefunds('pending', { count: 3, series: 'C', gateway: 'scripted', dueAtMs: nowMs - 10 });
    const watched = watchedDatabase();
    const tasks = await takeDueLookUps(
      { ...database, d1: watched.d1 },
      { nowMs, limit: 6, first: 'payments', notOf: [] },
    );
    expect(tasks.map(({ kind }) => kind)).toEqual([...Array(3).fill('payment'), ...Array(3).fill('refund')]);
    expect(tasks.every((task) => (task.kind === 'payment' ? task.transaction : task.refund).status === 'pending')).toBe(
      true,
    );
    expect(watched.rowsRead()).toBeLessThan(100);
  });

  it('is taken from payments and refunds alike, however many payments there are', async () => {
    const nowMs = Date.now();
    await duePayments({ count: 500, series: 'A', gateway: 'scripted', dueAtMs: nowMs - HOUR_MS });
    await dueRefunds('pending', { count: 1, series: 'B', gateway: 'scripted', dueAtMs: nowMs - 10 });
    const world = newWorld({ lookUpCharge: APPROVED, lookUpRefund: APPROVED });
    world.context.db = { ...database, budget: { left: 400 } };
    expect(await resolveDue(world.context)).toMatchObject({ more: true });
    expect(await countRows('refunds', `status = 'completed'`)).toBe(1);
  });

  it('is taken of the other gateways where one is left out', async () => {
    const nowMs = Date.now();
    await duePayments({ count: 1_000, series: 'A', gateway: 'silent', dueAtMs: nowMs - HOUR_MS });
    await duePayments({ count: 1, series: 'B', gateway: 'scripted', dueAtMs: nowMs - 10 });
    const tasks = await takeDueLookUps(database, { nowMs, limit: 1, first: 'payments', notOf: ['silent'] });
    expect(tasks.map(({ transaction }) => transaction.gateway)).toEqual(['scripted']);
  });
});

describe('a row that cannot be answered', () => {
  it('keeps no other row of its gateway from its turn, however many such rows are before it', async () => {
    const world = newWorld({}, { gateway: { lookUpRefund: async ({ refundId }) => answerOf(refundId) } });
    const answerOf = (refundId: string): LookUp => (refundId.includes('FFA') ? UNDETERMINED : APPROVED);
    const dueAtMs = world.clock.nowMs - HOUR_MS;
    await dueRefunds('pending', { count: 100, series: 'A', gateway: 'scripted', dueAtMs });
    await dueRefunds('pending', { count: 20, series: 'B', gateway: 'scripted', dueAtMs: dueAtMs + MINUTE_MS });
    expect(await resolveDue(world.context)).toEqual({ more: false, silent: {} });
    expect(await countRows('refunds', `status = 'completed'`)).toBe(20);
  });

  it('keeps none from its turn by a bug either, which is thrown in the end', async () => {
    const world = newWorld();
    const { gateway } = world;
    const named = (name: string) => {
      if (name === 'broken') throw new Error('a bug');
      return { ...gateway, lookUpCharge: async () => APPROVED };
    };
    const dueAtMs = world.clock.nowMs - HOUR_MS;
    await duePayments({ count: 7, series: 'A', gateway: 'broken', dueAtMs });
    await duePayments({ count: 7, series: 'B', gateway: 'scripted', dueAtMs: dueAtMs + MINUTE_MS });
    const context = { ...world.context, gateways: oneGateway(gateway, named) };
    await expect(resolveDue(context)).rejects.toThrow('a bug');
    expect(await countRows('transactions', `status = 'completed'`)).toBe(7);
  });

  it('is pending, never given up, asked about ever more seldom, and alarms once', async () => {
    const world = newWorld({ lookUpCharge: UNDETERMINED });
    const made = await pendingPayment(world);
    const pausesMinutes = await pausesOf(world, made.transactionId, 12 * DAY_MS);
    expect(pausesMinutes.at(-1)).toBe(6 * 60);
    expect(pausesMinutes).toEqual(pausesMinutes.toSorted((a, b) => a - b));
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending' });
    expect(loggedErrors(world)).toEqual([
      expect.objectContaining({ event: 'look_up.undetermined', id: made.transactionId, reason: UNDETERMINED.reason }),
    ]);
  });

  it.each<[string, (world: TestWorld) => Promise<string>, number[]]>([
    [
      'a refund that was paid',
      async (world) => {
        const refundId = await paidRefund(world, await paidPayment(world));
        world.script.lookUpRefund = UNDETERMINED;
        return refundId;
      },
      [1, 7, 8, 9],
    ],
    [
      'a payment that failed at the gateway',
      async (world) => {
        const { transactionId } = await pendingPayment(world);
        world.clock.nowMs += CANCELS_AFTER_MS;
        await resolveOutcome(world.context, transactionId, DEADLINE_MS);
        world.script.lookUpCharge = UNDETERMINED;
        return transactionId;
      },
      [1 / 24, 1, 2, 3],
    ],
  ])('is %s, and its follow-up is given up after some days, with one alarm', async (_, make, days) => {
    const world = newWorld({ lookUpCharge: NOT_FOUND });
    const id = await make(world);
    const startMs = world.clock.nowMs;
    const askedOnDays: number[] = [];
    for (let look = 0; look < 10; look += 1) {
      const dueAtMs = await dueAt(id);
      if (dueAtMs === null) break;
      world.clock.nowMs = dueAtMs;
      askedOnDays.push((dueAtMs - startMs) / DAY_MS);
      await resolveDue(world.context);
    }
    expect(askedOnDays).toHaveLength(days.length);
    for (const [index, day] of days.entries()) expect(askedOnDays[index]).toBeCloseTo(day, 2);
    expect(loggedErrors(world)).toEqual([expect.objectContaining({ event: 'follow_up.given_up', id })]);
    // A webhook that comes afterwards is sent again by its provider, and raises no second alarm.
    expect(await resolveNotified(world.context, id)).toMatchObject({ kind: 'open', undetermined: true });
    expect(loggedErrors(world)).toHaveLength(1);
  });

  it('is a follow-up at a gateway that does not answer for a month, and is given up', async () => {
    const world = newWorld();
    const refundId = await paidRefund(world, await paidPayment(world));
    world.clock.nowMs += 29 * DAY_MS;
    expect(await resolveOutcome(world.context, refundId, DEADLINE_MS)).toMatchObject({ unreachable: true });
    expect(await dueAt(refundId)).not.toBeNull();
    world.clock.nowMs += 2 * DAY_MS;
    await resolveOutcome(world.context, refundId, DEADLINE_MS);
    expect(await dueAt(refundId)).toBeNull();
    expect(loggedErrors(world)).toEqual([expect.objectContaining({ event: 'follow_up.given_up', id: refundId })]);
  });
});

describe('a gateway that is still working on it', () => {
  it('is asked at the usual pace for ten minutes, and then ever more seldom, up to every six hours', async () => {
    const world = newWorld({ lookUpCharge: IN_PROGRESS });
    const made = await pendingPayment(world);
    const pausesMinutes = await pausesOf(world, made.transactionId, 5 * DAY_MS);
    expect(pausesMinutes.slice(0, 8).map((minutes) => minutes * 60)).toEqual([2, 4, 8, 16, 32, 64, 128, 256]);
    expect(pausesMinutes.at(-1)).toBe(6 * 60);
    expect(timesAsked(world, 'lookUpCharge')).toBeLessThan(45);
    expect(loggedErrors(world)).toEqual([]);
  });

  it('is asked at once by its webhook, and by a status request when it is due', async () => {
    const world = newWorld({ lookUpCharge: IN_PROGRESS });
    const made = await pendingPayment(world);
    world.clock.nowMs += 2 * DAY_MS;
    await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
    expect(Number(await dueAt(made.transactionId)) - world.clock.nowMs).toBe(6 * HOUR_MS);
    world.script.lookUpCharge = APPROVED;
    expect(await resolveNotified(world.context, made.transactionId)).toMatchObject({ kind: 'ended' });
  });

  it('takes hardly any turns: 150 such payments leave room for everything else', async () => {
    const world = newWorld({ lookUpCharge: IN_PROGRESS });
    const dayMs = world.clock.nowMs - DAY_MS;
    await duePayments({ count: 150, series: 'A', gateway: 'scripted', dueAtMs: dayMs, createdAtMs: dayMs });
    for (let minute = 0; minute < 60; minute += 1) {
      await resolveDue(world.context);
      world.clock.nowMs += MINUTE_MS;
    }
    expect(timesAsked(world, 'lookUpCharge')).toBe(150);
  });
});

describe('the statements of an invocation', () => {
  /** Every way in which a look-up can end, each with the most that it writes. */
  const CASES: [string, Partial<Script>, (world: TestWorld) => Promise<string>][] = [
    [
      'a payment that was charged',
      { lookUpCharge: APPROVED },
      async (world) => (await pendingPayment(world)).transactionId,
    ],
    [
      'a payment that was declined',
      { lookUpCharge: DECLINED },
      async (world) => (await pendingPayment(world)).transactionId,
    ],
    [
      'a payment that is cancelled',
      { lookUpCharge: NOT_FOUND },
      async (world) => (await pendingPayment(world)).transactionId,
    ],
    [
      'a payment that stays open',
      { lookUpCharge: UNDETERMINED },
      async (world) => (await pendingPayment(world)).transactionId,
    ],
    [
      'a payment that was charged after it had failed',
      { lookUpCharge: NOT_FOUND },
      async (world) => {
        const { transactionId } = await pendingPayment(world);
        world.clock.nowMs += CANCELS_AFTER_MS;
        await resolveOutcome(world.context, transactionId, DEADLINE_MS);
        world.script.lookUpCharge = APPROVED;
        return transactionId;
      },
    ],
    [
      'a hold that expires',
      { charge: AUTHORIZED, lookUpCharge: AUTHORIZED, releaseHold: { kind: 'cancelled' } },
      async (world) => heldPayment(world),
    ],
    [
      'a hold that was captured at the provider when it expires',
      { charge: AUTHORIZED, lookUpCharge: AUTHORIZED, releaseHold: APPROVED },
      async (world) => heldPayment(world),
    ],
    [
      'a refund that was paid',
      { lookUpRefund: APPROVED },
      async (world) => pendingRefund(world, await paidPayment(world)),
    ],
    [
      'a refund that is sent again, and paid',
      { lookUpRefund: NOT_FOUND },
      async (world) => {
        const refundId = await pendingRefund(world, await paidPayment(world));
        world.script.refund = APPROVED;
        return refundId;
      },
    ],
    [
      'a refund that was sent back',
      { lookUpRefund: DECLINED },
      async (world) => paidRefund(world, await paidPayment(world)),
    ],
  ];

  async function heldPayment({ context }: TestWorld): Promise<string> {
    const answer = await processPayment(context, paymentRequest({ capture_method: 'manual' }), '25.50');
    if (answer.kind !== 'authorized') throw new Error(`the payment of a test is ${answer.kind}`);
    return answer.transaction.transactionId;
  }

  it.each(CASES)('are enough for %s, whichever answer of D1 is lost', async (_, script, make) => {
    let roundTrips = 0;
    for (let lost = 1; lost === 1 || lost <= roundTrips; lost += 1) {
      const world = newWorld(script);
      const id = await make(world);
      world.clock.nowMs += DAY_MS + HOUR_MS;
      const watched = watchedDatabase((roundTrip) => {
        roundTrips = roundTrip;
        return roundTrip === lost ? 'lose' : 'answer';
      });
      await resolveOutcome({ ...world.context, db: { ...database, d1: watched.d1 } }, id, DEADLINE_MS);
      expect(watched.statements()).toBeGreaterThan(1);
      expect(watched.statements()).toBeLessThanOrEqual(STATEMENTS_PER_LOOK_UP);
    }
    expect(roundTrips).toBeGreaterThan(1);
  });

  it('are never used up by look-ups: the rest is left to the next invocation', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    await duePayments({ count: 300, series: 'A', gateway: 'scripted', dueAtMs: world.clock.nowMs - HOUR_MS });
    const watched = watchedDatabase();
    const budget = { left: 1_000 };
    world.context.db = { ...database, d1: watched.d1, budget };
    expect(await resolveDue(world.context)).toMatchObject({ more: true });
    expect(watched.statements()).toBe(1_000 - budget.left);
    expect(budget.left).toBeGreaterThanOrEqual(STATEMENTS_LEFT_TO_CALLER);
    // It is worth an invocation, too.
    expect(await countRows('transactions', `status = 'completed'`)).toBeGreaterThan(10 * LOOK_UPS_AT_ONCE);
    expect(await countRows('transactions', `status = 'pending' AND lookups = 0`)).toBe(
      await countRows('transactions', `status = 'pending'`),
    );
  });
});

async function dueAt(id: string): Promise<number | null> {
  const row = id.startsWith('REF-')
    ? (await refundsOf(await transactionIdOf(id))).find(({ refund_id }) => refund_id === id)
    : await transaction(id);
  return row?.next_lookup_at_ms == null ? null : Number(row.next_lookup_at_ms);
}

async function transactionIdOf(refundId: string): Promise<string> {
  const found = await env.DB.prepare('SELECT transaction_id FROM refunds WHERE refund_id = ?1').bind(refundId).first();
  return String(found?.transaction_id);
}

/** Minutes between the look-ups of a payment, each made when it is due, for so long. */
async function pausesOf(world: TestWorld, transactionId: string, forMs: number): Promise<number[]> {
  const untilMs = world.clock.nowMs + forMs;
  const pausesMinutes: number[] = [];
  for (let dueAtMs = await dueAt(transactionId); dueAtMs !== null && dueAtMs < untilMs; ) {
    world.clock.nowMs = dueAtMs;
    await resolveOutcome(world.context, transactionId, DEADLINE_MS);
    dueAtMs = await dueAt(transactionId);
    if (dueAtMs !== null) pausesMinutes.push((dueAtMs - world.clock.nowMs) / MINUTE_MS);
  }
  return pausesMinutes;
}

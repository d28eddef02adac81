/** Who settles something dies at one of the round trips to D1: settled again, it has one outcome, and one event. */
import { describe, expect, it } from 'vitest';
import { STATUS_DEADLINE_MS } from '../../src/core/invocation-limits.ts';
import { recordPayment } from '../../src/core/outcomes/record-payment.ts';
import { readStatus } from '../../src/core/payments/read-status.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { database } from './operation.ts';
import {
  APPROVED,
  CANCELS_AFTER_MS,
  DEADLINE_MS,
  DECLINED,
  FIRST_LOOKUP_MS,
  NOT_FOUND,
  newWorld,
  paidPayment,
  paidRefund,
  pendingPayment,
  pendingRefund,
  type TestWorld,
  timesAsked,
} from './scripted-gateway.ts';
import { eventTypesOf, refundsOf, transaction } from './stored.ts';
import { type Fate, watchedDatabase } from './watched-database.ts';

const DAY_MS = 24 * 60 * 60_000;

interface Open {
  world: TestWorld;
  /** What is to be settled. */
  id: string;
  made: { transactionId: string; bookingId: string };
}

interface Case {
  name: string;
  open: () => Promise<Open>;
  payment: Record<string, unknown>;
  refunds: Record<string, unknown>[];
  events: string[];
}

const CASES: Case[] = [
  {
    name: 'a payment that was charged',
    async open() {
      const world = newWorld({ lookUpCharge: APPROVED });
      const made = await pendingPayment(world);
      world.clock.nowMs += FIRST_LOOKUP_MS;
      return { world, made, id: made.transactionId };
    },
    payment: { status: 'completed' },
    refunds: [],
    events: ['payment.success'],
  },
  {
    name: 'a payment that never got there',
    async open() {
      const world = newWorld({ lookUpCharge: NOT_FOUND });
      const made = await pendingPayment(world);
      world.clock.nowMs += CANCELS_AFTER_MS;
      return { world, made, id: made.transactionId };
    },
    payment: { status: 'failed' },
    refunds: [],
    events: ['payment.failed'],
  },
  {
    name: 'a payment that had failed, and was charged',
    async open() {
      const world = newWorld({ lookUpCharge: NOT_FOUND });
      const made = await pendingPayment(world);
      world.clock.nowMs += CANCELS_AFTER_MS;
      await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
      world.clock.nowMs += DAY_MS;
      world.script.lookUpCharge = APPROVED;
      return { world, made, id: made.transactionId };
    },
    payment: { status: 'failed' },
    refunds: [{ kind: 'late_charge', status: 'pending' }],
    events: ['payment.failed'],
  },
  {
    name: 'a late charge that is given back',
    async open() {
      const world = newWorld({ lookUpCharge: NOT_FOUND, lookUpRefund: NOT_FOUND, refund: APPROVED });
      const made = await pendingPayment(world);
      world.clock.nowMs += CANCELS_AFTER_MS;
      await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
      const pending = { ...made, status: 'pending' } as Parameters<typeof recordPayment>[1];
      const charged = { status: 'completed', gatewayReference: 'late' } as const;
      const { lateRefund } = await recordPayment(world.context, pending, charged);
      return { world, made, id: String(lateRefund?.refundId) };
    },
    payment: { status: 'failed', reserved_minor: 0, refunded_minor: 0 },
    refunds: [{ kind: 'late_charge', status: 'completed' }],
    events: ['payment.failed'],
  },
  {
    name: 'a refund that was paid',
    async open() {
      const world = newWorld({ lookUpRefund: APPROVED });
      const made = await paidPayment(world);
      const id = await pendingRefund(world, made);
      world.clock.nowMs += FIRST_LOOKUP_MS;
      return { world, made, id };
    },
    payment: { status: 'completed', reserved_minor: 0, refunded_minor: 1000 },
    refunds: [{ status: 'completed' }],
    events: ['payment.success', 'payment.refund'],
  },
  {
    name: 'a refund that failed',
    async open() {
      const world = newWorld({ lookUpRefund: DECLINED });
      const made = await paidPayment(world);
      const id = await pendingRefund(world, made);
      world.clock.nowMs += FIRST_LOOKUP_MS;
      return { world, made, id };
    },
    payment: { status: 'completed', reserved_minor: 0, refunded_minor: 0 },
    refunds: [{ status: 'failed' }],
    events: ['payment.success'],
  },
  {
    name: 'a refund that was sent back',
    async open() {
      const world = newWorld({ lookUpRefund: DECLINED });
      const made = await paidPayment(world);
      await paidRefund(world, made, '5.00');
      const id = await paidRefund(world, made);
      world.clock.nowMs += DAY_MS;
      return { world, made, id };
    },
    payment: { status: 'completed', reserved_minor: 0, refunded_minor: 500 },
    refunds: [{ status: 'completed' }, { status: 'reversed' }],
    events: ['payment.success', 'payment.refund', 'payment.refund'],
  },
];

const FATES: [text: string, fate: Fate][] = [
  ['before it is done', 'refuse'],
  ['right after it', 'die'],
];

async function expectResolvedOnce({ made }: Open, { payment, refunds, events }: Case): Promise<void> {
  expect(await transaction(made.transactionId)).toMatchObject(payment);
  expect(await refundsOf(made.transactionId)).toMatchObject(refunds);
  expect(await eventTypesOf(made.bookingId)).toEqual(events);
}

describe.each(CASES)('$name', (one) => {
  const breaks = [1, 2].flatMap((trip) => FATES.map(([text, fate]) => [trip, text, fate] as const));

  it.each(breaks)('is resolved once, though the first try dies at round trip %i, %s', async (trip, _, fate) => {
    const open = await one.open();
    const { d1, roundTrips } = watchedDatabase((roundTrip) => (roundTrip === trip ? fate : 'answer'));
    const broken = { ...open.world.context, db: { ...database, d1 } };
    await expect(resolveOutcome(broken, open.id, DEADLINE_MS)).rejects.toThrow('D1_ERROR');
    expect(roundTrips()).toBe(trip);

    open.world.clock.nowMs += DAY_MS;
    await resolveOutcome(open.world.context, open.id, DEADLINE_MS);
    await expectResolvedOnce(open, one);
  });

  it('is resolved at once where each round trip works the second time only', async () => {
    const open = await one.open();
    const { d1 } = watchedDatabase((roundTrip) => (roundTrip % 2 === 1 ? 'fail' : 'answer'));
    const flaky = { ...open.world.context, db: { ...database, d1 } };
    expect(await resolveOutcome(flaky, open.id, DEADLINE_MS)).toMatchObject({ kind: 'ended' });
    await expectResolvedOnce(open, one);
  });
});

it('what D1 does not let be written is an error that the queue knows, and is resolved later', async () => {
  const world = newWorld({ lookUpCharge: APPROVED });
  const made = await pendingPayment(world);
  world.clock.nowMs += FIRST_LOOKUP_MS;
  const { d1 } = watchedDatabase(() => 'fail');
  const resolving = resolveOutcome({ ...world.context, db: { ...database, d1 } }, made.transactionId, DEADLINE_MS);
  await expect(resolving).rejects.toMatchObject({ name: 'LedgerUnavailable' });
  await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
  expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
});

describe('a status request', () => {
  const SLOW = { timeout: 10_000 };

  it.concurrent('ends within its deadline where the gateway is silent', SLOW, async () => {
    const world = newWorld({}, { gateway: { lookUpCharge: () => new Promise(() => {}) } });
    const made = await pendingPayment(world);
    world.clock.nowMs += FIRST_LOOKUP_MS;
    const startedAtMs = Date.now();
    const answer = await readStatus(world.context, made.transactionId);
    expect(answer?.transaction.status).toBe('pending');
    expect(Date.now() - startedAtMs).toBeLessThan(STATUS_DEADLINE_MS + 1_000);
  });

  it.concurrent('ends within its deadline where the gateway is slow at both of its questions', SLOW, async () => {
    const soon = () => new Promise<typeof NOT_FOUND>((resolve) => setTimeout(() => resolve(NOT_FOUND), 1_800));
    const cancelCharge = () => new Promise<never>(() => {});
    const world = newWorld({}, { gateway: { lookUpCharge: soon, cancelCharge } });
    const made = await pendingPayment(world);
    world.clock.nowMs += CANCELS_AFTER_MS;
    const startedAtMs = Date.now();
    const answer = await readStatus(world.context, made.transactionId);
    expect(answer?.transaction.status).toBe('pending');
    // Two calls, each with a deadline of its own.
    expect(Date.now() - startedAtMs).toBeLessThan(2 * STATUS_DEADLINE_MS + 1_000);
  });

  it.concurrent('is answered from the ledger while D1 does not let it settle', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const made = await pendingPayment(world);
    world.clock.nowMs += FIRST_LOOKUP_MS;
    const { d1 } = watchedDatabase((roundTrip) => (roundTrip === 2 ? 'refuse' : 'answer'));
    const answer = await readStatus({ ...world.context, db: { ...database, d1 } }, made.transactionId);
    expect(answer?.transaction.status).toBe('pending');
    expect(timesAsked(world, 'lookUpCharge')).toBe(0);
  });
});

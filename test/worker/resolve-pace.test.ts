/** Who asks a gateway what became of a payment, how often, and that it is recorded once, however many ask. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../src/core/domain/failure.ts';
import type { GatewayOutcome, LookUp } from '../../src/core/gateways/gateway.ts';
import { recordPayment } from '../../src/core/outcomes/record-payment.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { readStatus } from '../../src/core/payments/read-status.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { resolveDue } from '../../src/core/recovery/resolve-due.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { paymentRequest } from './operation.ts';
import {
  APPROVED,
  CANCELS_AFTER_MS,
  DEADLINE_MS,
  DECLINED,
  FIRST_LOOKUP_MS,
  NOT_FOUND,
  newWorld,
  paidPayment,
  pendingPayment,
  pendingRefund,
  resolveAfter,
  type TestWorld,
  timesAsked,
} from './scripted-gateway.ts';
import { eventTypesOf, transaction, transactionsOf } from './stored.ts';

// What other tests left open is nothing that these find due.
beforeEach(async () => {
  await env.DB.prepare('UPDATE transactions SET next_lookup_at_ms = NULL').run();
});

describe('the pace of look-ups', () => {
  it('begins when the call can no longer be answered, and not before', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const made = await pendingPayment(world);
    expect(await resolveAfter(world, made, FIRST_LOOKUP_MS - 1)).toBeNull();
    expect(timesAsked(world, 'lookUpCharge')).toBe(0);
    expect(await resolveAfter(world, made, FIRST_LOOKUP_MS)).toMatchObject({ kind: 'ended' });
  });

  it('lets nobody ask again right away', async () => {
    const world = newWorld();
    const made = await pendingPayment(world);
    await resolveAfter(world, made, FIRST_LOOKUP_MS);
    expect(await resolveOutcome(world.context, made.transactionId, DEADLINE_MS)).toBeNull();
    await resolveDue(world.context);
    await readStatus(world.context, made.transactionId);
    expect(timesAsked(world, 'lookUpCharge')).toBe(1);
  });

  it('is 2, 4, 8, … seconds, and never more than 5 minutes', async () => {
    const world = newWorld();
    const made = await pendingPayment(world);
    world.clock.nowMs += FIRST_LOOKUP_MS;
    const pausesSeconds: number[] = [];
    for (let lookUp = 1; lookUp <= 25; lookUp += 1) {
      await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
      const dueAtMs = Number((await transaction(made.transactionId))?.next_lookup_at_ms);
      pausesSeconds.push((dueAtMs - world.clock.nowMs) / 1000);
      world.clock.nowMs = dueAtMs;
    }
    expect(pausesSeconds).toEqual([2, 4, 8, 16, 32, 64, 128, 256, ...Array(17).fill(300)]);
    expect(timesAsked(world, 'lookUpCharge')).toBe(25);
  });

  it('asks nothing more about what has ended', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const made = await pendingPayment(world);
    await resolveAfter(world, made, FIRST_LOOKUP_MS);
    world.clock.nowMs += 30 * 24 * 60 * 60_000;
    expect(await resolveOutcome(world.context, made.transactionId, DEADLINE_MS)).toBeNull();
    expect(await resolveOutcome(world.context, (await paidPayment(world)).transactionId, DEADLINE_MS)).toBeNull();
    expect(timesAsked(world, 'lookUpCharge')).toBe(1);
  });

  it('is nobody’s where there is no such payment', async () => {
    const { context } = newWorld();
    expect(await resolveOutcome(context, 'TXN-01J00000000000000000000000', DEADLINE_MS)).toBeNull();
    expect(await resolveOutcome(context, 'REF-01J00000000000000000000000', DEADLINE_MS)).toBeNull();
  });
});

describe('who asks at once', () => {
  it('is one of 50: one look-up, one outcome, one event', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const made = await pendingPayment(world);
    world.clock.nowMs += FIRST_LOOKUP_MS;
    const ways = [
      () => resolveOutcome(world.context, made.transactionId, DEADLINE_MS),
      () => resolveDue(world.context),
      () => readStatus(world.context, made.transactionId),
    ];
    await Promise.all(Array.from({ length: 50 }, (_, index) => ways[index % ways.length]?.()));
    expect(timesAsked(world, 'lookUpCharge')).toBe(1);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed', lookups: 1 });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it('records one outcome where look-ups overlap', async () => {
    let answer: (found: LookUp) => void = () => {};
    const answered = new Promise<LookUp>((resolve) => {
      answer = resolve;
    });
    const world = newWorld({}, { gateway: { lookUpCharge: () => answered } });
    const made = await pendingPayment(world);
    const resolving: ReturnType<typeof resolveOutcome>[] = [];
    for (const pauseMs of [FIRST_LOOKUP_MS, 2_000, 4_000, 8_000]) {
      world.clock.nowMs += pauseMs;
      const begun = resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
      resolving.push(begun);
      await expect.poll(async () => (await transaction(made.transactionId))?.lookups).toBe(resolving.length);
    }
    answer(APPROVED);
    const settled = await Promise.all(resolving);
    const events = settled.flatMap((one) => (one?.kind === 'ended' && one.event !== null ? [one.event] : []));
    expect(events).toMatchObject([{ event_type: 'payment.success', transaction_id: made.transactionId }]);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it('records one outcome, with one event, though 50 have found it out', async () => {
    const world = newWorld();
    const answer = await processPayment(world.context, paymentRequest(), '25.50');
    if (answer.kind !== 'pending') throw new Error(answer.kind);
    const outcomes = [
      { status: 'failed', failure: failure('CARD_DECLINED') },
      { status: 'failed', failure: failure('PAYMENT_GATEWAY_ERROR') },
    ] as const;
    const recorded = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        recordPayment(world.context, answer.transaction, outcomes[index % 2] ?? outcomes[0]),
      ),
    );
    expect(recorded.filter(({ event }) => event !== null)).toHaveLength(1);
    expect(new Set(recorded.map(({ transaction }) => transaction.errorCode)).size).toBe(1);
    expect(await eventTypesOf(answer.transaction.bookingId)).toEqual(['payment.failed']);
  });
});

describe('a payment whose own answer comes after it was resolved', () => {
  /** A payment whose charge is under way until the test answers it. */
  async function payingSlowly({ gateway, context }: TestWorld) {
    let answer: (outcome: GatewayOutcome) => void = () => {};
    const answered = new Promise<GatewayOutcome>((resolve) => {
      answer = resolve;
    });
    const request = paymentRequest();
    const gateways = oneGateway({ ...gateway, charge: () => answered });
    const paying = processPayment({ ...context, gateways }, request, '25.50');
    await expect.poll(() => transactionsOf(request.booking_id)).toHaveLength(1);
    const [row] = await transactionsOf(request.booking_id);
    return { paying, answer, transactionId: String(row?.transaction_id), bookingId: request.booking_id };
  }

  it('as completed is completed, with one event', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const { paying, answer, ...made } = await payingSlowly(world);
    await resolveAfter(world, made, FIRST_LOOKUP_MS);
    answer(APPROVED);
    expect(await paying).toMatchObject({ kind: 'completed', event: null, lookUp: null });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it('as completed stays so, whatever the answer says (invariant 6)', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const { paying, answer, ...made } = await payingSlowly(world);
    await resolveAfter(world, made, FIRST_LOOKUP_MS);
    answer(DECLINED);
    expect(await paying).toMatchObject({ kind: 'completed', event: null });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
  });

  it('as failed stays so, and the charge is owed back', async () => {
    const world = newWorld({ lookUpCharge: NOT_FOUND });
    const { paying, answer, ...made } = await payingSlowly(world);
    await resolveAfter(world, made, CANCELS_AFTER_MS);
    answer(APPROVED);
    expect(await paying).toMatchObject({
      kind: 'failed',
      event: null,
      lookUp: { id: made.transactionId.replace('TXN-', 'REF-'), atMs: world.clock.nowMs },
    });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed']);
  });
});

describe('resolving whatever is due', () => {
  it('resolves all of it, and leaves the events to the sweep', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const made = await Promise.all(Array.from({ length: 10 }, () => pendingPayment(world)));
    world.clock.nowMs += FIRST_LOOKUP_MS + 1_000;
    await resolveDue(world.context);
    for (const { bookingId } of made) expect(await eventTypesOf(bookingId)).toEqual(['payment.success']);
  });

  it('stops where the gateway cannot be reached, and leaves the rest as it was', async () => {
    const world = newWorld();
    await Promise.all(Array.from({ length: 10 }, () => pendingPayment(world)));
    world.clock.nowMs += FIRST_LOOKUP_MS + 1_000;
    expect(await resolveDue(world.context)).toMatchObject({ more: false, silent: { scripted: expect.any(Number) } });
    expect(timesAsked(world, 'lookUpCharge')).toBe(6);
  });

  it('begins no round after 20 seconds, and says that there may be more', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    await Promise.all(Array.from({ length: 20 }, () => pendingPayment(world)));
    world.clock.nowMs += FIRST_LOOKUP_MS + 1_000;
    const { gateway } = world;
    const lookUpCharge: typeof gateway.lookUpCharge = async (...about) => {
      world.clock.nowMs += 2_000;
      return gateway.lookUpCharge(...about);
    };
    const slow = { ...world.context, gateways: oneGateway(gateway, () => ({ ...gateway, lookUpCharge })) };
    expect(await resolveDue(slow)).toMatchObject({ more: true });
    expect(timesAsked(world, 'lookUpCharge')).toBe(12);
  });

  it('is not held up by payments of a gateway that is not configured any more', async () => {
    const gone = newWorld({}, { gateway: { name: 'gone' } });
    const world = newWorld({ lookUpCharge: APPROVED });
    await Promise.all(Array.from({ length: 5 }, () => pendingPayment(gone)));
    const made = await pendingPayment(world);
    world.clock.nowMs += FIRST_LOOKUP_MS + 1_000;
    const { gateway } = world;
    await resolveDue({ ...world.context, gateways: oneGateway(gateway, (name) => (name === 'gone' ? null : gateway)) });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });

  it('is not held up by payments and refunds of a gateway that can’t be reached', async () => {
    const dead = newWorld({}, { gateway: { name: 'dead' } });
    const world = newWorld({ lookUpCharge: APPROVED, lookUpRefund: APPROVED });
    await Promise.all(Array.from({ length: 12 }, () => pendingPayment(dead)));
    const deadPaid = await paidPayment(dead);
    for (const amount of ['1.00', '1.01', '1.02', '1.03']) await pendingRefund(dead, deadPaid, amount);
    const made = await pendingPayment(world);
    await pendingRefund(world, await paidPayment(world));
    world.clock.nowMs += FIRST_LOOKUP_MS + 1_000;
    const both = oneGateway(world.gateway, (name) => (name === 'dead' ? dead.gateway : world.gateway));
    await resolveDue({ ...world.context, gateways: both });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
    expect(timesAsked(world, 'lookUpRefund')).toBe(1);
    // The dead one was asked about as many as are asked about at once, and no more.
    expect(timesAsked(dead, 'lookUpCharge') + timesAsked(dead, 'lookUpRefund')).toBeLessThanOrEqual(6);
  });
});

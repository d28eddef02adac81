/** Invariant 3, of a payment: how an outcome that is not known becomes known, once, and is never guessed. */
import { describe, expect, it } from 'vitest';
import type { Fence, LookUp } from '../../src/core/gateways/gateway.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { paymentRequest } from './operation.ts';
import {
  APPROVED,
  CANCELS_AFTER_MS,
  DEADLINE_MS,
  DECLINED,
  FIRST_LOOKUP_MS,
  loggedErrors,
  NOT_FOUND,
  newWorld,
  paidPayment,
  paidRefund,
  pendingPayment,
  resolveAfter,
  timesAsked,
  UNREACHABLE,
} from './scripted-gateway.ts';
import { eventTypesOf, transaction } from './stored.ts';

const HOUR_MS = 60 * 60_000;

describe('a look-up of a pending payment', () => {
  const resolving: [LookUp, Record<string, unknown>, string][] = [
    [APPROVED, { status: 'completed', gateway_reference: 'reference', error_code: null }, 'payment.success'],
    [DECLINED, { status: 'failed', error_code: 'CARD_DECLINED', gateway_reference: null }, 'payment.failed'],
    [
      { kind: 'declined', code: 'INSUFFICIENT_FUNDS', reason: 'Not this month' },
      { status: 'failed', error_code: 'INSUFFICIENT_FUNDS', failure_reason: 'Not this month' },
      'payment.failed',
    ],
    [
      { kind: 'failed' },
      { status: 'failed', error_code: 'PAYMENT_GATEWAY_ERROR', next_lookup_at_ms: expect.any(Number) },
      'payment.failed',
    ],
  ];

  it.each(resolving)('that answers %o ends it, with one event (invariant 4)', async (found, expected, eventType) => {
    const world = newWorld({ lookUpCharge: found });
    const made = await pendingPayment(world);
    const settled = await resolveAfter(world, made, FIRST_LOOKUP_MS);

    expect(settled).toMatchObject({ kind: 'ended', event: { event_type: eventType }, lateRefundId: null });
    const ended = { processed_at_ms: world.clock.nowMs, next_lookup_at_ms: null, lookups: 1 };
    expect(await transaction(made.transactionId)).toMatchObject({ ...ended, ...expected });
    expect(await eventTypesOf(made.bookingId)).toEqual([eventType]);
    expect(timesAsked(world, 'cancelCharge')).toBe(0);
  });

  it.each([
    [{ kind: 'in_progress' }, false],
    [NOT_FOUND, false],
    [UNREACHABLE, true],
  ] as [LookUp, boolean][])('that answers %o leaves it pending, and tells nobody', async (found, unreachable) => {
    const world = newWorld({ lookUpCharge: found });
    const made = await pendingPayment(world);
    const settled = await resolveAfter(world, made, FIRST_LOOKUP_MS);

    expect(settled).toEqual({ kind: 'open', unreachable, nextLookUpAtMs: world.clock.nowMs + 2_000 });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending', lookups: 1 });
    expect(await eventTypesOf(made.bookingId)).toEqual([]);
    expect(timesAsked(world, 'cancelCharge')).toBe(0);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('a bug'))],
    ['is silent beyond its deadline', () => new Promise<LookUp>(() => {})],
  ])('at a gateway that %s leaves it pending', async (_, lookUpCharge) => {
    const world = newWorld({}, { gateway: { lookUpCharge } });
    const made = await pendingPayment(world);
    world.clock.nowMs += FIRST_LOOKUP_MS;
    const settled = await resolveOutcome(world.context, made.transactionId, 20);
    expect(settled).toMatchObject({ kind: 'open', unreachable: true });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending' });
  });

  it('asks at the gateway that took it, and not at the one that takes new payments', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const made = await pendingPayment(world);
    const asked: string[] = [];
    const { gateway } = world;
    const named = (name: string) => {
      asked.push(name);
      return gateway;
    };
    world.clock.nowMs += FIRST_LOOKUP_MS;
    await resolveOutcome({ ...world.context, gateways: oneGateway(gateway, named) }, made.transactionId, DEADLINE_MS);
    expect(asked).toEqual(['scripted']);
  });

  it('at a gateway that is not configured any more leaves it pending, and says so', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    world.context.gateways = oneGateway(world.gateway, () => null);
    const made = await pendingPayment(world);
    const settled = await resolveAfter(world, made, FIRST_LOOKUP_MS);
    expect(settled).toMatchObject({ kind: 'open', nextLookUpAtMs: world.clock.nowMs + HOUR_MS });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending' });
    expect(world.logged).toContainEqual(
      expect.objectContaining({ level: 'error', event: 'gateway.not_configured', gateway: 'scripted' }),
    );
    expect(world.asked).toEqual([`charge ${made.transactionId}`]);
  });

  it('at a gateway that is no longer configured puts a follow-up off for a month, then gives it up with one alarm', async () => {
    const world = newWorld();
    const refundId = await paidRefund(world, await paidPayment(world));
    world.context.gateways = oneGateway(world.gateway, () => null);
    world.clock.nowMs += 29 * 24 * HOUR_MS;
    await resolveOutcome(world.context, refundId, DEADLINE_MS);
    expect(loggedErrors(world)).toEqual([]);
    world.clock.nowMs += 2 * 24 * HOUR_MS;
    await resolveOutcome(world.context, refundId, DEADLINE_MS);
    expect(loggedErrors(world)).toEqual([expect.objectContaining({ event: 'follow_up.given_up', id: refundId })]);
    world.clock.nowMs += 24 * HOUR_MS;
    expect(await resolveOutcome(world.context, refundId, DEADLINE_MS)).toBeNull();
  });
});

describe('a charge that the gateway does not know', () => {
  it('is not cancelled while it may be on its way', async () => {
    const world = newWorld({ lookUpCharge: NOT_FOUND });
    const made = await pendingPayment(world);
    expect(await resolveAfter(world, made, CANCELS_AFTER_MS - 1)).toMatchObject({ kind: 'open' });
    expect(timesAsked(world, 'cancelCharge')).toBe(0);
  });

  it('is cancelled when it has been waited for, and only then failed', async () => {
    const world = newWorld({ lookUpCharge: NOT_FOUND });
    const made = await pendingPayment(world);
    const settled = await resolveAfter(world, made, CANCELS_AFTER_MS);

    expect(settled).toMatchObject({
      kind: 'ended',
      event: { event_type: 'payment.failed', error_code: 'PAYMENT_GATEWAY_ERROR' },
    });
    expect(world.asked.slice(-2)).toEqual([`lookUpCharge ${made.transactionId}`, `cancelCharge ${made.transactionId}`]);
    expect(await transaction(made.transactionId)).toMatchObject({
      status: 'failed',
      failure_reason: 'The request never reached the payment gateway',
    });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed']);
  });

  it.each([
    [APPROVED, { status: 'completed' }, ['payment.success']],
    [DECLINED, { status: 'failed', error_code: 'CARD_DECLINED' }, ['payment.failed']],
    [{ kind: 'failed' }, { status: 'failed', error_code: 'PAYMENT_GATEWAY_ERROR' }, ['payment.failed']],
    [{ kind: 'in_progress' }, { status: 'pending' }, []],
    [UNREACHABLE, { status: 'pending' }, []],
  ] as [Fence, object, string[]][])('and whose cancel answers %o is what that says', async (fence, row, events) => {
    const world = newWorld({ lookUpCharge: NOT_FOUND, cancelCharge: fence });
    const made = await pendingPayment(world);
    await resolveAfter(world, made, CANCELS_AFTER_MS);
    expect(await transaction(made.transactionId)).toMatchObject(row);
    expect(await eventTypesOf(made.bookingId)).toEqual(events);
  });

  it('stays pending where the cancel throws', async () => {
    const cancelCharge = () => Promise.reject(new Error('a bug'));
    const world = newWorld({ lookUpCharge: NOT_FOUND }, { gateway: { cancelCharge } });
    const made = await pendingPayment(world);
    expect(await resolveAfter(world, made, CANCELS_AFTER_MS)).toMatchObject({ kind: 'open' });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending' });
  });

  it('at a gateway that cannot cancel is failed when its documented longest time is over, and not before', async () => {
    const knownWithinMs = 600_000;
    const world = newWorld({ lookUpCharge: NOT_FOUND, cancelCharge: null }, { gateway: { knownWithinMs } });
    const made = await pendingPayment(world);
    // The request may have been sent as late as the claim's and the gateway's deadlines allow.
    const latestMs = 4_000 + 1_000 + knownWithinMs;
    await resolveAfter(world, made, latestMs - 1);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending' });
    await resolveAfter(world, made, latestMs + 2_000);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'failed' });
  });

  it('leaves its booking to the next payment (invariant 1)', async () => {
    const world = newWorld({ lookUpCharge: NOT_FOUND });
    const made = await pendingPayment(world);
    const again = () => processPayment(world.context, paymentRequest({ booking_id: made.bookingId }), '25.50');
    expect(await again()).toMatchObject({ kind: 'duplicate' });
    await resolveAfter(world, made, CANCELS_AFTER_MS);
    world.script.charge = APPROVED;
    expect(await again()).toMatchObject({ kind: 'completed' });
  });

  it('is asked about again an hour and a day later, in case it turns up', async () => {
    const world = newWorld({ lookUpCharge: NOT_FOUND });
    const made = await pendingPayment(world);
    await resolveAfter(world, made, CANCELS_AFTER_MS);
    const endedAtMs = world.clock.nowMs;
    const nextAtMs = async () => (await transaction(made.transactionId))?.next_lookup_at_ms;

    expect(await nextAtMs()).toBe(endedAtMs + HOUR_MS);
    world.clock.nowMs = endedAtMs + HOUR_MS - 1;
    expect(await resolveOutcome(world.context, made.transactionId, DEADLINE_MS)).toBeNull();
    world.clock.nowMs = endedAtMs + HOUR_MS;
    await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
    expect(await nextAtMs()).toBe(endedAtMs + 24 * HOUR_MS);
    world.clock.nowMs = endedAtMs + 24 * HOUR_MS;
    await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
    expect(await nextAtMs()).toBeNull();
    expect(timesAsked(world, 'lookUpCharge')).toBe(3);
    expect(timesAsked(world, 'cancelCharge')).toBe(1);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed']);
  });

  it('is asked about again soon where the gateway cannot be reached an hour later', async () => {
    const world = newWorld({ lookUpCharge: NOT_FOUND });
    const made = await pendingPayment(world);
    await resolveAfter(world, made, CANCELS_AFTER_MS);
    world.clock.nowMs += HOUR_MS;
    world.script.lookUpCharge = UNREACHABLE;
    await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);
    const { next_lookup_at_ms } = (await transaction(made.transactionId)) ?? {};
    expect(Number(next_lookup_at_ms)).toBeGreaterThan(world.clock.nowMs);
    expect(Number(next_lookup_at_ms)).toBeLessThanOrEqual(world.clock.nowMs + 5 * 60_000);
  });
});

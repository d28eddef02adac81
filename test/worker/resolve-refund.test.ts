/** Invariant 3, of refunds: how an outcome that is not known becomes known, and how one is taken back afterwards. */
import { describe, expect, it } from 'vitest';
import type { GatewayOutcome, LookUp } from '../../src/core/gateways/gateway.ts';
import { readStatus } from '../../src/core/payments/read-status.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { resolveDue } from '../../src/core/recovery/resolve-due.ts';
import { oneGateway } from '../data/one-gateway.ts';
import { refundRequest } from './operation.ts';
import { status } from './request.ts';
import {
  APPROVED,
  DEADLINE_MS,
  DECLINED,
  FIRST_LOOKUP_MS,
  loggedErrors,
  NOT_FOUND,
  newWorld,
  paidPayment,
  paidRefund,
  pendingRefund,
  type Script,
  type TestWorld,
  timesAsked,
  UNREACHABLE,
} from './scripted-gateway.ts';
import { eventTypesOf, refundsOf, transaction } from './stored.ts';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

/** A refund of 10 of 25.50 dollars whose outcome nobody knows, when its look-up is due. */
async function openRefund(script: Partial<Script> = {}, properties = {}) {
  const world = newWorld(script, properties);
  const made = await paidPayment(world);
  const refundId = await pendingRefund(world, made);
  world.clock.nowMs += FIRST_LOOKUP_MS;
  return { world, made, refundId };
}

const resolveAt = ({ context }: TestWorld, refundId: string) => resolveOutcome(context, refundId, DEADLINE_MS);

const PAID = { reserved_minor: 0, refunded_minor: 1000 };
const GIVEN_BACK = { reserved_minor: 0, refunded_minor: 0 };
const RESERVED = { reserved_minor: 1000, refunded_minor: 0 };
const BOTH_EVENTS = ['payment.success', 'payment.refund'];

describe('a charge that the provider does not know', () => {
  const CHARGE_UNKNOWN = { kind: 'failed', cause: 'charge_unknown', reason: 'there is no such payment' } as const;

  it('fails its refund at once, gives the amount back, and is an error in the log', async () => {
    const world = newWorld({ refund: CHARGE_UNKNOWN });
    const made = await paidPayment(world);
    const answer = await refundPayment(world.context, refundRequest(made), '10.00');
    expect(answer).toMatchObject({
      kind: 'failed',
      refund: { errorCode: 'PAYMENT_GATEWAY_ERROR', failureCause: 'charge_unknown', nextLookupAtMs: null },
    });
    expect(await transaction(made.transactionId)).toMatchObject(GIVEN_BACK);
    expect(loggedErrors(world)).toMatchObject([{ event: 'gateway.answered', call: 'refund', cause: 'charge_unknown' }]);
  });

  it('fails a refund that is looked up, instead of sending it again for a day', async () => {
    const { world, made, refundId } = await openRefund({ lookUpRefund: NOT_FOUND });
    world.script.refund = CHARGE_UNKNOWN;
    expect(await resolveAt(world, refundId)).toMatchObject({ kind: 'ended' });
    expect(await transaction(made.transactionId)).toMatchObject(GIVEN_BACK);
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'failed', failure_cause: 'charge_unknown' }]);
  });
});

describe('a look-up of a pending refund', () => {
  it('is not due while the call may still be answered', async () => {
    const { world, refundId } = await openRefund({ lookUpRefund: APPROVED });
    world.clock.nowMs -= 1;
    expect(await resolveAt(world, refundId)).toBeNull();
    expect(timesAsked(world, 'lookUpRefund')).toBe(0);
  });

  it('that answers approved pays it, and publishes one event (invariant 4)', async () => {
    const { world, made, refundId } = await openRefund({ lookUpRefund: APPROVED });
    const settled = await resolveAt(world, refundId);

    expect(settled).toMatchObject({
      kind: 'ended',
      event: { event_type: 'payment.refund', refund_transaction_id: refundId, refund_amount: 10 },
    });
    expect(await refundsOf(made.transactionId)).toMatchObject([
      { status: 'completed', gateway_reference: 'reference', processed_at_ms: world.clock.nowMs, lookups: 1 },
    ]);
    expect(await transaction(made.transactionId)).toMatchObject(PAID);
    expect(await eventTypesOf(made.bookingId)).toEqual(BOTH_EVENTS);
    expect(timesAsked(world, 'refund')).toBe(1);
  });

  it.each([
    [DECLINED, 'REFUND_NOT_ALLOWED'],
    [{ kind: 'failed' }, 'PAYMENT_GATEWAY_ERROR'],
  ] as [LookUp, string][])('that answers %o gives the amount back, and tells nobody', async (found, code) => {
    const { world, made, refundId } = await openRefund({ lookUpRefund: found });
    expect(await resolveAt(world, refundId)).toMatchObject({ kind: 'ended', event: null });
    expect(await refundsOf(made.transactionId)).toMatchObject([
      { status: 'failed', error_code: code, next_lookup_at_ms: null },
    ]);
    expect(await transaction(made.transactionId)).toMatchObject(GIVEN_BACK);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success']);
    expect(timesAsked(world, 'refund')).toBe(1);
  });

  it.each([[{ kind: 'in_progress' }], [UNREACHABLE]] as [LookUp][])(
    'that answers %o leaves the amount reserved',
    async (found) => {
      const { world, made, refundId } = await openRefund({ lookUpRefund: found });
      const settled = await resolveAt(world, refundId);
      expect(settled).toMatchObject({ kind: 'open', nextLookUpAtMs: world.clock.nowMs + 2_000 });
      expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'pending' }]);
      expect(await transaction(made.transactionId)).toMatchObject(RESERVED);
      expect(timesAsked(world, 'refund')).toBe(1);
    },
  );

  it('at a gateway that throws leaves the amount reserved', async () => {
    const lookUpRefund = () => Promise.reject(new Error('a bug'));
    const { world, made, refundId } = await openRefund({}, { gateway: { lookUpRefund } });
    expect(await resolveAt(world, refundId)).toMatchObject({ kind: 'open', unreachable: true });
    expect(await transaction(made.transactionId)).toMatchObject(RESERVED);
  });

  it('at a gateway that is not configured any more leaves the amount reserved', async () => {
    const { world, made, refundId } = await openRefund({ lookUpRefund: APPROVED });
    const settled = await resolveAt(
      { ...world, context: { ...world.context, gateways: oneGateway(world.gateway, () => null) } },
      refundId,
    );
    expect(settled).toMatchObject({ kind: 'open', nextLookUpAtMs: world.clock.nowMs + HOUR_MS });
    expect(await transaction(made.transactionId)).toMatchObject(RESERVED);
  });

  it('is one of 50 who ask at once', async () => {
    const { world, made, refundId } = await openRefund({ lookUpRefund: APPROVED });
    const ways = [
      () => resolveAt(world, refundId),
      () => resolveDue(world.context),
      () => readStatus(world.context, refundId),
    ];
    await Promise.all(Array.from({ length: 50 }, (_, index) => ways[index % ways.length]?.()));
    expect(world.asked.filter((one) => one === `lookUpRefund ${refundId}`)).toHaveLength(1);
    expect(await transaction(made.transactionId)).toMatchObject(PAID);
    expect(await eventTypesOf(made.bookingId)).toEqual(BOTH_EVENTS);
  });

  it('makes the payment refunded when it was the last part of it', async () => {
    const world = newWorld({ lookUpRefund: APPROVED });
    const made = await paidPayment(world);
    const refundId = await pendingRefund(world, made, '25.50');
    world.clock.nowMs += FIRST_LOOKUP_MS;
    await resolveAt(world, refundId);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'refunded', refunded_minor: 2550 });
  });
});

describe('a refund that the gateway does not know', () => {
  it.each([
    [APPROVED, 'completed', PAID, BOTH_EVENTS],
    [DECLINED, 'failed', GIVEN_BACK, ['payment.success']],
    [{ kind: 'failed' }, 'failed', GIVEN_BACK, ['payment.success']],
    [{ kind: 'unknown', reason: 'a 500' }, 'pending', RESERVED, ['payment.success']],
  ] as [GatewayOutcome, string, object, string[]][])(
    'is sent again under its own id, and ends as that is answered: %o',
    async (again, refundStatus, balance, events) => {
      const { world, made, refundId } = await openRefund({ lookUpRefund: NOT_FOUND });
      world.script.refund = again;
      await resolveAt(world, refundId);

      expect(world.asked.filter((one) => one.startsWith('refund '))).toEqual([
        `refund ${refundId}`,
        `refund ${refundId}`,
      ]);
      expect(await refundsOf(made.transactionId)).toMatchObject([{ refund_id: refundId, status: refundStatus }]);
      expect(await transaction(made.transactionId)).toMatchObject(balance);
      expect(await eventTypesOf(made.bookingId)).toEqual(events);
    },
  );

  it('is sent as long as the gateway surely keeps its key, an hour less than 24', async () => {
    const { world, refundId } = await openRefund({ lookUpRefund: NOT_FOUND });
    world.clock.nowMs += 23 * HOUR_MS - FIRST_LOOKUP_MS - 1;
    expect(await resolveAt(world, refundId)).toMatchObject({ kind: 'open' });
    expect(timesAsked(world, 'refund')).toBe(2);
  });

  it('is not sent afterwards: it fails, and its amount can be refunded again', async () => {
    const { world, made, refundId } = await openRefund({ lookUpRefund: NOT_FOUND });
    world.clock.nowMs += 23 * HOUR_MS - FIRST_LOOKUP_MS;
    // The last request for it may still be on its way.
    expect(await resolveAt(world, refundId)).toMatchObject({ kind: 'open' });
    expect(await transaction(made.transactionId)).toMatchObject(RESERVED);
    world.clock.nowMs += HOUR_MS;
    expect(await resolveAt(world, refundId)).toMatchObject({ kind: 'ended', event: null });

    expect(timesAsked(world, 'refund')).toBe(1);
    expect(await refundsOf(made.transactionId)).toMatchObject([
      { status: 'failed', failure_reason: 'The request never reached the payment gateway' },
    ]);
    expect(await transaction(made.transactionId)).toMatchObject(GIVEN_BACK);
    await paidRefund(world, made, '25.50');
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'refunded' });
  });
});

describe('a refund that was paid', () => {
  const nextLookUpOf = async (made: { transactionId: string }) =>
    (await refundsOf(made.transactionId))[0]?.next_lookup_at_ms;

  it('is asked about again after a day and after seven, and then no more', async () => {
    const world = newWorld({ lookUpRefund: APPROVED });
    const made = await paidPayment(world);
    const refundId = await paidRefund(world, made);
    const paidAtMs = world.clock.nowMs;

    expect(await nextLookUpOf(made)).toBe(paidAtMs + DAY_MS);
    world.clock.nowMs = paidAtMs + DAY_MS - 1;
    expect(await resolveAt(world, refundId)).toBeNull();
    world.clock.nowMs = paidAtMs + DAY_MS;
    await resolveAt(world, refundId);
    expect(await nextLookUpOf(made)).toBe(paidAtMs + 7 * DAY_MS);
    world.clock.nowMs = paidAtMs + 7 * DAY_MS;
    await resolveAt(world, refundId);
    expect(await nextLookUpOf(made)).toBeNull();
    expect(timesAsked(world, 'lookUpRefund')).toBe(2);
    expect(timesAsked(world, 'refund')).toBe(1);
    expect(await eventTypesOf(made.bookingId)).toEqual(BOTH_EVENTS);
  });

  it('and resolved by a look-up has the same follow-ups', async () => {
    const { world, made, refundId } = await openRefund({ lookUpRefund: APPROVED });
    await resolveAt(world, refundId);
    expect(await nextLookUpOf(made)).toBe(world.clock.nowMs + DAY_MS);
  });

  it.each([[NOT_FOUND], [{ kind: 'in_progress' }], [UNREACHABLE]] as [LookUp][])(
    'stays paid where the follow-up answers %o',
    async (found) => {
      const world = newWorld({ lookUpRefund: found });
      const made = await paidPayment(world);
      const refundId = await paidRefund(world, made);
      world.clock.nowMs += DAY_MS;
      await resolveAt(world, refundId);
      expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'completed' }]);
      expect(await transaction(made.transactionId)).toMatchObject(PAID);
      expect(timesAsked(world, 'refund')).toBe(1);
      expect(Number(await nextLookUpOf(made))).toBeGreaterThan(world.clock.nowMs);
    },
  );

  it('and was sent back is reversed: the amount can be refunded again, with an alarm and without an event', async () => {
    const world = newWorld({ lookUpRefund: DECLINED });
    const made = await paidPayment(world);
    const refundId = await paidRefund(world, made);
    world.clock.nowMs += DAY_MS;
    expect(await resolveAt(world, refundId)).toMatchObject({ kind: 'ended', event: null });

    expect(await refundsOf(made.transactionId)).toMatchObject([
      { status: 'reversed', error_code: 'REFUND_NOT_ALLOWED', next_lookup_at_ms: null },
    ]);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed', ...GIVEN_BACK });
    expect(loggedErrors(world)).toMatchObject([
      { event: 'refund.reversed', refund_id: refundId, can_be_refunded_again: true },
    ]);
    expect(await eventTypesOf(made.bookingId)).toEqual(BOTH_EVENTS);
    expect((await status(refundId)).body.status).toBe('reversed');
    await paidRefund(world, made, '25.50');
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'refunded', refunded_minor: 2550 });
  });

  it('and was sent back after all of the payment was refunded is an alarm, and moves nothing (invariant 6)', async () => {
    const world = newWorld({ lookUpRefund: DECLINED });
    const made = await paidPayment(world);
    const refundId = await paidRefund(world, made, '10.00');
    await paidRefund(world, made, '15.50');
    world.clock.nowMs += DAY_MS;
    await resolveAt(world, refundId);

    expect((await status(refundId)).body.status).toBe('reversed');
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'refunded', refunded_minor: 2550 });
    expect(loggedErrors(world)).toMatchObject([{ event: 'refund.reversed', can_be_refunded_again: false }]);
    const refunding = refundPayment(world.context, refundRequest(made), '10.00');
    expect(await refunding).toMatchObject({ kind: 'not_allowed' });
  });

  it('is reversed once, though 20 ask at once', async () => {
    const world = newWorld({ lookUpRefund: DECLINED });
    const made = await paidPayment(world);
    await paidRefund(world, made, '5.00');
    const refundId = await paidRefund(world, made, '10.00');
    world.clock.nowMs += DAY_MS;
    await Promise.all(Array.from({ length: 20 }, () => resolveAt(world, refundId)));
    expect(await transaction(made.transactionId)).toMatchObject({ reserved_minor: 0, refunded_minor: 500 });
  });
});

describe('a refund whose own answer comes after it was resolved', () => {
  it.each([
    [APPROVED, APPROVED, 'completed', PAID, []],
    [APPROVED, DECLINED, 'completed', PAID, []],
    [DECLINED, DECLINED, 'failed', GIVEN_BACK, []],
    [DECLINED, APPROVED, 'failed', GIVEN_BACK, ['refund.failed']],
  ] as [LookUp, GatewayOutcome, string, object, string[]][])(
    'as %o is that, with one event, though it says %o',
    async (found, own, refundStatus, balance, alarms) => {
      const world = newWorld({ lookUpRefund: found });
      const made = await paidPayment(world);
      const { gateway } = world;
      const refund: typeof gateway.refund = async (asked) => {
        world.clock.nowMs += FIRST_LOOKUP_MS;
        await resolveAt(world, asked.refund.refundId);
        return own;
      };
      const slow = { ...world.context, gateways: oneGateway(gateway, () => ({ ...gateway, refund })) };
      expect(await refundPayment(slow, refundRequest(made), '10.00')).toMatchObject({ kind: refundStatus });

      expect(await refundsOf(made.transactionId)).toMatchObject([{ status: refundStatus }]);
      expect(await transaction(made.transactionId)).toMatchObject(balance);
      expect(await eventTypesOf(made.bookingId)).toEqual(
        refundStatus === 'completed' ? BOTH_EVENTS : ['payment.success'],
      );
      // Money that was paid back for a refund that has failed is for a person to look at.
      expect(loggedErrors(world).map(({ event }) => event)).toEqual(alarms);
    },
  );

  it('as paid, and then reversed, is a failure', async () => {
    const world = newWorld({ lookUpRefund: APPROVED });
    const made = await paidPayment(world);
    const { gateway } = world;
    const refund: typeof gateway.refund = async (asked) => {
      for (const found of [APPROVED, DECLINED]) {
        world.script.lookUpRefund = found;
        world.clock.nowMs += 2 * DAY_MS;
        await resolveAt(world, asked.refund.refundId);
      }
      return APPROVED;
    };
    const slow = { ...world.context, gateways: oneGateway(gateway, () => ({ ...gateway, refund })) };
    expect(await refundPayment(slow, refundRequest(made), '10.00')).toMatchObject({
      kind: 'failed',
      refund: { status: 'reversed' },
    });
  });
});

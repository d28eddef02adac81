/** Invariant 1: a charge that turns up after its payment had failed is refunded, once, with an alarm. */

import { describe, expect, it } from 'vitest';
import { consumeBatch } from '../../src/core/background/consume-queue.ts';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import { recordPayment } from '../../src/core/outcomes/record-payment.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { resolveOutcome } from '../../src/core/recovery/resolve.ts';
import { resolveDue } from '../../src/core/recovery/resolve-due.ts';
import { oneDatabase } from '../data/one-database.ts';
import { paymentRequest, refundRequest } from './operation.ts';
import { lookUpMessage, recordingQueue } from './queue.ts';
import { status } from './request.ts';
import {
  APPROVED,
  CANCELS_AFTER_MS,
  DEADLINE_MS,
  DECLINED,
  loggedErrors,
  NOT_FOUND,
  newWorld,
  resolveAfter,
  type Script,
  type TestWorld,
  timesAsked,
} from './scripted-gateway.ts';
import { eventTypesOf, refundsOf, transaction } from './stored.ts';

const HOUR_MS = 60 * 60_000;
const CHARGED = { status: 'completed', gatewayReference: 'late-reference' } as const;

const refundIdOf = ({ transactionId }: Transaction) => transactionId.replace('TXN-', 'REF-');
const settleRefund = ({ context }: TestWorld, made: Transaction) =>
  resolveOutcome(context, refundIdOf(made), DEADLINE_MS);

/** A payment that failed because the gateway knew nothing of it. */
async function absentPayment(script: Partial<Script> = {}): Promise<{ world: TestWorld; made: Transaction }> {
  const world = newWorld({ lookUpCharge: NOT_FOUND, lookUpRefund: NOT_FOUND, ...script });
  const answer = await processPayment(world.context, paymentRequest(), '25.50');
  if (answer.kind !== 'pending') throw new Error(`the payment of a test is ${answer.kind}`);
  await resolveAfter(world, answer.transaction, CANCELS_AFTER_MS);
  return { world, made: answer.transaction };
}

/** The same, whose charge has turned up since. */
async function chargedLate(script: Partial<Script> = {}): Promise<{ world: TestWorld; made: Transaction }> {
  const { world, made } = await absentPayment(script);
  await recordPayment(world.context, made, CHARGED);
  return { world, made };
}

describe('a charge of another amount than was asked for', () => {
  const MISCHARGED = { kind: 'mischarged', reference: 'wrong', amountMinor: 1, cause: 'order_changed' } as const;

  it('fails the payment at once, and what was captured is owed back in the same batch', async () => {
    const world = newWorld({ charge: MISCHARGED, lookUpRefund: NOT_FOUND, refund: APPROVED });
    const answer = await processPayment(world.context, paymentRequest(), '25.50');
    if (answer.kind !== 'failed') throw new Error(`the payment of a test is ${answer.kind}`);
    const made = answer.transaction;
    expect(answer.lookUp).toEqual({ id: refundIdOf(made), atMs: world.clock.nowMs });
    expect(made).toMatchObject({ status: 'failed', failureCause: 'order_changed', gatewayReference: 'wrong' });
    expect(await refundsOf(made.transactionId)).toMatchObject([
      { refund_id: refundIdOf(made), kind: 'late_charge', status: 'pending', amount_minor: 1 },
    ]);
    expect(loggedErrors(world).map(({ event }) => event)).toEqual(['gateway.answered', 'payment.mischarged']);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed']);
    expect(timesAsked(world, 'refund')).toBe(0);

    await settleRefund(world, made);
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'completed' }]);
  });

  it.each(['pending', 'failed'])('is owed back where a look-up of a %s payment finds it', async (status) => {
    const world = newWorld({ lookUpCharge: NOT_FOUND });
    const answer = await processPayment(world.context, paymentRequest(), '25.50');
    if (answer.kind !== 'pending') throw new Error(`the payment of a test is ${answer.kind}`);
    const made = answer.transaction;
    if (status === 'failed') await resolveAfter(world, made, CANCELS_AFTER_MS);
    world.script.lookUpCharge = MISCHARGED;
    const settled = await resolveAfter(world, made, CANCELS_AFTER_MS + HOUR_MS);
    expect(settled).toMatchObject({ kind: 'ended', lateRefundId: refundIdOf(made) });
    expect(await refundsOf(made.transactionId)).toMatchObject([{ kind: 'late_charge', amount_minor: 1 }]);
    expect(timesAsked(world, 'refund')).toBe(0);
  });
});

describe('a charge of a payment that has failed', () => {
  it('is owed back under the payment’s own ULID, and the payment stays failed (invariant 6)', async () => {
    const { world, made } = await absentPayment();
    world.clock.nowMs += HOUR_MS;
    world.script.lookUpCharge = APPROVED;
    const settled = await resolveOutcome(world.context, made.transactionId, DEADLINE_MS);

    expect(settled).toEqual({ kind: 'ended', event: null, lateRefundId: refundIdOf(made) });
    expect(await transaction(made.transactionId)).toMatchObject({
      status: 'failed',
      error_code: 'PAYMENT_GATEWAY_ERROR',
      gateway_reference: 'reference',
      next_lookup_at_ms: null,
      reserved_minor: 0,
      refunded_minor: 0,
    });
    expect(await refundsOf(made.transactionId)).toMatchObject([
      {
        refund_id: refundIdOf(made),
        kind: 'late_charge',
        status: 'pending',
        amount_minor: 2550,
        next_lookup_at_ms: world.clock.nowMs,
      },
    ]);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed']);
  });

  it('is an alarm in the log', async () => {
    const { world, made } = await chargedLate();
    expect(loggedErrors(world)).toMatchObject([
      {
        event: 'payment.charged_late',
        transaction_id: made.transactionId,
        booking_id: made.bookingId,
        refund_id: refundIdOf(made),
      },
    ]);
  });

  it('is refunded by the gateway that took it, under the refund’s id, without an event', async () => {
    const { world, made } = await chargedLate({ refund: APPROVED });
    expect(await settleRefund(world, made)).toMatchObject({ kind: 'ended', event: null });

    expect(world.asked.slice(-2)).toEqual([`lookUpRefund ${refundIdOf(made)}`, `refund ${refundIdOf(made)}`]);
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'completed', kind: 'late_charge' }]);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'failed', refunded_minor: 0 });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed']);
    expect((await status(refundIdOf(made))).body).toMatchObject({ status: 'completed', amount: 25.5 });
  });

  it('is refunded once, however often it is found', async () => {
    const { world, made } = await chargedLate({ refund: APPROVED });
    await Promise.all(Array.from({ length: 20 }, () => recordPayment(world.context, made, CHARGED)));
    await Promise.all(Array.from({ length: 20 }, () => settleRefund(world, made)));
    await recordPayment(world.context, made, CHARGED);
    world.clock.nowMs += HOUR_MS;
    await settleRefund(world, made);

    expect(await refundsOf(made.transactionId)).toHaveLength(1);
    expect(timesAsked(world, 'refund')).toBe(1);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed']);
  });

  it('that the queue’s consumer finds is put into the queue, to be refunded at once', async () => {
    const { world, made } = await absentPayment();
    world.clock.nowMs += HOUR_MS;
    world.script.lookUpCharge = APPROVED;
    const queue = recordingQueue();
    let acknowledged = 0;
    const message = {
      id: 'message',
      body: lookUpMessage(made.transactionId),
      ack: () => {
        acknowledged += 1;
      },
      retry: () => {},
    };
    await consumeBatch(oneDatabase({ ...world.context, eventQueue: queue.binding }), [message]);
    expect(acknowledged).toBe(1);
    expect(queue.sent).toEqual([{ body: lookUpMessage(refundIdOf(made)), delaySeconds: 0 }]);
  });

  it('is found and refunded by the cron alone', async () => {
    const { world, made } = await absentPayment({ refund: APPROVED });
    world.clock.nowMs += HOUR_MS;
    world.script.lookUpCharge = APPROVED;
    await resolveDue(world.context);
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'completed' }]);
    expect(world.asked.filter((one) => one === `refund ${refundIdOf(made)}`)).toHaveLength(1);
  });

  it('of a payment that was declined is owed back too', async () => {
    const world = newWorld({ charge: DECLINED });
    const answer = await processPayment(world.context, paymentRequest(), '25.50');
    if (answer.kind !== 'failed') throw new Error(answer.kind);
    await recordPayment(world.context, answer.transaction, CHARGED);
    expect(await refundsOf(answer.transaction.transactionId)).toMatchObject([{ kind: 'late_charge' }]);
  });

  it('does not block the booking’s next payment, nor its refund', async () => {
    const { world, made } = await chargedLate({ refund: APPROVED });
    world.script.charge = APPROVED;
    const next = await processPayment(world.context, paymentRequest({ booking_id: made.bookingId }), '25.50');
    if (next.kind !== 'completed') throw new Error(next.kind);
    const refunding = refundPayment(world.context, refundRequest(next.transaction), '25.50');
    expect(await refunding).toMatchObject({ kind: 'completed' });
  });

  it('is none of what a caller can have refunded', async () => {
    const { world, made } = await chargedLate({ refund: APPROVED });
    const refunding = refundPayment(world.context, refundRequest(made), '25.50');
    expect(await refunding).toMatchObject({ kind: 'not_allowed' });
  });
});

describe('where the gateway fails to give a late charge back', () => {
  it.each([
    ['says that it failed', { refund: { kind: 'failed' } }],
    ['does not say', { refund: { kind: 'unknown', reason: 'a 500' } }],
    ['cannot be reached', { lookUpRefund: { kind: 'unreachable', reason: 'a 503' } }],
    ['is still at it', { lookUpRefund: { kind: 'in_progress' } }],
  ] as [string, Partial<Script>][])('and %s, it stays owed and is asked about again', async (_, script) => {
    const { world, made } = await chargedLate(script);
    const settled = await settleRefund(world, made);
    expect(settled).toMatchObject({ kind: 'open', nextLookUpAtMs: world.clock.nowMs + 2_000 });
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'pending' }]);
  });

  it('it is sent again under the same id, beyond every limit that other refunds have, until it is paid', async () => {
    const { world, made } = await chargedLate({ refund: { kind: 'failed' } });
    for (let days = 0; days < 5; days += 1) {
      await settleRefund(world, made);
      world.clock.nowMs += 24 * HOUR_MS;
    }
    world.script.refund = APPROVED;
    await settleRefund(world, made);
    expect(world.asked.filter((one) => one === `refund ${refundIdOf(made)}`)).toHaveLength(6);
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'completed' }]);
  });

  it('and declines it for good, raises an alarm', async () => {
    const { world, made } = await chargedLate({ refund: DECLINED });
    await settleRefund(world, made);
    expect(await refundsOf(made.transactionId)).toMatchObject([
      { status: 'failed', error_code: 'REFUND_NOT_ALLOWED', next_lookup_at_ms: null },
    ]);
    expect(loggedErrors(world)).toContainEqual(
      expect.objectContaining({ event: 'refund.failed', refund_id: refundIdOf(made), kind: 'late_charge' }),
    );
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.failed']);
  });

  it('and reports afterwards that it failed, which is final, raises an alarm', async () => {
    const { world, made } = await chargedLate({ lookUpRefund: { kind: 'failed' } });
    await settleRefund(world, made);
    expect(await refundsOf(made.transactionId)).toMatchObject([
      { status: 'failed', error_code: 'PAYMENT_GATEWAY_ERROR', next_lookup_at_ms: null },
    ]);
    expect(loggedErrors(world)).toContainEqual(
      expect.objectContaining({ event: 'refund.failed', refund_id: refundIdOf(made), kind: 'late_charge' }),
    );
  });
});

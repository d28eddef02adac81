/** What providers tell of by themselves, as the ledger has it afterwards: with a gateway that answers as the test says. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { ExternalRefund, ExternalRefundAnswer } from '../../src/core/gateways/gateway.ts';
import type { Dispute, Notice, ProviderEvent } from '../../src/core/gateways/webhook.ts';
import { purgeExpired } from '../../src/core/ledger/purge-expired.ts';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { refundPayment } from '../../src/core/payments/refund-payment.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { database, paymentRequest, refundRequest } from './operation.ts';
import {
  APPROVED,
  DECLINED,
  loggedErrors,
  newWorld,
  paidPayment,
  paidRefund,
  pendingPayment,
  pendingRefund,
  type Script,
  type TestWorld,
  timesAsked,
  UNREACHABLE,
} from './scripted-gateway.ts';
import { eventTypesOf, refundsOf, transaction } from './stored.ts';

const DAY_MS = 24 * 60 * 60_000;

let lastEvent = 0;

function eventAbout(notice: Notice | null): ProviderEvent {
  lastEvent += 1;
  return { provider: 'stripe', eventId: `evt_${lastEvent}`, type: 'refund.created', notice };
}

const tell = (world: TestWorld, event: ProviderEvent) => handleWebhook(world.context, world.gateway, event);
const tellOf = (world: TestWorld, notice: Notice) => tell(world, eventAbout(notice));
const ofPayment = (transactionId: string, charged = true): Notice => ({ about: 'payment', transactionId, charged });
const ofRefund = (refundId: string): Notice => ({ about: 'refund', refundId });
const OUTSIDE: Notice = { about: 'external_refund', reference: 're_1' };

function tenDollarsBack(transactionId: string, movedAtMs: number): ExternalRefund {
  return {
    reference: 're_1',
    refundId: null,
    chargeReference: 'reference',
    transactionId,
    amountMinor: 1000,
    currency: 'USD',
    state: 'moved',
    reason: 'Refunded at Stripe',
    movedAtMs,
  };
}

/** A payment of 25.50 dollars that was paid, and a refund of it that was made at the provider. */
async function refundedExternally(outside: Partial<ExternalRefund> = {}, script: Partial<Script> = {}) {
  const found: { outside: ExternalRefundAnswer } = { outside: { kind: 'unreachable', reason: 'not yet' } };
  const world = newWorld(script, { gateway: { findExternalRefund: async () => found.outside } });
  const made = await paidPayment(world);
  const refund = { ...tenDollarsBack(made.transactionId, world.clock.nowMs), ...outside };
  found.outside = { kind: 'found', refund };
  return { world, made, found };
}

async function takenUp(event: ProviderEvent): Promise<boolean> {
  const row = await env.DB.prepare('SELECT * FROM provider_events WHERE event_id = ?1').bind(event.eventId).first();
  return row !== null;
}

describe('an event about a payment', () => {
  it('resolves one that is pending at once, though no look-up is due, and publishes its event', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const made = await pendingPayment(world);
    const answer = await tellOf(world, ofPayment(made.transactionId));
    expect(answer).toMatchObject({
      kind: 'handled',
      event: { event_type: 'payment.success', booking_id: made.bookingId },
    });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });

  it('goes by what the provider answers, and not by what the event says', async () => {
    const world = newWorld({ lookUpCharge: DECLINED });
    const made = await pendingPayment(world);
    await tellOf(world, ofPayment(made.transactionId, true));
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'failed', error_code: 'CARD_DECLINED' });
  });

  it('of one that is still with the provider changes nothing, and is not sent again', async () => {
    const world = newWorld({ lookUpCharge: { kind: 'in_progress' } });
    const made = await pendingPayment(world);
    const event = eventAbout(ofPayment(made.transactionId));
    expect(await tell(world, event)).toEqual({ shard: 0, kind: 'handled', event: null, lookUp: null });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'pending' });
    expect(await takenUp(event)).toBe(true);
  });

  it('is to be sent again, and not remembered, where the provider can’t be asked', async () => {
    const world = newWorld({ lookUpCharge: UNREACHABLE });
    const made = await pendingPayment(world);
    const event = eventAbout(ofPayment(made.transactionId));
    expect(await tell(world, event)).toMatchObject({ kind: 'later' });
    expect(await takenUp(event)).toBe(false);
    world.script.lookUpCharge = APPROVED;
    expect(await tell(world, event)).toMatchObject({ kind: 'handled' });
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed' });
  });

  it('of one that has ended asks nobody', async () => {
    const world = newWorld({ lookUpCharge: APPROVED });
    const made = await paidPayment(world);
    await tellOf(world, ofPayment(made.transactionId));
    expect(timesAsked(world, 'lookUpCharge')).toBe(0);
  });

  it('of one that has failed asks only where it says that it was charged; then it is owed back (invariant 1)', async () => {
    const world = newWorld({ charge: DECLINED, lookUpCharge: DECLINED });

    const answer = await processPayment(world.context, paymentRequest(), '25.50');
    if (answer.kind !== 'failed') throw new Error('the payment of a test did not fail');
    const { transactionId } = answer.transaction;
    await tellOf(world, ofPayment(transactionId, false));
    expect(timesAsked(world, 'lookUpCharge')).toBe(0);

    world.script.lookUpCharge = APPROVED;
    expect(await tellOf(world, ofPayment(transactionId, true))).toMatchObject({ kind: 'handled', lookUp: {} });
    expect(await transaction(transactionId)).toMatchObject({ status: 'failed' });
    expect(await refundsOf(transactionId)).toMatchObject([
      { kind: 'late_charge', status: 'pending', amount_minor: 2550 },
    ]);
    expect(loggedErrors(world).map(({ event }) => event)).toEqual(['payment.charged_late']);
  });

  it('of another installation’s payment is let go', async () => {
    const world = newWorld();
    const event = eventAbout(ofPayment('TXN-01ARZ3NDEKTSV4RRFFQ69G5FAV'));
    expect(await tell(world, event)).toMatchObject({ kind: 'handled' });
  });

  it('that comes a second time is not handled again', async () => {
    const world = newWorld({ lookUpCharge: { kind: 'in_progress' } });
    const made = await pendingPayment(world);
    const event = eventAbout(ofPayment(made.transactionId));
    await tell(world, event);
    await tell(world, event);
    expect(timesAsked(world, 'lookUpCharge')).toBe(1);
  });
});

describe('an event about a refund', () => {
  it('resolves one that is pending, and publishes its event', async () => {
    const world = newWorld({ lookUpRefund: APPROVED });
    const made = await paidPayment(world);
    const refundId = await pendingRefund(world, made);
    expect(await tellOf(world, ofRefund(refundId))).toMatchObject({ event: { event_type: 'payment.refund' } });
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'completed' }]);
  });

  it('takes back one that the bank has sent back, and restores the balance', async () => {
    const world = newWorld({ lookUpRefund: DECLINED });
    const made = await paidPayment(world);
    const refundId = await paidRefund(world, made);
    await tellOf(world, ofRefund(refundId));
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'reversed' }]);
    expect(await transaction(made.transactionId)).toMatchObject({ refunded_minor: 0, status: 'completed' });
  });
});

describe('a refund that was made at the provider', () => {
  it('becomes a refund here, with its event, and counts against the balance (invariants 2 and 4)', async () => {
    const { world, made } = await refundedExternally();
    const answer = await tellOf(world, OUTSIDE);
    expect(answer).toMatchObject({
      kind: 'handled',
      event: { event_type: 'payment.refund', refund_amount: 10, reason: 'Refunded at Stripe', user_id: 'user_123' },
    });
    expect(await refundsOf(made.transactionId)).toMatchObject([
      { status: 'completed', amount_minor: 1000, gateway_reference: 're_1', kind: 'requested' },
    ]);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'completed', refunded_minor: 1000 });
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success', 'payment.refund']);
    expect(await refundPayment(world.context, refundRequest(made), '15.51')).toMatchObject({ kind: 'not_allowed' });
  });

  it('of all that is left makes the payment refunded', async () => {
    const { world, made } = await refundedExternally({ amountMinor: 2550 });
    await tellOf(world, OUTSIDE);
    expect(await transaction(made.transactionId)).toMatchObject({ status: 'refunded', refunded_minor: 2550 });
  });

  it('is one refund, however many webhooks report it, and at once', async () => {
    const { world, made } = await refundedExternally();
    await Promise.all(Array.from({ length: 5 }, () => tellOf(world, OUTSIDE)));
    await tellOf(world, OUTSIDE);
    expect(await refundsOf(made.transactionId)).toHaveLength(1);
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success', 'payment.refund']);
    expect(await transaction(made.transactionId)).toMatchObject({ refunded_minor: 1000 });
  });

  it('that is not paid yet, or never was, is none', async () => {
    for (const state of ['open', 'never'] as const) {
      const { world, made } = await refundedExternally({ state });
      expect(await tellOf(world, OUTSIDE)).toMatchObject({ kind: 'handled', event: null });
      expect(await refundsOf(made.transactionId)).toEqual([]);
    }
  });

  it('that the bank has sent back afterwards becomes reversed', async () => {
    const { world, made } = await refundedExternally({}, { lookUpRefund: DECLINED });
    await tellOf(world, OUTSIDE);
    await tellOf(world, OUTSIDE);
    expect(await refundsOf(made.transactionId)).toMatchObject([{ status: 'reversed' }]);
    expect(await transaction(made.transactionId)).toMatchObject({ refunded_minor: 0 });
  });

  it('of a payment that is pending comes after the payment’s own outcome', async () => {
    const found: { outside: ExternalRefundAnswer } = { outside: { kind: 'unreachable', reason: 'nothing' } };
    const world = newWorld({ lookUpCharge: APPROVED }, { gateway: { findExternalRefund: async () => found.outside } });
    const made = await pendingPayment(world);
    found.outside = { kind: 'found', refund: tenDollarsBack(made.transactionId, world.clock.nowMs) };
    const event = eventAbout(OUTSIDE);
    const answers = [await tell(world, event), await tell(world, event)];
    expect(answers.map(({ kind }) => kind)).toContain('handled');
    expect(await eventTypesOf(made.bookingId)).toEqual(['payment.success', 'payment.refund']);
  });

  it('that does not fit beside one that is under way waits for it', async () => {
    const { world, made } = await refundedExternally(
      { amountMinor: 2550 },
      { refund: { kind: 'unknown', reason: 'x' } },
    );
    await pendingRefund(world, made, '25.50');
    const event = eventAbout(OUTSIDE);
    expect(await tell(world, event)).toMatchObject({ kind: 'later' });
    expect(loggedErrors(world)).toEqual([]);
    expect(await transaction(made.transactionId)).toMatchObject({ reserved_minor: 2550, refunded_minor: 0 });
  });

  it('of the same amount as one that is under way may be that one, and waits for it', async () => {
    const { world, made } = await refundedExternally({}, { refund: { kind: 'unknown', reason: 'x' } });
    const refundId = await pendingRefund(world, made, '10.00');
    expect(await tellOf(world, OUTSIDE)).toMatchObject({ kind: 'later' });
    world.script.lookUpRefund = { kind: 'approved', reference: 're_1' };
    await tellOf(world, ofRefund(refundId));
    await tellOf(world, OUTSIDE);
    expect(await refundsOf(made.transactionId)).toHaveLength(1);
    expect(await transaction(made.transactionId)).toMatchObject({ refunded_minor: 1000, reserved_minor: 0 });
  });

  it('that turns out to be one that was asked for here is that one', async () => {
    const { world, made, found } = await refundedExternally({}, { refund: { kind: 'unknown', reason: 'x' } });
    const refundId = await pendingRefund(world, made, '10.00');
    if (found.outside.kind === 'found') found.outside.refund.refundId = refundId;
    world.script.lookUpRefund = { kind: 'approved', reference: 're_1' };
    expect(await tellOf(world, OUTSIDE)).toMatchObject({ kind: 'handled', event: { refund_transaction_id: refundId } });
    expect(await refundsOf(made.transactionId)).toMatchObject([{ refund_id: refundId, status: 'completed' }]);
  });

  it('in another currency than the payment’s, of another charge, or beyond it, is an alarm and changes nothing (invariant 2)', async () => {
    for (const odd of [{ currency: 'EUR' }, { chargeReference: 'another' }, { amountMinor: 2551 }]) {
      const { world, made } = await refundedExternally(odd);
      expect(await tellOf(world, OUTSIDE)).toMatchObject({ kind: 'handled', event: null });
      expect(loggedErrors(world).map(({ event }) => event)).toEqual(['refund.external_does_not_fit']);
      expect(await transaction(made.transactionId)).toMatchObject({ refunded_minor: 0 });
      expect(await refundsOf(made.transactionId)).toEqual([]);
    }
  });

  it('of a charge that this service has not made is let go', async () => {
    const { world } = await refundedExternally({ transactionId: null });
    expect(await tellOf(world, OUTSIDE)).toEqual({ shard: 0, kind: 'handled', event: null, lookUp: null });
  });

  it('that the provider does not have is let go', async () => {
    const { world, made, found } = await refundedExternally();
    found.outside = { kind: 'not_found' };
    expect(await tellOf(world, OUTSIDE)).toEqual({ shard: 0, kind: 'handled', event: null, lookUp: null });
    expect(await refundsOf(made.transactionId)).toEqual([]);
  });

  it('is to be sent again where the provider can’t be asked about it', async () => {
    const { world, made, found } = await refundedExternally();
    found.outside = { kind: 'unreachable', reason: 'a 503' };
    expect(await tellOf(world, OUTSIDE)).toMatchObject({ kind: 'later' });
    expect(await refundsOf(made.transactionId)).toEqual([]);
  });
});

/** Into the archive, as the job does it. */
async function leaves(transactionId: string, madeAtMs: number): Promise<void> {
  await env.DB.batch([
    env.DB.prepare('DELETE FROM transactions WHERE transaction_id = ?1').bind(transactionId),
    env.DB.prepare("UPDATE job_positions SET position = ?1 WHERE job = 'transactions_left'").bind(madeAtMs),
  ]);
}

describe('of a payment that has left for the archive', () => {
  it('a refund that was made at the provider raises an alarm', async () => {
    const { world, made } = await refundedExternally();
    await leaves(made.transactionId, world.clock.nowMs);
    expect(await tellOf(world, OUTSIDE)).toEqual({ shard: 0, kind: 'handled', event: null, lookUp: null });
    const alarm = { event: 'webhook.of_archived', transaction_id: made.transactionId, reference: 're_1' };
    expect(loggedErrors(world)).toMatchObject([alarm]);
  });

  it('a dispute raises an alarm', async () => {
    const { world, made } = await refundedExternally();
    await leaves(made.transactionId, world.clock.nowMs);
    const dispute = { disputeId: 'dp_1', chargeReference: 'reference', transactionId: made.transactionId };
    const rest = { status: 'needs_response', reason: 'fraudulent', currency: 'USD', amountMinor: 1 };
    await tellOf(world, { about: 'dispute', dispute: { ...dispute, ...rest, openedAtMs: 1, reportedAtMs: 1 } });
    const alarm = { event: 'webhook.of_archived', transaction_id: made.transactionId, dispute_id: 'dp_1' };
    expect(loggedErrors(world)).toMatchObject([alarm]);
  });
});

describe('a dispute', () => {
  const dispute = (transactionId: string | null, overrides: Partial<Dispute> = {}): Notice => ({
    about: 'dispute',
    dispute: {
      disputeId: `dp_${transactionId}`,
      chargeReference: 'pi_1',
      transactionId,
      status: 'needs_response',
      reason: 'fraudulent',
      amountMinor: 2550,
      currency: 'USD',
      openedAtMs: 1_000,
      reportedAtMs: 2_000,
      ...overrides,
    },
  });
  const disputes = async (transactionId: string) => {
    const { results } = await env.DB.prepare('SELECT * FROM disputes WHERE transaction_id = ?1')
      .bind(transactionId)
      .all();
    return results;
  };

  it('is written down and logged, and changes nothing of the payment', async () => {
    const world = newWorld();
    const made = await paidPayment(world);
    const before = await transaction(made.transactionId);
    await tellOf(world, dispute(made.transactionId));
    await tellOf(world, dispute(made.transactionId, { reportedAtMs: 1_500, status: 'under_review' }));
    expect(await disputes(made.transactionId)).toMatchObject([
      { status: 'needs_response', reason: 'fraudulent', amount_minor: 2550, opened_at_ms: 1_000 },
    ]);
    expect(loggedErrors(world)).toMatchObject([{ event: 'payment.disputed', transaction_id: made.transactionId }]);
    expect(await transaction(made.transactionId)).toEqual(before);
  });

  it('has the newest word about it, in whatever order the words come', async () => {
    const world = newWorld();
    const made = await paidPayment(world);
    await tellOf(world, dispute(made.transactionId, { status: 'lost', reportedAtMs: 9_000 }));
    await tellOf(world, dispute(made.transactionId, { status: 'needs_response', reportedAtMs: 2_000 }));
    expect(await disputes(made.transactionId)).toMatchObject([{ status: 'lost', told_at_ms: 9_000 }]);
  });

  // Providers date events to the second.
  it.each([['lost'], ['WON'], ['RESOLVED']])(
    'stays %s when an event of the same second arrives late',
    async (status) => {
      const world = newWorld();
      const made = await paidPayment(world);
      await tellOf(world, dispute(made.transactionId, { status: 'needs_response' }));
      await tellOf(world, dispute(made.transactionId, { status }));
      await tellOf(world, dispute(made.transactionId, { status: 'under_review' }));
      expect(await disputes(made.transactionId)).toMatchObject([{ status }]);
      expect(loggedErrors(world)).toHaveLength(1);
    },
  );

  it('whose payment the provider does not name along with it is asked about by its charge', async () => {
    const owner: { kind: 'known'; transactionId: string | null } = { kind: 'known', transactionId: null };
    const world = newWorld({}, { gateway: { findChargeOwner: async () => owner } });
    const made = await paidPayment(world);
    expect(await tellOf(world, dispute(null))).toMatchObject({ kind: 'handled' });
    owner.transactionId = made.transactionId;
    await tellOf(world, dispute(null));
    expect(await disputes(made.transactionId)).toHaveLength(1);
  });
});

describe('webhooks that have been handled', () => {
  it('is forgotten after thirty days, and not before', async () => {
    const world = newWorld();
    const event = eventAbout(ofPayment('TXN-01ARZ3NDEKTSV4RRFFQ69G5FAV'));
    await tell(world, event);
    await purgeExpired(database, 'provider_events', world.clock.nowMs + 30 * DAY_MS - 1, 100);
    expect(await takenUp(event)).toBe(true);
    await purgeExpired(database, 'provider_events', world.clock.nowMs + 30 * DAY_MS, 100);
    expect(await takenUp(event)).toBe(false);
  });

  it('is not written down where there is nothing to know of it', async () => {
    const event = eventAbout(null);
    expect(await tell(newWorld(), event)).toMatchObject({ kind: 'handled' });
    expect(await takenUp(event)).toBe(false);
  });
});

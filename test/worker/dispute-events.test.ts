/** PUBLISH_DISPUTES: each status that a dispute gets is an event, and without the setting nothing of a dispute is. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { paymentDisputeEvent } from '../../src/contract/events.ts';
import type { Dispute, ProviderEvent } from '../../src/core/gateways/webhook.ts';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
import { leaseEvents } from '../../src/core/ledger/outbox/lease-events.ts';
import { handleWebhook } from '../../src/core/recovery/handle-webhook.ts';
import { database, settings } from './operation.ts';
import { newWorld, paidPayment, paidRefund, type TestWorld } from './scripted-gateway.ts';
import { eventsOf, eventTypesOf } from './stored.ts';

const OPENED_AT_MS = Date.UTC(2026, 10, 20);
const HOUR_MS = 60 * 60_000;

const publishing = () => newWorld({}, { settings: settings({ PUBLISH_DISPUTES: 'true' }) });

let lastEvent = 0;

function report(world: TestWorld, transactionId: string, overrides: Partial<Dispute> = {}) {
  lastEvent += 1;
  const event: ProviderEvent = {
    ...{ provider: 'stripe', eventId: `evt_dispute_${lastEvent}`, type: 'charge.dispute.created' },
    notice: {
      about: 'dispute',
      dispute: {
        ...{ disputeId: `dp_${transactionId}`, chargeReference: 'pi_1', transactionId, status: 'needs_response' },
        ...{ reason: 'fraudulent', amountMinor: 1500, currency: 'USD', openedAtMs: OPENED_AT_MS },
        reportedAtMs: OPENED_AT_MS + HOUR_MS,
        ...overrides,
      },
    },
  };
  return handleWebhook(world.context, world.gateway, event);
}

async function reportCount(transactionId: string): Promise<unknown> {
  const counting = env.DB.prepare('SELECT count(*) AS count FROM dispute_reports WHERE transaction_id = ?1');
  return (await counting.bind(transactionId).first())?.count;
}

describe('where disputes are published', () => {
  it('a dispute is an event of the contract, with what the provider reported', async () => {
    const world = publishing();
    const { transactionId, bookingId } = await paidPayment(world);
    const answer = await report(world, transactionId);
    const event = 'event' in answer ? answer.event : null;
    expect(event).toEqual({
      event_id: expect.stringMatching(/^evt_\w{26}$/),
      event_type: 'payment.dispute',
      user_id: 'user_123',
      user_email: null,
      booking_id: bookingId,
      transaction_id: transactionId,
      dispute_id: `dp_${transactionId}`,
      provider: 'stripe',
      status: 'needs_response',
      reason: 'fraudulent',
      amount: 15,
      currency: 'USD',
      opened_at: '2026-11-20T00:00:00Z',
      reported_at: '2026-11-20T01:00:00Z',
      timestamp: expect.any(String),
    });
    expect(paymentDisputeEvent.parse(event)).toEqual(event);
  });

  it('each status is one event, and stays what it was when the dispute goes on', async () => {
    const world = publishing();
    const { transactionId, bookingId } = await paidPayment(world);
    await report(world, transactionId);
    await report(world, transactionId, { reportedAtMs: OPENED_AT_MS + 2 * HOUR_MS, amountMinor: 1600 });
    await report(world, transactionId, { reportedAtMs: OPENED_AT_MS + 3 * HOUR_MS, status: 'lost' });
    await report(world, transactionId, { reportedAtMs: OPENED_AT_MS, status: 'under_review' });
    expect(await eventTypesOf(bookingId)).toEqual(['payment.success', 'payment.dispute', 'payment.dispute']);
    const ids = (await eventsOf(bookingId)).map(({ event_id }) => String(event_id));
    const { events } = await findEvents(database, ids);
    expect(events).toMatchObject([
      { event_type: 'payment.success', transaction_id: transactionId },
      { status: 'needs_response', amount: 15, reported_at: '2026-11-20T01:00:00Z' },
      { status: 'lost', amount: 15, reported_at: '2026-11-20T03:00:00Z' },
    ]);
  });

  it('the id of the webhook’s request is known of the newest status, and not of those before it', async () => {
    const world = publishing();
    const { transactionId, bookingId } = await paidPayment(world);
    const from = (requestId: string): TestWorld => {
      const db = { ...database, author: { ...database.author, requestId } };
      return newWorld({}, { db, settings: settings({ PUBLISH_DISPUTES: 'true' }) });
    };
    const knownIds = async () => {
      const ids = (await eventsOf(bookingId)).map(({ event_id }) => String(event_id));
      const { requestIds } = await findEvents(database, ids);
      return ids.map((id) => requestIds[id]);
    };
    await report(from('first-webhook'), transactionId);
    expect(await knownIds()).toEqual([undefined, 'first-webhook']);
    await report(from('second-webhook'), transactionId, { reportedAtMs: OPENED_AT_MS + 2 * HOUR_MS, status: 'lost' });
    expect(await knownIds()).toEqual([undefined, undefined, 'second-webhook']);
  });

  it('it goes out behind the payment’s event, and before what comes after it', async () => {
    const world = publishing();
    const made = await paidPayment(world);
    await report(world, made.transactionId);
    await paidRefund(world, made);
    const [paid, disputed, refunded] = (await eventsOf(made.bookingId)).map(({ event_id }) => String(event_id));
    for (const next of [paid, disputed, refunded]) {
      const lease = { leaseId: `lse_${next}`, nowMs: Date.now(), untilMs: Date.now() + HOUR_MS };
      expect(await leaseEvents(database, lease, [String(refunded)])).toMatchObject([{ eventId: next }]);
      await env.DB.prepare(
        'UPDATE events SET delivered_at_ms = 1, lease_id = NULL, leased_until_ms = NULL WHERE event_id = ?1',
      )
        .bind(next)
        .run();
    }
  });
});

it('where they are not published, a dispute has no event', async () => {
  const world = newWorld();
  const { transactionId, bookingId } = await paidPayment(world);
  expect(await report(world, transactionId)).toMatchObject({ kind: 'handled', event: null, lookUp: null });
  expect(await eventTypesOf(bookingId)).toEqual(['payment.success']);
  expect(await reportCount(transactionId)).toBe(0);
});

it('a status from before they were published has none afterwards, and the next one has', async () => {
  const [silent, world] = [newWorld(), publishing()];
  const { transactionId, bookingId } = await paidPayment(silent);
  await report(silent, transactionId);
  await report(world, transactionId, { reportedAtMs: OPENED_AT_MS + 2 * HOUR_MS });
  expect(await eventTypesOf(bookingId)).toEqual(['payment.success']);
  await report(world, transactionId, { reportedAtMs: OPENED_AT_MS + 3 * HOUR_MS, status: 'won' });
  expect(await eventTypesOf(bookingId)).toEqual(['payment.success', 'payment.dispute']);
  expect(await reportCount(transactionId)).toBe(1);
});

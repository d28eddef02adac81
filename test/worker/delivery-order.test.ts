/** Events of one booking reach RabbitMQ in the order in which they were written (invariant 4). */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { PaymentEvent } from '../../src/contract/events.ts';
import { leaseEvents } from '../../src/core/ledger/outbox/lease-events.ts';
import { recordDeliveries } from '../../src/core/ledger/outbox/record-deliveries.ts';
import {
  consume,
  eventRow,
  failedEvent,
  leaseOfAnother,
  newBridge,
  refundEvent,
  successEvent,
  sweep,
} from './bridge.ts';
import { database, paymentRequest } from './operation.ts';
import { newBooking } from './request.ts';

/** Three events of one booking, in their order: a payment that failed, one that succeeded, and its refund. */
async function threeEvents(): Promise<[PaymentEvent, PaymentEvent, PaymentEvent]> {
  const bookingId = newBooking();
  const failed = await failedEvent(bookingId);
  const success = await successEvent(paymentRequest({ booking_id: bookingId }));
  return [failed, success, await refundEvent(success)];
}

const ids = (events: PaymentEvent[]) => events.map(({ event_id }) => event_id);
const oneByOne = (events: PaymentEvent[]) => ids(events).map((id) => [id]);
const waitsFor = (ms: number, event: PaymentEvent) =>
  env.DB.prepare('UPDATE events SET next_attempt_at_ms = ?2 WHERE event_id = ?1')
    .bind(event.event_id, Date.now() + ms)
    .run();

describe('events of one booking', () => {
  it('go one after the other, though they come in one batch in the wrong order', async () => {
    const bridge = newBridge();
    const events = await threeEvents();
    await consume(bridge, events.toReversed());

    expect(await bridge.postedIds()).toEqual(oneByOne(events));
    expect((await bridge.posts()).map((post) => post.events[0]?.event_type)).toEqual([
      'payment.failed',
      'payment.success',
      'payment.refund',
    ]);
  });

  it('are released by the first one at once, though only its message has come', async () => {
    const bridge = newBridge();
    const events = await threeEvents();
    await consume(bridge, [events[0]]);
    expect((await bridge.posts()).map((post) => post.events)).toEqual(events.map((event) => [event]));
  });

  it('are not sent while an earlier one waits', async () => {
    const bridge = newBridge();
    const [failed, success, refund] = await threeEvents();
    await waitsFor(10_000, failed);
    expect(await consume(bridge, [success, refund])).toEqual(['acknowledged', 'acknowledged']);
    await sweep(bridge);

    expect((await bridge.postedIds()).flat()).not.toContain(success.event_id);
    for (const event of [failed, success, refund]) {
      expect(await eventRow(event.event_id)).toMatchObject({
        attempts: 0,
        leased_until_ms: null,
        delivered_at_ms: null,
      });
    }
  });

  it('are not sent while somebody else sends an earlier one', async () => {
    const bridge = newBridge();
    const [failed, success] = await threeEvents();
    await leaseEvents(database, leaseOfAnother(), [failed.event_id]);
    await consume(bridge, [success]);
    expect(await bridge.posts()).toEqual([]);
  });

  it('wait behind one that the broker would not take, which other bookings do not', async () => {
    const bridge = newBridge();
    const events = await threeEvents();
    const other = await successEvent();
    await bridge.play({ kind: 'confirm', except: { [events[0].event_id]: 'returned by the broker: NO_ROUTE' } });
    await consume(bridge, [...events, other]);

    expect(await bridge.postedIds()).toEqual([expect.arrayContaining([events[0].event_id, other.event_id])]);
    expect(await eventRow(events[0].event_id)).toMatchObject({
      last_error: 'returned by the broker: NO_ROUTE',
      delivered_at_ms: null,
    });
    expect(await eventRow(events[1].event_id)).toMatchObject({ attempts: 0, delivered_at_ms: null });
    expect((await eventRow(other.event_id))?.delivered_at_ms).not.toBeNull();
  });

  it('are all sent by one sweep, in their order, when the first one’s time has come', async () => {
    const bridge = newBridge();
    const events = await threeEvents();
    await sweep(bridge);
    const posted = (await bridge.postedIds()).map((batch) => batch.filter((id) => ids(events).includes(id)));
    expect(posted.filter((batch) => batch.length > 0)).toEqual(oneByOne(events));
  });

  it('are released to one of two who both delivered the first one', async () => {
    const [failed, success] = await threeEvents();
    const deliver = () =>
      recordDeliveries(
        database,
        { delivered: [{ eventId: failed.event_id, leaseId: 'lse_any' }], undelivered: [] },
        Date.now(),
        leaseOfAnother(),
      );
    expect(await deliver()).toMatchObject([{ eventId: success.event_id }]);
    expect(await deliver()).toEqual([]);
  });

  it('keep their order when consumers and sweeps run at once', async () => {
    const bridge = newBridge();
    const bookings = await Promise.all(Array.from({ length: 10 }, threeEvents));
    await Promise.all([
      ...bookings.map((events) => consume(bridge, events.toReversed())),
      ...bookings.map((events) => consume(bridge, events)),
      sweep(bridge),
      sweep(bridge),
    ]);
    // What came while another event of its booking was under way has been left to a sweep.
    await sweep(bridge);

    const posted = (await bridge.postedIds()).flat();
    for (const events of bookings) expect(posted.filter((id) => ids(events).includes(id))).toEqual(ids(events));
  });
});

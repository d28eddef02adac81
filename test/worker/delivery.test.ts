/** The queue consumer: events go to the bridge once, and D1 says what became of them (invariant 4). */
import { env } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { paymentEvent } from '../../src/contract/events.ts';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
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
import { pay, payment, sendWith } from './request.ts';
import { eventsOf } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const WAITING = { delivered_at_ms: null, leased_until_ms: null, last_error: null, attempts: 0 };

describe('an event that the broker confirms', () => {
  it('is delivered, and its message acknowledged', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    const beforeMs = Date.now();
    const result = await consume(bridge, [event]);

    expect(result).toEqual(['acknowledged']);
    expect((await bridge.posts()).map(({ events }) => events)).toEqual([[event]]);
    const row = await eventRow(event.event_id);
    expect(row).toMatchObject({ leased_until_ms: null, last_error: null, attempts: 1 });
    expect(Number(row?.delivered_at_ms)).toBeGreaterThanOrEqual(beforeMs);
  });

  it('is signed as Standard Webhooks has it, under a new id for each attempt', async () => {
    const bridge = newBridge();
    await consume(bridge, [await successEvent()]);
    await consume(bridge, [await successEvent()]);

    const posts = await bridge.posts();
    const webhook = new Webhook(env.BRIDGE_SIGNING_SECRET);
    for (const { headers, body } of posts) {
      expect(webhook.verify(body, headers)).toEqual(JSON.parse(body));
      expect(() => webhook.verify(`${body} `, headers)).toThrow();
      expect(headers['content-type']).toBe('application/json');
    }
    expect(new Set(posts.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
  });

  it('is posted once, though its message comes twice, in one batch and in the next', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    await consume(bridge, [event, event]);
    expect(await consume(bridge, [event])).toEqual(['acknowledged']);
    expect(await bridge.postedIds()).toEqual([[event.event_id]]);
    expect(await eventRow(event.event_id)).toMatchObject({ attempts: 1 });
  });

  it('is one of as many as a batch has: 100 in one post', async () => {
    const bridge = newBridge();
    const events = await Promise.all(Array.from({ length: 100 }, () => successEvent()));
    await consume(bridge, events);
    expect((await bridge.postedIds()).map((ids) => ids.length)).toEqual([100]);
  });

  it('goes all the way by itself after a payment', async () => {
    const request = payment();
    await pay(request);
    await expect
      .poll(async () => (await eventsOf(String(request.booking_id)))[0]?.delivered_at_ms, { timeout: 5000 })
      .toEqual(expect.any(Number));
  });
});

describe('an event', () => {
  it('is the same from the queue and from the ledger’s rows, to the letter', async () => {
    const success = await successEvent(paymentRequest({ user_email: 'user@example.com', user_id: 'ユーザー "1"' }));
    const events = [success, await failedEvent(), await refundEvent(await successEvent())];
    const { events: rendered } = await findEvents(
      database,
      events.map(({ event_id }) => event_id),
    );
    expect(JSON.stringify(rendered)).toBe(JSON.stringify(events));
    for (const event of events) expect(paymentEvent.parse(event)).toEqual(event);
  });

  it('is posted by a sweep exactly as the queue’s consumer would have posted it', async () => {
    const [consumed, swept] = [newBridge(), newBridge()];
    const event = await successEvent();
    await consumed.play({ kind: 'answer', status: 503, body: '' });
    await consume(consumed, [event]);
    await env.DB.prepare(
      'UPDATE events SET next_attempt_at_ms = iif(event_id = ?1, 0, ?2) WHERE delivered_at_ms IS NULL',
    )
      .bind(event.event_id, Date.now() + 600_000)
      .run();
    await sweep(swept);
    expect((await swept.posts())[0]?.body).toBe((await consumed.posts())[0]?.body);
  });

  it('that somebody else has leased is not sent by another', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    await leaseEvents(database, leaseOfAnother(), [event.event_id]);
    expect(await consume(bridge, [event])).toEqual(['acknowledged']);
    await sweep(bridge);

    expect((await bridge.postedIds()).flat()).not.toContain(event.event_id);
    expect(await eventRow(event.event_id)).toMatchObject({ delivered_at_ms: null, attempts: 0 });
  });

  it('whose lease has run out is sent again', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    await leaseEvents(database, leaseOfAnother(0), [event.event_id]);
    await consume(bridge, [event]);
    expect(await bridge.postedIds()).toEqual([[event.event_id]]);
  });

  it('whose lease somebody else has by now is left to them, whatever becomes of the first attempt', async () => {
    const event = await successEvent();
    const [first, second] = [leaseOfAnother(0), leaseOfAnother()];
    await leaseEvents(database, first, [event.event_id]);
    expect(await leaseEvents(database, second, [event.event_id])).toHaveLength(1);
    const { leaseId } = first;
    const late = { eventId: event.event_id, leaseId, reason: 'too late', nextAttemptAtMs: Date.now() + 600_000 };
    await recordDeliveries(database, { delivered: [], undelivered: [late] }, Date.now(), null);
    expect(await eventRow(event.event_id)).toMatchObject({
      lease_id: second.leaseId,
      // The first lease has ended without a result.
      attempts: 1,
      next_attempt_at_ms: 0,
      last_error: null,
    });
  });

  it('is leased by a second try when the answer to the first one was lost', async () => {
    const event = await successEvent();
    const { d1 } = watchedDatabase((roundTrip) => (roundTrip === 1 ? 'lose' : 'answer'));
    const { leaseId, untilMs, ...lease } = leaseOfAnother();
    const leased = await leaseEvents({ ...database, d1 }, { leaseId, untilMs, ...lease }, [event.event_id]);
    expect(leased).toEqual([{ eventId: event.event_id, attempts: 0, leaseId, leasedUntilMs: untilMs }]);
  });

  it('that nobody wrote is not sent: the ledger is the truth, and not the queue', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    expect(await consume(bridge, [{ ...event, event_id: 'evt_unknown' }])).toEqual(['acknowledged']);
    expect(await bridge.posts()).toEqual([]);
  });

  it('that could not be handed to the queue waits for a sweep, and the payment is answered all the same', async () => {
    const request = payment();
    const broken = { send: () => Promise.reject(new Error('the queue is down')) };
    const answer = await sendWith({ PAYMENT_EVENTS: broken }, 'POST', '/payment/process', { body: request });
    expect(answer.status).toBe(200);

    const [row] = await eventsOf(String(request.booking_id));
    expect(row).toMatchObject(WAITING);
    const bridge = newBridge();
    await sweep(bridge);
    expect((await bridge.postedIds()).flat()).toContain(row?.event_id);
  });
});

describe('where D1 does not answer', () => {
  it('the queue is asked to bring the batch again, and nothing is lost', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    const down = { DB: watchedDatabase(() => 'fail').d1 };

    expect(await consume(bridge, [event], down)).toEqual(['again in 10 s']);
    expect(await bridge.posts()).toEqual([]);
    expect(await eventRow(event.event_id)).toMatchObject(WAITING);
    await consume(bridge, [event]);
    expect(await bridge.postedIds()).toEqual([[event.event_id]]);
  });

  it('after the post, the event stays leased and is sent again when that has run out', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    const down = { DB: watchedDatabase((roundTrip) => (roundTrip > 1 ? 'fail' : 'answer')).d1 };

    expect(await consume(bridge, [event], down)).toEqual(['again in 10 s']);
    const row = await eventRow(event.event_id);
    expect(row).toMatchObject({ delivered_at_ms: null, attempts: 0 });
    expect(Number(row?.leased_until_ms)).toBeGreaterThan(Date.now() + 20_000);

    await env.DB.prepare('UPDATE events SET leased_until_ms = 0 WHERE event_id = ?1').bind(event.event_id).run();
    await sweep(bridge);
    expect((await bridge.postedIds()).flat().filter((id) => id === event.event_id)).toHaveLength(2);
    expect((await eventRow(event.event_id))?.delivered_at_ms).not.toBeNull();
  });

  it('once, and its answer is lost, the event is delivered all the same', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    const flaky = { DB: watchedDatabase((roundTrip) => (roundTrip === 2 ? 'lose' : 'answer')).d1 };
    expect(await consume(bridge, [event], flaky)).toEqual(['acknowledged']);
    expect(await eventRow(event.event_id)).toMatchObject({ attempts: 1, leased_until_ms: null });
    expect((await eventRow(event.event_id))?.delivered_at_ms).not.toBeNull();
  });

  it('or the tables are missing, the queue keeps the batch', async () => {
    const bridge = newBridge();
    const event = await successEvent();
    const missing = {
      prepare: () => ({ bind: () => ({}) }),
      batch: () => Promise.reject(new Error('D1_ERROR: no such table: events: SQLITE_ERROR')),
    };
    expect(await consume(bridge, [event], { DB: missing })).toEqual(['again in 10 s']);
  });
});

it('nothing is acknowledged where the Worker is not configured', async () => {
  const bridge = newBridge();
  const event = await successEvent();
  await expect(consume(bridge, [event], { BRIDGE_SIGNING_SECRET: undefined })).rejects.toThrow();
  await expect(sweep(bridge, { BRIDGE_SIGNING_SECRET: undefined })).rejects.toThrow();
  expect(await bridge.posts()).toEqual([]);
});

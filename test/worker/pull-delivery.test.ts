/** Delivery by a queue from which the bridge takes events, and what the bridge reports of them (invariant 4). */
import { env } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { PaymentEvent } from '../../src/contract/events.ts';
import { DELIVERIES_BODY_MAX_BYTES, type Delivery, type RelayMessage } from '../../src/contract/pull.ts';
import { replayEvents } from '../../src/core/ledger/outbox/replay-events.ts';
import { putIntoQueue } from '../../src/core/outbox/relay-queue.ts';
import { sweepEvents } from '../../src/core/outbox/sweep.ts';
import { eventRow, failedEvent, refundEvent, successEvent } from './bridge.ts';
import { bookingOn, COUNT, FOUR, migrateAll, place, databases as shards } from './four-databases.ts';
import { database, operation, paymentRequest, settings } from './operation.ts';
import { consumeMessages, eventMessage, recordingQueue, runCron } from './queue.ts';
import { payment, sendWith } from './request.ts';

const MINUTE_MS = 60_000;
const PATH = '/bridge/deliveries';
const UNROUTABLE = 'returned by the broker: NO_ROUTE';

describe('an event', () => {
  it('is put into the queue with its lease, and stays leased until it is reported', async () => {
    const queue = relayQueue();
    const event = await successEvent();
    expect(await consume(queue, [event])).toEqual(['acknowledged']);

    const row = await eventRow(event.event_id);
    const lease = { id: row?.lease_id, shard: 0, until_ms: row?.leased_until_ms, attempts: 0 };
    expect(queue.sent()).toEqual([{ event, lease }]);
    expect(row?.delivered_at_ms).toBeNull();
    // Sent again, its message finds it leased.
    await consume(queue, [event]);
    expect(queue.sent()).toHaveLength(1);
  });

  it('is delivered once the bridge reports it so, and not before; repeated, the report changes nothing', async () => {
    const queue = relayQueue();
    const event = await successEvent();
    await consume(queue, [event]);
    const report = [delivered(queue.sentOf(event))];

    const answer = await reportTo(queue, report);
    expect([answer.status, answer.body]).toEqual([200, { recorded: [event.event_id] }]);
    const row = await eventRow(event.event_id);
    expect(row).toMatchObject({ delivered_at_ms: expect.any(Number), lease_id: null, attempts: 1 });
    expect((await reportTo(queue, report)).body).toEqual({ recorded: [event.event_id] });
    expect(await eventRow(event.event_id)).toEqual(row);
  });

  it('that is to be sent again is not delivered by a report from before, which comes a second time', async () => {
    const queue = relayQueue();
    const event = await successEvent();
    await consume(queue, [event]);
    const report = [delivered(queue.sentOf(event))];
    await reportTo(queue, report);
    const which = { kind: 'event', eventId: event.event_id } as const;
    await replayEvents(database, which, 1, Date.now());

    expect((await reportTo(queue, report)).body).toEqual({ recorded: [event.event_id] });
    expect(await eventRow(event.event_id)).toMatchObject({ delivered_at_ms: null });
    await runCron({ ...PULL, PAYMENT_RELAY: queue.binding });
    await reportTo(queue, report);
    expect(await eventRow(event.event_id)).toMatchObject({ delivered_at_ms: null });
    await reportTo(queue, [delivered(queue.sentOf(event))]);
    expect(await eventRow(event.event_id)).toMatchObject({ delivered_at_ms: expect.any(Number) });
  });

  it('that the broker did not take is put off as in a push, for the reason that the bridge names', async () => {
    const queue = relayQueue();
    const event = await successEvent();
    await consume(queue, [event]);
    const beforeMs = Date.now();
    await reportTo(queue, [undelivered(queue.sentOf(event), UNROUTABLE)]);

    const row = await eventRow(event.event_id);
    expect(row).toMatchObject({ delivered_at_ms: null, lease_id: null, attempts: 1, last_error: UNROUTABLE });
    expect(Number(row?.next_attempt_at_ms)).toBeGreaterThanOrEqual(beforeMs + 10_000);
    expect(Number(row?.next_attempt_at_ms)).toBeLessThanOrEqual(Date.now() + 10_000);
  });

  it('is not put off by a report of a lease that somebody else has by now', async () => {
    const queue = relayQueue();
    const event = await successEvent();
    await consume(queue, [event]);
    const late = undelivered(queue.sentOf(event), UNROUTABLE);
    await env.DB.prepare('UPDATE events SET leased_until_ms = 1 WHERE event_id = ?1').bind(event.event_id).run();
    await consume(queue, [event]);
    const row = await eventRow(event.event_id);
    expect(row?.lease_id).not.toBe(late.lease.id);

    expect((await reportTo(queue, [late])).body).toEqual({ recorded: [event.event_id] });
    expect(await eventRow(event.event_id)).toEqual(row);
  });

  it('of a booking waits in D1 until the one before it is reported as delivered, and is then put into the queue at once', async () => {
    const queue = relayQueue();
    const failed = await failedEvent();
    const success = await successEvent(paymentRequest({ booking_id: failed.booking_id }));
    const refund = await refundEvent(success);
    const bookingsEvents = [failed, success, refund];
    await consume(queue, bookingsEvents.toReversed());

    for (const [index, event] of bookingsEvents.entries()) {
      expect(queue.sent().map((message) => message.event)).toEqual(bookingsEvents.slice(0, index + 1));
      await reportTo(queue, [delivered(queue.sentOf(event))]);
    }
    expect(await eventRow(refund.event_id)).toMatchObject({ delivered_at_ms: expect.any(Number) });
  });

  it('that the broker did not take keeps the next one of its booking in D1', async () => {
    const queue = relayQueue();
    const failed = await failedEvent();
    const success = await successEvent(paymentRequest({ booking_id: failed.booking_id }));
    await consume(queue, [failed, success]);
    await reportTo(queue, [undelivered(queue.sentOf(failed), UNROUTABLE)]);
    await consume(queue, [success]);
    expect(queue.sent().map(({ event }) => event)).toEqual([failed]);
  });

  it('stays leased where the queue gives an error, which may have it all the same, and is sent again when that has ended', async () => {
    const event = await successEvent();
    const broken = { sendBatch: () => Promise.reject(new Error('Queue is overloaded')) };
    expect(await consumeMessages([eventMessage(event)], { ...PULL, PAYMENT_RELAY: broken })).toEqual(['acknowledged']);
    expect(await eventRow(event.event_id)).toMatchObject({ lease_id: expect.any(String), last_error: null });

    const queue = relayQueue();
    await env.DB.prepare('UPDATE events SET leased_until_ms = 1 WHERE event_id = ?1').bind(event.event_id).run();
    await runCron({ ...PULL, PAYMENT_RELAY: queue.binding });
    expect(queue.sentOf(event).lease.attempts).toBe(1);
  });
});

it('while the bridge is away, an event is in the queue six times after an hour, each time under a lease that has not ended', async () => {
  const queue = relayQueue();
  const event = await successEvent();
  const startMs = Date.now();
  for (let minute = 0; minute <= 60; minute += 1) {
    const nowMs = startMs + minute * MINUTE_MS;
    const before = queue.sent().length;
    await sweepEvents(pullOperation(queue, () => nowMs));
    for (const { lease } of queue.sent().slice(before)) expect(lease.until_ms).toBeGreaterThan(nowMs + MINUTE_MS);
  }
  const copies = queue.sent().filter((message) => message.event.event_id === event.event_id);
  const leases = copies.map(({ lease }) => lease);
  expect(leases.map(({ until_ms }) => Math.floor((until_ms - startMs) / MINUTE_MS))).toEqual([2, 6, 14, 30, 60, 90]);
  for (const [index, { until_ms }] of leases.entries()) {
    const next = copies[index + 1]?.lease;
    if (next) expect(next.until_ms - until_ms).toBeGreaterThan(0);
  }
});

it('a batch is split where it exceeds what the queue takes at once: 100 messages, 256 KB', async () => {
  const event = await successEvent();
  const large = Array.from({ length: 100 }, (_, index) => ({
    ...event,
    event_id: `evt_${index}`,
    user_id: '€'.repeat(2_000),
  }));
  const leases = new Map(large.map(({ event_id }) => [event_id, { id: 'lse_1', shard: 0, until_ms: 1, attempts: 0 }]));
  const calls: string[][] = [];
  const queue = {
    async sendBatch(messages: Iterable<{ body: string }>) {
      calls.push([...messages].map(({ body }) => body));
    },
  };
  expect(await putIntoQueue(queue, large, {}, leases)).toEqual({ kind: 'queued' });
  const bytesOf = (call: string[]) =>
    call.reduce((bytes, body) => bytes + new TextEncoder().encode(body).length + 100, 0);
  for (const call of calls) expect(bytesOf(call)).toBeLessThanOrEqual(256_000);
  expect(calls.flat().map((body) => JSON.parse(body).event.event_id)).toEqual(large.map(({ event_id }) => event_id));
});

describe('a report', () => {
  it.each<[string, (body: string) => Record<string, string>]>([
    ['without a signature', () => ({})],
    ['with the signature of another secret', (body) => signed(body, { secret: btoa('b'.repeat(32)) })],
    ['with the signature of another report', (body) => signed(`${body} `)],
    ['signed more than five minutes ago', (body) => signed(body, { ageSeconds: 305 })],
    ['signed in the future', (body) => signed(body, { ageSeconds: -305 })],
    ['with another id than the signed one', (body) => ({ ...signed(body), 'webhook-id': 'msg_other' })],
  ])('%s is refused with 401, and nothing is recorded', async (_, headersOf) => {
    const queue = relayQueue();
    const event = await successEvent();
    await consume(queue, [event]);
    const body = JSON.stringify({ deliveries: [delivered(queue.sentOf(event))] });

    const answer = await send(queue, body, headersOf(body));
    expect([answer.status, answer.body.error.code]).toEqual([401, 'UNAUTHORIZED']);
    expect(await eventRow(event.event_id)).toMatchObject({ delivered_at_ms: null, lease_id: expect.any(String) });
  });

  it('that is signed is taken however many unsigned ones come from its address; those get 429', async () => {
    const queue = relayQueue();
    const address = '198.51.100.77';
    const unsigned = () => send(queue, '{"deliveries":[]}', {}, address);
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const answers = (await Promise.all(Array.from({ length: 40 }, unsigned))).map(({ status }) => status);
    expect(new Set(answers)).toEqual(new Set([401, 429]));
    expect((await unsigned()).status).toBe(429);
    const logged = warnings.mock.calls.filter(([line]) => String(line).includes('deliveries.unsigned'));
    expect(logged).toHaveLength(answers.filter((status) => status === 401).length);
    warnings.mockRestore();

    const body = '{"deliveries":[]}';
    for (let report = 0; report < 50; report += 1) {
      expect((await send(queue, body, signed(body), address)).body).toEqual({ recorded: [] });
    }
  });

  it('may be signed with two secrets, of which one is the Worker’s, while the secret is replaced', async () => {
    const body = '{"deliveries":[]}';
    const [headers, other] = [signed(body), signed(body, { secret: btoa('b'.repeat(32)) })];
    const both = { ...headers, 'webhook-signature': `${other['webhook-signature']} ${headers['webhook-signature']}` };
    expect((await send(relayQueue(), body, both)).status).toBe(200);
  });

  it.each([
    ['no JSON', 'no JSON'],
    ['no deliveries', '{}'],
    [
      '101 deliveries',
      JSON.stringify({ deliveries: Array(101).fill(delivered({ event: { event_id: 'e' }, lease: LEASE() })) }),
    ],
    ['a delivery without a lease', '{"deliveries":[{"result":{"event_id":"e","delivered":true}}]}'],
    ['a delivery without a result', JSON.stringify({ deliveries: [{ lease: LEASE() }] })],
  ])('with %s is a 422', async (_, body) => {
    const answer = await send(relayQueue(), body, signed(body));
    expect([answer.status, answer.body.error.code]).toEqual([422, 'INVALID_REQUEST']);
  });

  it('of more bytes than one can have is a 413', async () => {
    const body = ' '.repeat(DELIVERIES_BODY_MAX_BYTES + 1);
    expect((await send(relayQueue(), body, signed(body))).status).toBe(413);
  });

  it('names as recorded only what is: not the events of a database that this Worker lacks', async () => {
    const queue = relayQueue();
    const event = await successEvent();
    await consume(queue, [event]);
    const ours = delivered(queue.sentOf(event));
    const foreign = delivered({ event: { event_id: 'evt_elsewhere' }, lease: { ...LEASE(), shard: 7 } });
    expect((await reportTo(queue, [foreign, ours])).body).toEqual({ recorded: [event.event_id] });
  });

  it('that no database records is a 503, and so is one without deliveries, by which the bridge asks', async () => {
    const queue = relayQueue();
    const event = await successEvent();
    await consume(queue, [event]);
    const report = [delivered(queue.sentOf(event))];
    for (const deliveries of [report, []]) {
      expect((await reportTo(queue, deliveries, { DB: SILENT })).status).toBe(503);
      expect((await reportTo(queue, deliveries)).status).toBe(200);
    }
  });

  it('keeps no reason but those of the bridge', async () => {
    const queue = relayQueue();
    const event = await successEvent();
    await consume(queue, [event]);
    await reportTo(queue, [undelivered(queue.sentOf(event), 'payer@example.com has no route')]);
    expect(await eventRow(event.event_id)).toMatchObject({ last_error: 'the bridge gave a reason that is not known' });
  });
});

describe('with four databases', () => {
  beforeAll(async () => {
    await migrateAll();
    for (const [shard, database] of shards.entries()) await place(database, shard, COUNT);
  });

  it('a report is recorded in the database of each event, and what one cannot record is not acknowledged', async () => {
    const queue = relayQueue();
    const installation = { ...FOUR, ...PULL, PAYMENT_RELAY: queue.binding };
    const events = recordingQueue();
    for (const shard of [1, 2]) {
      const body = payment({ booking_id: await bookingOn(shard) });
      await sendWith({ ...installation, PAYMENT_EVENTS: events.binding }, 'POST', '/payment/process', { body });
    }
    await consumeMessages(
      events.sent.map(({ body }) => body),
      installation,
    );
    const [first, second] = queue.sent();
    expect([first?.lease.shard, second?.lease.shard].toSorted()).toEqual([1, 2]);

    const report = queue.sent().map(delivered);
    const silent = { ...installation, DB_2: SILENT };
    const ofFirst = queue.sent().find(({ lease }) => lease.shard === 1)?.event.event_id;
    expect((await reportTo(queue, report, silent)).body).toEqual({ recorded: [ofFirst] });
    const all = (await reportTo(queue, report, installation)).body.recorded;
    expect(all.toSorted()).toEqual(report.map(({ result }) => result.event_id).toSorted());
  });
});

const SILENT = {
  prepare: (sql: string) => env.DB.prepare(sql),
  batch: () => Promise.reject(new Error('Network connection lost')),
} as unknown as D1Database;

const PULL = { BRIDGE_DELIVERY: 'pull', BRIDGE_URL: '' };

function LEASE() {
  return { id: 'lse_1', shard: 0, until_ms: 1, attempts: 0 };
}

function relayQueue() {
  const bodies: string[] = [];
  const sent = (): RelayMessage[] => bodies.map((body) => JSON.parse(body));
  return {
    binding: {
      async sendBatch(messages: Iterable<{ body: string; contentType: string }>) {
        for (const { body, contentType } of messages) {
          expect(contentType).toBe('text');
          bodies.push(body);
        }
      },
    },
    sent,
    /** The last message of the event. */
    sentOf({ event_id }: PaymentEvent): RelayMessage {
      const found = sent().findLast(({ event }) => event.event_id === event_id);
      if (found === undefined) throw new Error(`the queue has no message of ${event_id}`);
      return found;
    },
  };
}

type Queue = ReturnType<typeof relayQueue>;

const consume = (queue: Queue, events: PaymentEvent[]) =>
  consumeMessages(events.map(eventMessage), { ...PULL, PAYMENT_RELAY: queue.binding });

function pullOperation(queue: Queue, nowMs: () => number) {
  return operation({
    settings: { ...settings(), bridgeDelivery: 'pull' },
    nowMs,
    relay: (events, requestIds, leases) => putIntoQueue(queue.binding, events, requestIds, leases),
  });
}

type Sent = { event: { event_id: string }; lease: Delivery['lease'] };

function delivered({ event: { event_id }, lease }: Sent): Delivery {
  return { lease, result: { event_id, delivered: true } };
}

function undelivered({ event: { event_id }, lease }: Sent, reason: string): Delivery {
  return { lease, result: { event_id, delivered: false, reason } };
}

function reportTo(queue: Queue, deliveries: Delivery[], bindings: Record<string, unknown> = {}) {
  const body = JSON.stringify({ deliveries });
  return send(queue, body, signed(body), undefined, bindings);
}

function send(
  queue: Queue,
  body: string,
  headers: Record<string, string>,
  address?: string,
  bindings: Record<string, unknown> = {},
) {
  const options = { body, headers, ...(address && { address }) };
  return sendWith({ ...PULL, PAYMENT_RELAY: queue.binding, ...bindings }, 'POST', PATH, options);
}

function signed(body: string, { secret = env.BRIDGE_SIGNING_SECRET, ageSeconds = 0 } = {}): Record<string, string> {
  const at = new Date(Date.now() - ageSeconds * 1000);
  const id = `msg_${crypto.randomUUID()}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}

/** Waiting events in the console, publishing them again, and what the bridge says of itself. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { ConsoleEvent } from '../../src/contract/console.ts';
import { newBridge } from './bridge.ts';
import { signedIn } from './console.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { databases, FOUR, migrateAll, place } from './four-databases.ts';
import { paid, payment, refundOf, sendWith } from './request.ts';
import { eventsOf } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const woken: unknown[] = [];
const PAYMENT_WORK = { send: async (message: unknown) => void woken.push(message) };
const NOWHERE = { send: async () => {} };
const bindings = { ...WITH_KEYS, PAYMENT_WORK };
const desk = await signedIn('default', bindings);

/** Asks for something whose event nobody is told of. */
async function unsent(method: string, path: string, body: Record<string, unknown>, headers?: Record<string, string>) {
  const { headers: usual } = await apiKey();
  return sendWith({ ...WITH_KEYS, PAYMENT_EVENTS: NOWHERE }, method, path, { body, headers: headers ?? usual });
}

/** A payment whose event nobody has sent yet. */
async function paidUnsent(tenant = 'default') {
  const { headers } = await apiKey({ tenant });
  const answer = await unsent('POST', '/payment/process', payment(), headers);
  const [event] = await eventsOf(answer.body.booking_id);
  return { ...(answer.body as { transaction_id: string; booking_id: string }), eventId: String(event?.event_id) };
}

const events = async () => (await desk.get('events')).body;
const waiting = async (eventId: string): Promise<ConsoleEvent | undefined> =>
  (await events()).events.find((one: ConsoleEvent) => one.event_id === eventId);
const change = (eventId: string, changes: string) =>
  env.DB.prepare(`UPDATE events SET ${changes} WHERE event_id = ?1`).bind(eventId).run();
const sendAgain = (...event_ids: string[]) => desk.post('events/send', { event_ids });

describe('what waits', () => {
  it('is listed with why it was refused, and when it is sent again', async () => {
    const one = await paidUnsent();
    const nextMs = Date.now() + 60_000;
    await change(
      one.eventId,
      `attempts = 3, last_error = 'the broker is not connected', next_attempt_at_ms = ${nextMs}`,
    );
    expect(await waiting(one.eventId)).toEqual({
      ...{ event_id: one.eventId, event_type: 'payment.success', organisation: 'default' },
      ...{ booking_id: one.booking_id, transaction_id: one.transaction_id, created_at: expect.any(String) },
      ...{ delivered_at: null, attempts: 3, last_error: 'the broker is not connected' },
      next_attempt_at: `${new Date(nextMs).toISOString().slice(0, 19)}Z`,
      behind: null,
    });
  });

  it('is next in turn where it is due, or is being sent', async () => {
    const one = await paidUnsent();
    expect(await waiting(one.eventId)).toMatchObject({ next_attempt_at: null });
    const laterMs = Date.now() + 60_000;
    await change(one.eventId, `next_attempt_at_ms = ${laterMs}, lease_id = 'lse_1', leased_until_ms = ${laterMs}`);
    expect(await waiting(one.eventId)).toMatchObject({ next_attempt_at: null });
  });

  it('is behind the first event of its booking that waits', async () => {
    const one = await paidUnsent();
    for (const refund_amount of [1, 2]) await unsent('POST', '/payment/refund', refundOf(one, { refund_amount }));
    const [first, second, third] = await eventsOf(one.booking_id);
    for (const [event, behind] of [
      [first, null],
      [second, first],
      [third, first],
    ] as const) {
      expect(await waiting(String(event?.event_id))).toMatchObject({
        behind: behind?.event_id ?? null,
        transaction_id: one.transaction_id,
      });
    }
  });

  it('is of all organisations, and oldest first', async () => {
    const [first, second] = [await paidUnsent('cinema-2'), await paidUnsent()];
    const { events: all, waiting: count } = await events();
    const ids = all.map(({ event_id }: ConsoleEvent) => event_id);
    expect(ids.indexOf(first.eventId)).toBeLessThan(ids.indexOf(second.eventId));
    expect(await waiting(first.eventId)).toMatchObject({ organisation: 'cinema-2' });
    expect(count).toBe(all.length);
  });

  it('of a dispute names its payment', async () => {
    const one = await paid();
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO dispute_reports (event_id, tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, reported_at_ms)
         VALUES ('evt_dispute', 'default', 'stripe', 'dp_1', ?1, 'needs_response', 'fraudulent', 'USD', 2550, 1, 1)`,
      ).bind(one.transaction_id),
      env.DB.prepare(
        `INSERT INTO events (event_id, tenant, booking_id, event_type, created_at_ms) VALUES ('evt_dispute', 'default', ?1, 'payment.dispute', ?2)`,
      ).bind(one.booking_id, Date.now()),
    ]);
    expect(await waiting('evt_dispute')).toMatchObject({
      event_type: 'payment.dispute',
      transaction_id: one.transaction_id,
    });
  });

  it('is at most a hundred events, and the number of all of them', async () => {
    const one = await paid();
    const many = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)';
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO dispute_reports (event_id, tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, reported_at_ms)
         ${many} SELECT 'evt_many_' || i, 'default', 'stripe', 'dp_many_' || i, ?1, 'lost', 'fraudulent', 'USD', 1, 1, 1 FROM n`,
      ).bind(one.transaction_id),
      env.DB.prepare(
        `INSERT INTO events (event_id, tenant, booking_id, event_type, created_at_ms)
         ${many} SELECT 'evt_many_' || i, 'default', 'BOOK-MANY-' || i, 'payment.dispute', 1 FROM n`,
      ),
    ]);
    const { events: all, waiting: count } = await events();
    expect(all).toHaveLength(100);
    expect(count).toBeGreaterThan(150);
    await env.DB.prepare("DELETE FROM events WHERE event_id LIKE 'evt_many_%'").run();
  });

  it('of a long outage is counted up to a thousand, and its number costs no more reads', async () => {
    const many = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)';
    const one = await paid();
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO dispute_reports (event_id, tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, reported_at_ms)
         ${many} SELECT 'evt_outage_' || i, 'default', 'stripe', 'dp_outage_' || i, ?1, 'lost', 'fraudulent', 'USD', 1, 1, 1 FROM n`,
      ).bind(one.transaction_id),
      env.DB.prepare(
        `INSERT INTO events (event_id, tenant, booking_id, event_type, created_at_ms)
         ${many} SELECT 'evt_outage_' || i, 'default', 'BOOK-OUTAGE-' || i, 'payment.dispute', 1 FROM n`,
      ),
    ]);
    const watched = watchedDatabase();
    const { get } = await signedIn('default', { ...bindings, DB: watched.d1 });
    const { body } = await get('events');
    await env.DB.prepare("DELETE FROM events WHERE event_id LIKE 'evt_outage_%'").run();
    expect(body).toMatchObject({ waiting: 1_000, has_more: true, delivered: [], broker: { last_delivered_at: null } });
    expect(body.events).toHaveLength(100);
    expect(watched.rowsRead()).toBeLessThan(10_000);
    expect(await events()).toMatchObject({ has_more: false });
  });
});

describe('sending', () => {
  it('makes a waiting event due at once, and wakes the sweep', async () => {
    const one = await paidUnsent();
    await change(one.eventId, `attempts = 3, next_attempt_at_ms = ${Date.now() + 300_000}`);
    woken.length = 0;
    expect((await sendAgain(one.eventId)).body).toEqual({ sent: 1, unknown: [] });
    expect(await waiting(one.eventId)).toMatchObject({ next_attempt_at: null });
    expect(woken).toEqual([expect.objectContaining({ kind: 'wake', job: 'sweep' })]);
  });

  it('publishes a delivered event again, under its id, which the audit log shows', async () => {
    const one = await paidUnsent();
    await change(one.eventId, `delivered_at_ms = ${Date.now()}`);
    expect((await sendAgain(one.eventId, one.eventId, 'evt_unknown')).body).toEqual({
      sent: 1,
      unknown: ['evt_unknown'],
    });
    const [event] = await eventsOf(one.booking_id);
    expect(event).toMatchObject({
      event_id: one.eventId,
      delivered_at_ms: null,
      attempts: 0,
      replayed_at_ms: expect.any(Number),
    });
    const entry = await env.DB.prepare(
      "SELECT actor, tenant, subject, detail FROM audit_entries WHERE action = 'events.resent' ORDER BY sequence DESC LIMIT 1",
    ).first();
    expect(entry).toEqual({
      actor: `key:${desk.keyId}`,
      tenant: '*',
      subject: 'events by their ids',
      detail: JSON.stringify({ events: 1, first: one.eventId, last: one.eventId }),
    });
  });

  it('marks nothing where no event has the id', async () => {
    woken.length = 0;
    expect((await sendAgain('evt_none')).body).toEqual({ sent: 0, unknown: ['evt_none'] });
    expect(woken).toEqual([]);
  });

  it.each([
    ['no ids', { event_ids: [] }],
    ['more than a hundred', { event_ids: Array.from({ length: 101 }, (_, i) => `evt_${i}`) }],
    ['the id of a payment', { event_ids: ['TXN-01J00000000000000000000000'] }],
    ['a script', { event_ids: ['<script>alert(1)</script>'] }],
    ['nothing', {}],
  ])('takes no %s', async (_, body) => {
    const answer = await desk.post('events/send', body);
    expect(answer.status).toBe(422);
    expect(answer.text).not.toContain('alert(1)');
  });
});

it('what was delivered is listed, the last first', async () => {
  const [first, second] = [await paidUnsent(), await paidUnsent()];
  await change(second.eventId, 'delivered_at_ms = 2000000000000');
  await change(first.eventId, 'delivered_at_ms = 2000000001000');
  const { delivered, broker } = await events();
  expect(delivered.slice(0, 2)).toMatchObject([
    { event_id: first.eventId, delivered_at: '2033-05-18T03:33:21Z' },
    { event_id: second.eventId, delivered_at: '2033-05-18T03:33:20Z' },
  ]);
  expect(broker.last_delivered_at).toBe('2033-05-18T03:33:21Z');
});

describe('of four databases', () => {
  it('events are listed and sent together', async () => {
    await migrateAll();
    for (const [shard, database] of databases.entries()) await place(database, shard);
    const own = { ...WITH_KEYS, ...FOUR, AUTH_MODE: 'none', PAYMENT_EVENTS: NOWHERE, PAYMENT_WORK };
    const paidThere = [];
    for (let times = 0; times < 6; times += 1)
      paidThere.push((await sendWith(own, 'POST', '/payment/process', { body: payment() })).body);
    const four = await signedIn('default', own);
    const { body } = await four.get('events');
    expect(body.events.map((one: ConsoleEvent) => one.transaction_id).toSorted()).toEqual(
      paidThere.map(({ transaction_id }) => transaction_id).toSorted(),
    );
    woken.length = 0;
    const event_ids = body.events.map((one: ConsoleEvent) => one.event_id);
    const sent = await four.post('events/send', { event_ids }, { headers: { 'Sec-Fetch-Site': 'same-origin' } });
    expect(sent.body).toEqual({ sent: 6, unknown: [] });
    const shards = new Set(paidThere.map(({ transaction_id }) => Number(transaction_id.at(-1))));
    expect(woken).toHaveLength(shards.size);
  });
});

it.each(['events', 'cases', 'disputes', 'keys'])(
  'the page %s shows what the other databases have while one does not answer',
  async (page) => {
    const silent = { ...WITH_KEYS, ...FOUR, AUTH_MODE: 'none', DB_2: watchedDatabase(() => 'fail').d1 };
    const answer = await (await signedIn('default', silent)).get(page);
    expect([answer.status, answer.body.not_read]).toEqual([200, [2]]);
  },
);

it('a page without an answer of any database is a 503', async () => {
  const down = { ...WITH_KEYS, AUTH_MODE: 'none', DB: watchedDatabase(() => 'fail').d1 };
  expect((await (await signedIn('default', down)).get('events')).status).toBe(503);
});

describe('the broker', () => {
  const brokerOf = async (variables: Record<string, unknown>) => {
    const { get } = await signedIn('default', { ...WITH_KEYS, ...variables });
    return (await get('events')).body.broker;
  };

  it.each([
    ['ready', 'ready', 200],
    ['no broker', 'no_broker', 503],
    ['not set up', 'not_set_up', 503],
    ['stopping', 'stopping', 503],
    ['something else', 'away', 200],
  ])('whose bridge says %s is %s', async (status, state, code) => {
    const bridge = newBridge();
    await bridge.says({ status }, code);
    expect(await brokerOf({ BRIDGE_URL: bridge.url })).toMatchObject({
      delivery: 'push',
      state,
      message: expect.stringMatching(/^The bridge .*\.$/),
    });
  });

  it('whose bridge does not answer is away', async () => {
    expect(await brokerOf({ BRIDGE_URL: 'http://nowhere.test/' })).toMatchObject({ state: 'away' });
  });

  it('whose bridge takes events from a queue is not asked', async () => {
    expect(await brokerOf({ BRIDGE_DELIVERY: 'pull', PAYMENT_RELAY: {} })).toMatchObject({
      delivery: 'pull',
      state: 'unknown',
    });
  });
});

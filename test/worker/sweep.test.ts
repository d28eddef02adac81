/** The sweep: what waits in D1 is sent, what has been due longest first, in batches, for a bounded time. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { findWaitingEvents, leaseDueEvents } from '../../src/core/ledger/outbox/lease-due-events.ts';
import { recordDeliveries } from '../../src/core/ledger/outbox/record-deliveries.ts';
import { replayEvents } from '../../src/core/ledger/outbox/replay-events.ts';
import { sweepEvents } from '../../src/core/outbox/sweep.ts';
import { clearLedger, waitingEvents } from './backlog.ts';
import { consume, delivery, newBridge, refundEvent, successEvent, sweep } from './bridge.ts';
import { database } from './operation.ts';
import { watchedDatabase } from './watched-database.ts';

const HOUR_MS = 60 * 60_000;

beforeEach(clearLedger);

/** Events of as many bookings, which are due; ids and rows in the order of their age. */
async function waiting(count: number): Promise<string[]> {
  const numbers = 'WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)';
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
         gateway, created_at_ms, processed_at_ms)
       ${numbers} SELECT 'TXN-' || n, 'default', 'SWEPT-' || n, 'u', 'completed', 'USD', n, 'paypal', 'sandbox', n, n FROM numbers`,
    ).bind(count),
    // The identifiers say nothing of the age, so that only the sequence can.
    env.DB.prepare(
      `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms, next_attempt_at_ms)
       ${numbers} SELECT 'evt_' || hex(randomblob(8)), 'default', 'SWEPT-' || n, 'payment.success', 'TXN-' || n, ?2 + n, n FROM numbers`,
    ).bind(count, Date.now() - HOUR_MS),
  ]);
  const { results } = await env.DB.prepare('SELECT event_id FROM events ORDER BY sequence').all<{ event_id: string }>();
  return results.map(({ event_id }) => event_id);
}

async function countWhere(condition: string): Promise<unknown> {
  return env.DB.prepare(`SELECT count(*) AS n FROM events WHERE ${condition}`).first('n');
}

describe('a sweep', () => {
  it('sends 250 waiting events in batches of at most 100, oldest first', async () => {
    const bridge = newBridge();
    const ids = await waiting(250);
    await sweep(bridge);

    const posted = await bridge.postedIds();
    expect(posted.map((batch) => batch.length)).toEqual([100, 100, 50]);
    const sorted = (batch: string[]) => batch.toSorted();
    expect(posted.map(sorted)).toEqual([ids.slice(0, 100), ids.slice(100, 200), ids.slice(200)].map(sorted));
    expect(await countWhere('delivered_at_ms IS NULL')).toBe(0);
  });

  it('asks nobody anything where nothing waits', async () => {
    const bridge = newBridge();
    await sweep(bridge);
    expect(await bridge.posts()).toEqual([]);
  });

  it('stops at the first batch that the bridge refuses, and leaves the rest as it was', async () => {
    const bridge = newBridge();
    await waiting(250);
    await bridge.play({ kind: 'confirm' }, { kind: 'answer', status: 503, body: '' });
    await sweep(bridge);

    expect((await bridge.posts()).map(({ events }) => events.length)).toEqual([100, 100]);
    expect(await countWhere('delivered_at_ms IS NOT NULL')).toBe(100);
    expect(await countWhere('delivered_at_ms IS NULL AND attempts = 1 AND last_error IS NOT NULL')).toBe(100);
    expect(await countWhere('attempts = 0 AND leased_until_ms IS NULL')).toBe(50);
  });

  it('goes on past events that the broker would not take', async () => {
    const bridge = newBridge();
    const [first = ''] = await waiting(150);
    await bridge.play({ kind: 'confirm', except: { [first]: 'returned by the broker: NO_ROUTE' } });
    await sweep(bridge);
    expect(await countWhere('delivered_at_ms IS NOT NULL')).toBe(149);
  });

  it('leaves what is not due', async () => {
    const bridge = newBridge();
    const [first] = await waiting(3);
    await env.DB.prepare('UPDATE events SET next_attempt_at_ms = ?2 WHERE event_id = ?1')
      .bind(first, Date.now() + 60_000)
      .run();
    await sweep(bridge);
    expect((await bridge.postedIds()).flat()).toHaveLength(2);
  });

  it('begins no batch after 20 seconds, and says that there may be more', async () => {
    const bridge = newBridge();
    await waiting(300);
    const startedAtMs = Date.now();
    // Each look at the clock is 8 seconds later than the one before.
    let looks = 0;
    const slow = delivery(bridge, {
      nowMs: () => {
        looks += 1;
        return startedAtMs + looks * 8_000;
      },
    });
    expect(await sweepEvents(slow)).toBe(true);
    expect(await bridge.posts()).toHaveLength(1);
    expect(await countWhere('delivered_at_ms IS NULL AND leased_until_ms IS NULL')).toBe(200);
  });

  it('and another one at once send every event once', async () => {
    const bridge = newBridge();
    const ids = await waiting(250);
    await Promise.all([sweep(bridge), sweep(bridge), sweep(bridge)]);
    expect((await bridge.postedIds()).flat().toSorted()).toEqual(ids.toSorted());
  });
});

describe('events that cannot be sent', () => {
  const HOUR_MS = 60 * 60_000;
  const isDelivered = (series: string) =>
    countWhere(`event_id LIKE 'evt_%RRFF${series}%' AND delivered_at_ms IS NOT NULL`);

  it('25,000 of them keep no good one behind them from the first sweep, and each wake-up says it in one line', async () => {
    const bridge = newBridge();
    await waitingEvents({ count: 25_000, series: 'A', unopened: true, attempts: 6 });
    await waitingEvents({ count: 1, series: 'B' });
    const error = vi.spyOn(console, 'error');
    await sweep(bridge);
    const lines = error.mock.calls.map(([line]) => JSON.parse(String(line)));
    error.mockRestore();

    expect(await isDelivered('B')).toBe(1);
    expect(lines.reduce((sum, { count }) => sum + count, 0)).toBe(25_000);
    expect(lines.length).toBeLessThan(10);
    expect(lines[0]).toMatchObject({
      event: 'events.unopened',
      first_event_id: expect.stringMatching(/^evt_/),
      reason: expect.stringContaining('cannot be decrypted'),
    });
    // From then on they are put off, and the next good one is the only one that is looked at.
    await waitingEvents({ count: 1, series: 'C' });
    const watched = watchedDatabase();
    await sweep(bridge, { DB: watched.d1 });
    expect(await isDelivered('C')).toBe(1);
    // The cron counts what waits, by its index, and reads 1,000 of them.
    expect(watched.rowsRead() - 26_000).toBeLessThan(200);
  }, 120_000);

  it('are tried ever more seldom, up to every six hours', async () => {
    const bridge = newBridge();
    await waitingEvents({ count: 1, series: 'A', unopened: true });
    let nowMs = Date.now();
    const context = delivery(bridge, { nowMs: () => nowMs });
    const pausesSeconds: number[] = [];
    for (let attempt = 0; attempt < 14; attempt += 1) {
      await sweepEvents(context);
      const dueAtMs = Number(await env.DB.prepare('SELECT next_attempt_at_ms AS due FROM events').first('due'));
      pausesSeconds.push((dueAtMs - nowMs) / 1_000);
      nowMs = dueAtMs;
    }
    expect(pausesSeconds).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240, 20_480, 21_600, 21_600]);
  });

  it('are those that the bridge does not understand, too; a broker that is down is asked every five minutes', async () => {
    const bridge = newBridge();
    await waitingEvents({ count: 2, series: 'A', attempts: 20 });
    const [invalid = '', other = ''] = await eventIds();
    await bridge.play({
      kind: 'confirm',
      except: { [invalid]: 'not an event', [other]: 'unroutable' },
      invalid: [invalid],
    });
    const beforeMs = Date.now();
    await sweep(bridge);
    const { results } = await env.DB.prepare('SELECT next_attempt_at_ms AS due FROM events ORDER BY sequence').all();
    const pausesMinutes = results.map(({ due }) => Math.round((Number(due) - beforeMs) / 60_000));
    expect(pausesMinutes).toEqual([360, 5]);
  });

  it('put off what waits behind them in their booking, which goes out as soon as it can', async () => {
    const bridge = newBridge();
    await waitingEvents({ count: 1, series: 'A', unopened: true, attempts: 12 });
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, processed_at_ms)
         SELECT 'REF-1', tenant, transaction_id, 'completed', 100, 'r', 1, 1 FROM transactions`,
      ),
      env.DB.prepare(
        `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms)
         SELECT 'evt_behind', tenant, booking_id, 'payment.refund', transaction_id, 'REF-1', ${Date.now()} FROM transactions`,
      ),
    ]);
    await sweep(bridge);
    expect(await countWhere(`next_attempt_at_ms > ${Date.now() + 5 * HOUR_MS}`)).toBe(2);
    // The key is there again.
    await env.DB.prepare('UPDATE transactions SET sealed_email = NULL').run();
    const replayed = await replayEvents(
      database,
      { kind: 'event', eventId: (await eventIds())[0] ?? '' },
      1,
      Date.now(),
    );
    expect(replayed).toMatchObject({ replayed: 0, waiting: 1 });
    await sweep(bridge);
    expect((await bridge.postedIds()).flat()).toEqual(await eventIds());
  });
});

describe('a large replay', () => {
  const RECENTLY = { replayedAtMs: 1 };

  it('waits behind live events, and goes out when there are none', async () => {
    const bridge = newBridge();
    await waitingEvents({ count: 1_500, series: 'A', ...RECENTLY });
    await waitingEvents({ count: 150, series: 'B' });
    await sweepEvents(delivery(bridge));
    const posted = await bridge.postedIds();
    expect(posted[0]?.every((id) => id.includes('RRFFB'))).toBe(true);
    expect(posted[1]?.filter((id) => id.includes('RRFFB'))).toHaveLength(50);
    expect(await countWhere('delivered_at_ms IS NULL')).toBe(0);
  });

  it('costs a live event no reads', async () => {
    const bridge = newBridge();
    await waitingEvents({ count: 20_000, series: 'A', ...RECENTLY });
    await waitingEvents({ count: 100, series: 'B' });
    await findWaitingEvents(database);
    const watched = watchedDatabase();
    const nowMs = Date.now();
    const lease = { leaseId: 'lease', nowMs, untilMs: nowMs + 60_000 };
    const leased = await leaseDueEvents({ ...database, d1: watched.d1 }, lease, 100);
    expect(leased.every(({ eventId }) => eventId.includes('RRFFB'))).toBe(true);
    expect(watched.rowsRead()).toBeLessThan(2_000);
    await recordDeliveries(database, { delivered: [], undelivered: [] }, nowMs, null);
    expect(await bridge.posts()).toEqual([]);
  });

  it('of an event sends it before a live one of its booking, at once when that comes (invariant 4)', async () => {
    const bridge = newBridge();
    const success = await successEvent();
    await consume(bridge, [success]);
    await waitingEvents({ count: 500, series: 'A', ...RECENTLY });
    await replayEvents(database, { kind: 'event', eventId: success.event_id }, 1, Date.now());
    const refund = await refundEvent(success);
    await consume(bridge, [refund]);
    expect(await bridge.postedIds()).toEqual([[success.event_id], [success.event_id], [refund.event_id]]);
  });
});

async function eventIds(): Promise<string[]> {
  const { results } = await env.DB.prepare('SELECT event_id FROM events ORDER BY sequence').all<{ event_id: string }>();
  return results.map(({ event_id }) => event_id);
}

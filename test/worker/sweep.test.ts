/** The sweep: what waits in D1 is sent, oldest first, in batches, for a bounded time. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { sweepEvents } from '../../src/worker/events/sweep.ts';
import { delivery, newBridge, sweep } from './bridge.ts';

beforeEach(async () => {
  await env.DB.batch([env.DB.prepare('DELETE FROM events'), env.DB.prepare('DELETE FROM transactions')]);
});

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
       ${numbers} SELECT 'evt_' || hex(randomblob(8)), 'default', 'SWEPT-' || n, 'payment.success', 'TXN-' || n, n, n FROM numbers`,
    ).bind(count),
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
    await bridge.play({ kind: 'confirm', except: { [first]: 'unroutable' } });
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

/** The overview of the console, of minutes that the cron has counted. */
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Counts, Gauges } from '../../src/core/ledger/metrics/measured.ts';
import { bucketsUpTo } from '../../src/core/monitoring/overview.ts';
import { percentileMs } from '../../src/core/monitoring/percentile.ts';
import { signedIn } from './console.ts';
import { WITH_KEYS } from './credentials.ts';
import { databases, FOUR, migrateAll, place } from './four-databases.ts';
import { labels, measured, NOTHING } from './measured.ts';
import { watchedDatabase } from './watched-database.ts';

const MINUTE_MS = 60_000;
const minuteOf = (ms: number) => Math.floor(ms / MINUTE_MS) * MINUTE_MS;

async function counted(minuteMs: number, counts: Counts, db = env.DB): Promise<void> {
  const sql = 'INSERT INTO metric_minutes (minute_ms, counts) VALUES (?1, ?2)';
  await db.prepare(sql).bind(minuteMs, JSON.stringify(counts)).run();
}

const gauged = (gauges: Partial<Gauges>, writtenAtMs = Date.now(), db = env.DB) =>
  measured({ gauges, writtenAtMs }, db);

const completed = (count: number, { method = 'credit_card', gateway = 'sandbox' } = {}): Counts => ({
  payments: { [labels('completed', method, gateway, '')]: count },
});
const failed = (count: number, code = 'CARD_DECLINED'): Counts => ({
  payments: { [labels('failed', 'credit_card', 'sandbox', code)]: count },
});

const { get } = await signedIn();
const overview = async (hours = 24) => (await get(`overview?hours=${hours}`)).body;

beforeEach(async () => {
  for (const table of ['metric_minutes', 'metric_totals', 'alert_episodes']) {
    await env.DB.prepare(`DELETE FROM ${table}`).run();
  }
});

describe('what ended', () => {
  it('is counted over the hours, by error, gateway and method', async () => {
    const now = minuteOf(Date.now());
    await counted(now - 50 * MINUTE_MS, {
      payments: {
        [labels('completed', 'credit_card', 'sandbox', '')]: 7,
        [labels('completed', 'paypal', 'paypal', '')]: 2,
        [labels('failed', 'credit_card', 'sandbox', 'CARD_DECLINED')]: 2,
        [labels('failed', 'paypal', 'paypal', 'PAYMENT_GATEWAY_ERROR')]: 1,
        [labels('failed', 'credit_card', 'sandbox', 'PAYMENT_VOIDED')]: 4,
      },
      challenges: { completed: 3, failed: 1 },
      rate_limited: { '': 7 },
    });
    await counted(now - 5 * MINUTE_MS, failed(3));
    expect(await overview()).toMatchObject({
      completed: 9,
      failed: 6,
      voided: 4,
      success_rate: 60,
      failures: [
        { error_code: 'CARD_DECLINED', count: 5 },
        { error_code: 'PAYMENT_GATEWAY_ERROR', count: 1 },
      ],
      gateways: [
        { gateway: 'sandbox', completed: 7, failed: 5 },
        { gateway: 'paypal', completed: 2, failed: 1 },
      ],
      methods: [
        { payment_method: 'credit_card', completed: 7, failed: 5 },
        { payment_method: 'paypal', completed: 2, failed: 1 },
      ],
      challenges: { completed: 3, failed: 1 },
      rate_limited: 7,
    });
  });

  it('is money by currency, in the unit of each', async () => {
    await counted(minuteOf(Date.now()), {
      captured_minor: {
        [labels('USD', 'sandbox')]: 10_050,
        [labels('USD', 'stripe')]: 200,
        [labels('JPY', 'stripe')]: 500,
      },
      refunded_minor: { [labels('USD', 'sandbox')]: 50 },
      refunds: { [labels('completed', 'sandbox', '')]: 2, [labels('failed', 'sandbox', 'REFUND_NOT_ALLOWED')]: 1 },
    });
    expect(await overview()).toMatchObject({
      volume: [
        { currency: 'JPY', captured: 500, refunded: 0 },
        { currency: 'USD', captured: 102.5, refunded: 0.5 },
      ],
      refunds: { completed: 2, failed: 1 },
    });
  });

  it('is nothing where nothing has ended: no rate, no times, and each bucket is there', async () => {
    const { success_rate, processing_ms, series } = await overview(1);
    expect({ success_rate, processing_ms }).toEqual({ success_rate: null, processing_ms: { p50: null, p95: null } });
    expect(series.completed).toEqual(Array(60).fill(0));
    expect(series.processing_p95_ms).toEqual(Array(60).fill(null));
  });

  it('never rounds up to 100 %', async () => {
    await counted(minuteOf(Date.now()), completed(99_999));
    await counted(minuteOf(Date.now()) - MINUTE_MS, failed(1));
    expect((await overview()).success_rate).toBe(99.9);
  });

  it.each([
    [1, 60, 60],
    [24, 900, 96],
    [168, 7_200, 84],
    [720, 21_600, 120],
  ])('in %i hours is in buckets of %i seconds, of which there are %i', async (hours, seconds, count) => {
    const { fromMs, lengthMs } = bucketsUpTo(Date.now(), hours as 1);
    await counted(fromMs - MINUTE_MS, completed(1_000));
    await counted(fromMs, completed(1));
    await counted(fromMs + lengthMs - 1, completed(2));
    await counted(Date.now(), completed(4));
    const { series, completed: all } = await overview(hours);
    expect([series.bucket_seconds, series.at.length]).toEqual([seconds, count]);
    expect(series.at[0]).toBe(fromMs / 1000);
    expect(series.at.at(-1) - series.at[0]).toBe((count - 1) * seconds);
    expect([series.completed[0], series.completed.at(-1), all]).toEqual([3, 4, 7]);
  });

  it('is refused for other hours', async () => {
    const answer = await get('overview?hours=2');
    expect([answer.status, answer.body.error.details.issues]).toEqual([
      422,
      [{ path: 'hours', message: 'must be one of 1, 24, 168, 720' }],
    ]);
  });
});

describe('times', () => {
  it('are percentiles over all gateways, for payments and for calls of gateways', async () => {
    await counted(minuteOf(Date.now()), {
      processing_ms: { [labels('sandbox', '100')]: 50, [labels('stripe', '250')]: 50 },
      gateway_ms: { [labels('stripe', 'charge', '50')]: 99, [labels('stripe', 'refund', '+Inf')]: 1 },
    });
    const { processing_ms, gateway_ms, series } = await overview();
    expect({ processing_ms, gateway_ms }).toEqual({
      processing_ms: { p50: 100, p95: 235 },
      gateway_ms: { p50: 25, p95: 48 },
    });
    expect([series.processing_p95_ms.at(-1), series.gateway_p95_ms.at(-1)]).toEqual([235, 48]);
  });

  it.each([
    [50, [], null],
    [50, [0, 0, 0], null],
    [50, [1], 25],
    [100, [1], 50],
    [50, [2, 2], 50],
    [95, [0, 0, 100], 243],
    [99, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5], 60_000],
    [1, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5], 31_800],
  ])('the %ith percentile of %j is %s', (percent, counts, ms) => {
    expect(percentileMs(percent, counts)).toBe(ms);
  });
});

describe('what waits', () => {
  it('is as of the last run of the cron', async () => {
    const now = Date.now();
    await gauged(
      {
        events: { waiting: 4, oldestMs: now - 90_000, unansweredMs: null },
        pending: { count: 2, overdue: 0, oldestMs: now - 30_000 },
        challenged: 1,
        authorized: 3,
        cases: { ...NOTHING.cases, refund_reversed: 2, late_charge_kept: 1 },
        openDisputes: 5,
      },
      now - 1_000,
    );
    const { now_waiting, counted_at } = await overview();
    expect(counted_at).toBe(`${new Date(now - 1_000).toISOString().slice(0, 19)}Z`);
    expect(now_waiting).toEqual({
      events: 4,
      events_oldest_seconds: expect.toSatisfy((seconds: number) => seconds >= 90 && seconds < 95),
      pending: 2,
      pending_oldest_seconds: expect.toSatisfy((seconds: number) => seconds >= 30 && seconds < 35),
      challenged: 1,
      authorized: 3,
      cases: 3,
      disputes: 5,
    });
  });

  it('is nothing before the cron has run', async () => {
    const { now_waiting, counted_at, alerts } = await overview();
    expect([counted_at, now_waiting.events, now_waiting.events_oldest_seconds, alerts]).toEqual([null, 0, null, []]);
  });
});

describe('alerts', () => {
  it('are those that are not over', async () => {
    await gauged({});
    await env.DB.prepare(
      `INSERT INTO alert_episodes (alert, started_at_ms, message, confirmed_at_ms, ended_at_ms) VALUES
         ('bridge_away', 1000, 'long ago', 1500, 2000), ('bridge_away', 3000, 'The bridge does not answer', 3500, NULL),
         ('events_waiting', 2000, '5 wait', 2500, NULL), ('job_not_run', 4000, 'perhaps', NULL, NULL)`,
    ).run();
    expect((await overview()).alerts).toEqual([
      { alert: 'events_waiting', since: '1970-01-01T00:00:02Z', message: '5 wait' },
      { alert: 'bridge_away', since: '1970-01-01T00:00:03Z', message: 'The bridge does not answer' },
    ]);
  });

  it('say that the cron has not run', async () => {
    await gauged({}, Date.now() - 7 * MINUTE_MS);
    expect((await overview()).alerts).toEqual([
      expect.objectContaining({ alert: 'cron_not_run', message: expect.stringContaining('for 7 minutes') }),
    ]);
  });
});

describe('of four databases', () => {
  beforeAll(async () => {
    await migrateAll();
    for (const [shard, database] of databases.entries()) {
      await place(database, shard);
      await counted(minuteOf(Date.now()), completed(shard + 1), database);
      await gauged(
        { events: { waiting: 1, oldestMs: 1_000 * (shard + 1), unansweredMs: null } },
        Date.now() - shard * 1_000,
        database,
      );
    }
  });

  const AT_FOUR = { ...WITH_KEYS, ...FOUR, AUTH_MODE: 'none' };

  it('adds up all of them', async () => {
    const { body } = await (await signedIn('default', AT_FOUR)).get('overview');
    expect(body).toMatchObject({ completed: 10, not_read: [], now_waiting: { events: 4 } });
  });

  it('says which ones do not answer, and logs them', async () => {
    const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
    const silent = { ...AT_FOUR, DB_2: watchedDatabase(() => 'fail').d1 };
    const { body } = await (await signedIn('default', silent)).get('overview');
    expect(body).toMatchObject({ completed: 7, not_read: [2], now_waiting: { events: 3 } });
    expect(errors.mock.calls.map(([line]) => JSON.parse(String(line)))).toEqual([
      expect.objectContaining({ event: 'ledger.unavailable', shard: 2 }),
    ]);
    errors.mockRestore();
  });
});

it('is not there while no database answers', async () => {
  const down = { ...WITH_KEYS, AUTH_MODE: 'none', DB: watchedDatabase(() => 'fail').d1 };
  expect((await (await signedIn('default', down)).get('overview')).status).toBe(503);
});

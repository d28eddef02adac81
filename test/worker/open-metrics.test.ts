/** The text that Prometheus reads, of figures as the cron writes them. */
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { databases, FOUR, migrateAll, place } from './four-databases.ts';
import { labels, measured } from './measured.ts';
import { send, sendWith } from './request.ts';
import { watchedDatabase } from './watched-database.ts';

const MINUTE_MS = 60_000;

/** The samples, by their names with labels. */
async function scrape(bindings: Record<string, unknown> = {}): Promise<Map<string, number>> {
  const answer = await sendWith(bindings, 'GET', '/metrics');
  expect(answer.status).toBe(200);
  const lines = answer.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

afterEach(async () => {
  for (const table of ['metric_totals', 'open_breakers', 'alert_episodes', 'reconciliations']) {
    await env.DB.prepare(`DELETE FROM ${table}`).run();
  }
});

it('is OpenMetrics, with a family for each metric before anything has been measured', async () => {
  const { text, headers } = await send('GET', '/metrics');
  expect(headers.get('Content-Type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(text.endsWith('\n# EOF\n')).toBe(true);
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  expect(types.length).toBeGreaterThan(25);
  expect(new Set(types.map(([, name]) => name)).size).toBe(types.length);
  expect(text).toContain('payment_database_up{shard="0"} 1');
  expect(text).not.toContain('payment_payments_total{');
});

it('counts what has ended', async () => {
  await measured({
    counts: {
      payments: {
        [labels('completed', 'credit_card', 'stripe', '')]: 7,
        [labels('failed', 'paypal', 'paypal', 'CARD_DECLINED')]: 2,
      },
      captured_minor: { [labels('USD', 'stripe')]: 17_850 },
      rate_limited: { '': 12 },
    },
  });
  const samples = await scrape();
  const completed = 'status="completed",payment_method="credit_card",gateway="stripe",error_code="",shard="0"';
  expect(samples.get(`payment_payments_total{${completed}}`)).toBe(7);
  const failed = 'status="failed",payment_method="paypal",gateway="paypal",error_code="CARD_DECLINED",shard="0"';
  expect(samples.get(`payment_payments_total{${failed}}`)).toBe(2);
  expect(samples.get('payment_captured_minor_units_total{currency="USD",gateway="stripe",shard="0"}')).toBe(17_850);
  expect(samples.get('payment_rate_limited_requests_total{shard="0"}')).toBe(12);
});

it('has cumulative buckets in seconds, with their count and sum', async () => {
  await measured({
    counts: {
      gateway_ms: {
        [labels('stripe', 'charge', '250')]: 3,
        [labels('stripe', 'charge', '1000')]: 2,
        [labels('stripe', 'charge', '+Inf')]: 1,
        [labels('stripe', 'refund', '50')]: 4,
      },
      gateway_ms_sum: { [labels('stripe', 'charge')]: 72_500, [labels('stripe', 'refund')]: 100 },
    },
  });
  const samples = await scrape();
  const charge = 'gateway="stripe",operation="charge",shard="0"';
  const bucket = (le: string) => samples.get(`payment_gateway_seconds_bucket{${charge},le="${le}"}`);
  expect(['0.1', '0.25', '0.5', '1.0', '60.0', '+Inf'].map(bucket)).toEqual([0, 3, 3, 5, 5, 6]);
  expect(samples.get(`payment_gateway_seconds_count{${charge}}`)).toBe(6);
  expect(samples.get(`payment_gateway_seconds_sum{${charge}}`)).toBe(72.5);
  expect(samples.get('payment_gateway_seconds_count{gateway="stripe",operation="refund",shard="0"}')).toBe(4);
});

it('shows what waits, how old it is now, and when the cron last ran', async () => {
  const nowMs = Date.now();
  await measured({
    gauges: {
      events: { waiting: 3, oldestMs: nowMs - 5 * MINUTE_MS, unansweredMs: null },
      pending: { count: 3, overdue: 2, oldestMs: nowMs - MINUTE_MS },
      authorized: 2,
      jobs: { sweep: { backlog: 3, endedAtMs: nowMs - MINUTE_MS } } as never,
    },
    writtenAtMs: nowMs - 1_000,
  });
  const samples = await scrape();
  expect(samples.get('payment_events_waiting{shard="0"}')).toBe(3);
  expect(samples.get('payment_events_oldest_waiting_seconds{shard="0"}')).toBeCloseTo(300, -1);
  expect(samples.get('payment_pending{shard="0"}')).toBe(3);
  expect(samples.get('payment_pending_overdue{shard="0"}')).toBe(2);
  expect(samples.get('payment_oldest_pending_seconds{shard="0"}')).toBeCloseTo(60, -1);
  expect(samples.get('payment_authorized{shard="0"}')).toBe(2);
  expect(samples.get('payment_job_backlog{job_name="sweep",shard="0"}')).toBe(3);
  expect(samples.get('payment_job_last_run_timestamp_seconds{job_name="sweep",shard="0"}')).toBe(
    (nowMs - MINUTE_MS) / 1000,
  );
  expect(samples.get('payment_cron_last_run_timestamp_seconds{shard="0"}')).toBe((nowMs - 1_000) / 1000);
});

it('shows breakers, alerts, and the differences of all days that were reconciled last', async () => {
  const nowMs = Date.now();
  await env.DB.batch([
    env.DB.prepare("INSERT INTO open_breakers VALUES ('stripe:live', 'charge', ?1, ?1 + 10000)").bind(nowMs),
    env.DB.prepare(
      "INSERT INTO alert_episodes (alert, started_at_ms, message, confirmed_at_ms) VALUES ('bridge_away', ?1, 'away', ?1)",
    ).bind(nowMs),
    // Due once is no alert yet.
    env.DB.prepare(
      "INSERT INTO alert_episodes (alert, started_at_ms, message) VALUES ('events_waiting', ?1, 'waits')",
    ).bind(nowMs),
    env.DB.prepare(
      `INSERT INTO reconciliations (from_ms, to_ms, compared_until_ms, started_at_ms, next_step_at_ms, patient_until_ms, ended_at_ms, differences)
         VALUES (1, 2, 2, 1, 1, 9, 80000, 3), (2, 3, 3, 1, 1, 9, 85000, 4), (3, 4, 4, 1, 1, 9, 90000, 0)`,
    ).bind(),
  ]);
  const samples = await scrape();
  expect(samples.get('payment_breaker_open{gateway="stripe",operation="charge"}')).toBe(1);
  expect(samples.get('payment_alert_active{alert="bridge_away"}')).toBe(1);
  expect(samples.get('payment_alert_active{alert="events_waiting"}')).toBe(0);
  expect(samples.get('payment_reconciliation_differences')).toBe(7);
  expect(samples.get('payment_reconciliation_last_run_timestamp_seconds')).toBe(90);
});

it('escapes what a label says', async () => {
  await measured({ counts: { disputes: { [labels('stripe', 'a "b" \\ c\nd')]: 1 } } });
  const { text } = await send('GET', '/metrics');
  expect(text).toContain('payment_disputes_total{provider="stripe",status="a \\"b\\" \\\\ c\\nd",shard="0"} 1');
});

describe('of several databases', () => {
  beforeAll(async () => {
    await migrateAll();
    for (const [shard, database] of databases.entries()) await place(database, shard);
  });

  it('each has its own series, and one that does not answer has none', async () => {
    for (const [shard, db] of databases.entries()) {
      await measured({ counts: { rate_limited: { '': shard + 1 } } }, db);
    }
    const all = await scrape(FOUR);
    expect([0, 1, 2, 3].map((shard) => all.get(`payment_rate_limited_requests_total{shard="${shard}"}`))).toEqual([
      1, 2, 3, 4,
    ]);
  });

  it('says which one does not answer', async () => {
    const all = await scrape({ ...FOUR, DB_2: watchedDatabase(() => 'fail').d1 });
    expect([0, 1, 2, 3].map((shard) => all.get(`payment_database_up{shard="${shard}"}`))).toEqual([1, 1, 0, 1]);
    expect(all.has('payment_rate_limited_requests_total{shard="2"}')).toBe(false);
  });
});

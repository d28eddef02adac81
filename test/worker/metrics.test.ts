/** GET /metrics: who may read it, what it costs, and what it says of what has happened. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { type BreakerChange, newCircuitBreaker, recordCall, unreportedChange } from '../../src/core/circuit-breaker.ts';
import { recordBreaker } from '../../src/core/ledger/metrics/record-breaker.ts';
import type { Bindings } from '../../src/worker/bindings.ts';
import { countRefused, writeRefused } from '../../src/worker/rate-limit/refused-requests.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { samplesIn } from '../data/open-metrics.ts';
import { clearLedger, dueRefunds, waitingEvents } from './backlog.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { bookingOn, databases, FOUR, migrateAll, place } from './four-databases.ts';
import { database, settings } from './operation.ts';
import { recordingWork, runCron, wakeJobs } from './queue.ts';
import { cardNumbered, newAddress, paid, pay, payment, refund, refundOf, send, sendWith } from './request.ts';
import { watchedDatabase } from './watched-database.ts';

beforeEach(async () => {
  await clearLedger();
  await env.DB.batch(
    ['metric_totals', 'metric_minutes', 'counted_in_memory', 'open_breakers'].map((table) =>
      env.DB.prepare(`DELETE FROM ${table}`),
    ),
  );
});

const scrape = async () => samplesIn((await send('GET', '/metrics')).text);

describe('GET /metrics', () => {
  it('counts payments and refunds when the cron has run, and gives them as OpenMetrics', async () => {
    const payment_ = await paid();
    await pay(payment({ card_details: cardNumbered(TEST_CARDS.visaDeclined) }));
    await refund(refundOf(payment_, { refund_amount: 5.5 }));
    await runCron();
    const answer = await send('GET', '/metrics');
    expect(answer.headers.get('Content-Type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(samplesIn(answer.text)).toMatchObject({
      'payment_payments_total{status="completed",payment_method="credit_card",gateway="sandbox",error_code="",shard="0"}': 1,
      'payment_payments_total{status="failed",payment_method="credit_card",gateway="sandbox",error_code="CARD_DECLINED",shard="0"}': 1,
      'payment_captured_minor_units_total{currency="USD",gateway="sandbox",shard="0"}': 2550,
      'payment_refunds_total{status="completed",gateway="sandbox",error_code="",shard="0"}': 1,
      'payment_refunded_minor_units_total{currency="USD",gateway="sandbox",shard="0"}': 550,
      'payment_processing_seconds_count{gateway="sandbox",shard="0"}': 2,
      'payment_gateway_seconds_count{gateway="sandbox",operation="charge",shard="0"}': 2,
      'payment_gateway_seconds_count{gateway="sandbox",operation="refund",shard="0"}': 1,
      'payment_pending{shard="0"}': 0,
      'payment_job_backlog{job_name="look_ups",shard="0"}': 0,
      'payment_alert_active{alert="events_waiting"}': 0,
    });
  });

  it('has no counts before the cron has run, and no gauges of a database', async () => {
    await paid();
    const samples = await scrape();
    expect(
      Object.keys(samples).filter(
        (name) =>
          (name.includes('shard=') && !name.startsWith('payment_database_up')) || name.startsWith('payment_payments'),
      ),
    ).toEqual([]);
    expect(samples.payment_database_max_bytes).toBeGreaterThan(0);
  });

  it('shows what waits, each job and the cron', async () => {
    await waitingEvents({ count: 3, series: 'A' });
    await dueRefunds('pending', {
      count: 2,
      series: 'B',
      gateway: 'sandbox',
      dueAtMs: 1,
      createdAtMs: Date.now() - 90_000,
    });
    const before = Date.now() / 1000;
    await wakeJobs({ PAYMENT_WORK: recordingWork().binding });
    const samples = await scrape();
    expect(samples).toMatchObject({
      'payment_events_waiting{shard="0"}': 3,
      'payment_pending{shard="0"}': 2,
      'payment_job_backlog{job_name="sweep",shard="0"}': 3,
      'payment_job_backlog{job_name="look_ups",shard="0"}': 2,
    });
    expect(samples['payment_events_oldest_waiting_seconds{shard="0"}']).toBeGreaterThan(3_000);
    expect(samples['payment_oldest_pending_seconds{shard="0"}']).toBeGreaterThan(89);
    expect(samples['payment_cron_last_run_timestamp_seconds{shard="0"}']).toBeGreaterThanOrEqual(before);
    expect(samples['payment_job_last_run_timestamp_seconds{job_name="look_ups",shard="0"}']).toBeUndefined();
    await runCron();
    await wakeJobs({ PAYMENT_WORK: recordingWork().binding });
    expect(
      (await scrape())['payment_job_last_run_timestamp_seconds{job_name="look_ups",shard="0"}'],
    ).toBeGreaterThanOrEqual(before);
  });

  it('is for the organisation default alone', async () => {
    const { headers } = await apiKey({ tenant: 'another', scopes: ['metrics:read', 'admin'] });
    expect((await sendWith(WITH_KEYS, 'GET', '/metrics', { headers })).status).toBe(403);
  });

  it('reads two rows and the key, in one round trip, however much is stored', async () => {
    await waitingEvents({ count: 500, series: 'A' });
    await runCron();
    const { headers } = await apiKey({ scopes: ['metrics:read'] });
    const watched = watchedDatabase();
    const bindings = { ...WITH_KEYS, DB: watched.d1 };
    // The first use of a key writes when that was, and an isolate's first request asks where the database is.
    await sendWith(bindings, 'GET', '/metrics', { headers });
    const before = [watched.roundTrips(), watched.statements(), watched.rowsRead()] as const;
    expect((await sendWith(bindings, 'GET', '/metrics', { headers })).status).toBe(200);
    expect(watched.roundTrips() - before[0]).toBe(1);
    expect(watched.statements() - before[1]).toBe(3);
    expect(watched.rowsRead() - before[2]).toBeLessThan(15);
  });
});

describe('of an installation with four databases', () => {
  it('counters are sums, and gauges have the number of their database', async () => {
    await migrateAll();
    await Promise.all(databases.map((one, shard) => place(one, shard)));
    const bindings = { ...FOUR };
    for (const shard of [0, 1, 1, 3]) {
      const body = payment({ booking_id: await bookingOn(shard) });
      expect((await sendWith(bindings, 'POST', '/payment/process', { body })).status).toBe(200);
    }
    await wakeJobs({ ...FOUR, PAYMENT_WORK: recordingWork().binding });
    const samples = samplesIn((await sendWith(bindings, 'GET', '/metrics')).text);
    const completed = (shard: number) =>
      samples[
        `payment_payments_total{status="completed",payment_method="credit_card",gateway="sandbox",error_code="",shard="${shard}"}`
      ] ?? 0;
    expect([0, 1, 2, 3].map(completed)).toEqual([1, 2, 0, 1]);
    expect(samples).toMatchObject({
      'payment_events_waiting{shard="0"}': 1,
      'payment_events_waiting{shard="1"}': 2,
      'payment_events_waiting{shard="2"}': 0,
      'payment_events_waiting{shard="3"}': 1,
    });
  });
});

describe('the cron', () => {
  it('wakes the jobs where measuring fails', async () => {
    await waitingEvents({ count: 1, series: 'A' });
    await env.DB.prepare('ALTER TABLE metric_totals RENAME TO away').run();
    const { sent, binding } = recordingWork();
    try {
      await expect(wakeJobs({ PAYMENT_WORK: binding })).rejects.toThrow();
    } finally {
      await env.DB.prepare('ALTER TABLE away RENAME TO metric_totals').run();
    }
    expect(sent.map(({ job }) => job)).toContain('sweep');
  });

  it('measures where the queue takes no wake-up and the job fails', async () => {
    await waitingEvents({ count: 1, series: 'A' });
    const broken = { send: async () => Promise.reject(new Error('the queue is away')) };
    await env.DB.prepare(
      "CREATE TRIGGER no_leases BEFORE INSERT ON job_slots BEGIN SELECT RAISE(ABORT, 'no'); END",
    ).run();
    try {
      await expect(wakeJobs({ PAYMENT_WORK: broken, PAYMENT_EVENTS: broken })).rejects.toThrow();
    } finally {
      await env.DB.prepare('DROP TRIGGER no_leases').run();
    }
    expect(await scrape()).toMatchObject({ 'payment_events_waiting{shard="0"}': 1 });
  });

  it('measures before it does a job that the queue does not take: the job may take long', async () => {
    await waitingEvents({ count: 1, series: 'A' });
    const broken = { send: async () => Promise.reject(new Error('the queue is away')) };
    await env.DB.prepare(
      `CREATE TRIGGER measured_first BEFORE INSERT ON job_slots WHEN NOT EXISTS (SELECT 1 FROM metric_totals)
       BEGIN SELECT RAISE(ABORT, 'nothing has been measured'); END`,
    ).run();
    try {
      await wakeJobs({ PAYMENT_WORK: broken, PAYMENT_EVENTS: broken });
    } finally {
      await env.DB.prepare('DROP TRIGGER measured_first').run();
    }
  });

  it('reads and writes a few rows of a minute in which nothing has happened', async () => {
    await waitingEvents({ count: 200, series: 'A' });
    await runCron({ BRIDGE_URL: 'https://nobody.invalid' });
    await env.DB.prepare('UPDATE events SET delivered_at_ms = 1').run();
    const database = watchedDatabase();
    const bindings = { DB: database.d1, PAYMENT_WORK: recordingWork().binding };
    await wakeJobs(bindings);
    expect(database.rowsRead()).toBeLessThan(100);
    expect(database.rowsWritten()).toBeLessThan(5);
  });
});

describe('requests that the limiter refuses', () => {
  it('write nothing while a minute has not passed', async () => {
    const database = watchedDatabase();
    const bindings = { RATE_LIMIT_PER_MINUTE: '2', RATE_LIMIT_BURST: '2', DB: database.d1 };
    const address = newAddress();
    const statuses: number[] = [];
    for (let request = 0; request < 9; request += 1) {
      statuses.push((await sendWith(bindings, 'GET', '/payment/methods', { address })).status);
    }
    expect(statuses.filter((status) => status === 429)).toHaveLength(7);
    expect(database.roundTrips()).toBe(0);
  });

  it('are written once a minute, by whatever comes then, and appear in the total and in the minute of the cron', async () => {
    const environment = { ...env } as unknown as Bindings;
    const nowMs = Date.now();
    const write = (atMs: number) => writeRefused(environment, settings(), () => {}, atMs);
    for (let request = 0; request < 5; request += 1) countRefused(environment, nowMs + request);
    expect(write(nowMs + 59_000)).toBeNull();
    await write(nowMs + 60_000);
    expect(write(nowMs + 200_000)).toBeNull();
    for (let request = 0; request < 3; request += 1) countRefused(environment, nowMs + 200_000);
    await write(nowMs + 260_000);
    await runCron();
    await runCron();
    expect((await scrape())['payment_rate_limited_requests_total{shard="0"}']).toBe(8);
    const minutes = (await env.DB.prepare('SELECT counts FROM metric_minutes').all<{ counts: string }>()).results;
    expect(minutes.map(({ counts }) => JSON.parse(counts).rate_limited)).toEqual([{ '': 8 }]);
  });

  it('are lost, and not counted twice, where D1 does not answer', async () => {
    const environment = { ...env, DB: watchedDatabase(() => 'lose').d1 } as unknown as Bindings;
    countRefused(environment, 0);
    const logged: string[] = [];
    await writeRefused(environment, settings(), (_, event) => logged.push(event), 60_000);
    expect(logged).toContain('rate_limit.not_counted');
    expect(await env.DB.prepare('SELECT value FROM counted_in_memory').first('value')).toBe(1);
  });
});

describe('a circuit breaker', () => {
  it('is reported when it opens, once for each probe, and when it closes', () => {
    const breaker = newCircuitBreaker();
    const reported = (answered: boolean, nowMs: number) => {
      recordCall(breaker, answered, nowMs);
      return unreportedChange(breaker)?.kind ?? null;
    };
    expect([0, 1, 2, 3, 4, 5, 6].map((ms) => reported(false, ms))).toEqual([
      null,
      null,
      null,
      null,
      'open',
      null,
      null,
    ]);
    expect([reported(false, 10_010), reported(false, 10_011)]).toEqual(['open', null]);
    expect([reported(true, 20_000), reported(true, 20_001)]).toEqual(['closed', null]);
  });

  it('that an isolate has reported is in the metrics until it closes, or until nothing is heard of it any more', async () => {
    const open = async () => Object.keys(await scrape()).filter((name) => name.startsWith('payment_breaker_open'));
    const about = { gateway: 'stripe:acct_1', operation: 'refund' } as const;
    const report = (change: BreakerChange, nowMs = Date.now()) => recordBreaker(database, { ...about, change }, nowMs);
    const shown = ['payment_breaker_open{gateway="stripe",operation="refund"}'];
    await report({ kind: 'open', untilMs: Date.now() + 10_000 });
    await report({ kind: 'open', untilMs: Date.now() + 20_000 });
    expect(await open()).toEqual(shown);
    await report({ kind: 'closed' });
    expect(await open()).toEqual([]);
    await report({ kind: 'open', untilMs: Date.now() - 59_000 });
    expect(await open()).toEqual(shown);
    await report({ kind: 'closed' });
    await report({ kind: 'open', untilMs: Date.now() - 61_000 });
    expect(await open()).toEqual([]);
  });
});

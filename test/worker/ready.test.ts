/** GET /ready, as an uptime monitor asks it. */
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readyResponse } from '../../src/contract/responses.ts';
import { quietGauges } from '../data/gauges.ts';
import { clearLedger } from './backlog.ts';
import { type RequestOptions, send, sendWith } from './request.ts';
import { watchedDatabase } from './watched-database.ts';

const MINUTE_MS = 60_000;

beforeEach(async () => {
  await clearLedger();
  await env.DB.batch(['metric_totals', 'alert_episodes'].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
});

afterEach(() => void vi.useRealTimers());

const measured = (atMs: number) =>
  env.DB.prepare(
    `INSERT INTO metric_totals (one, counts, gauges, written_at_ms) VALUES (1, '{}', ?1, ?2)
     ON CONFLICT (one) DO UPDATE SET written_at_ms = ?2`,
  )
    .bind(JSON.stringify(quietGauges()), atMs)
    .run();
const alerted = (alert: string, startedAtMs: number) =>
  env.DB.prepare('INSERT INTO alert_episodes (alert, started_at_ms, message, confirmed_at_ms) VALUES (?1, ?2, ?3, ?2)')
    .bind(alert, startedAtMs, 'TXN-01 of ada@example.com waits')
    .run();

/** Of an isolate that has not asked the databases before. */
const ask = (method = 'GET', options: RequestOptions = {}) => sendWith({}, method, '/ready', options);

describe('the service is ready', () => {
  it('where the cron runs and no alert has begun', async () => {
    await measured(Date.now());
    const answer = await ask();
    expect([answer.status, answer.body]).toEqual([200, { status: 'ready', problems: [] }]);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
  });

  it('just after its deployment, before the first cron', async () => {
    expect((await ask()).body.status).toBe('ready');
  });

  it('with an alert that can wait, which it names', async () => {
    await measured(Date.now());
    await alerted('needs_person', 1_795_000_000_000);
    const answer = await ask();
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: 'ready',
      problems: [{ alert: 'needs_person', since: '2026-11-18T11:06:40Z', message: expect.any(String) }],
    });
  });
});

describe('the service is not ready', () => {
  it('with an alert by which payments or events stop, until it is over; everybody may ask, so nothing of its message is shown', async () => {
    await measured(Date.now());
    await alerted('bridge_away', 1_795_000_000_000);
    const answer = await ask();
    expect(answer.status).toBe(503);
    expect(readyResponse.parse(answer.body)).toMatchObject({
      status: 'not_ready',
      problems: [{ alert: 'bridge_away', since: '2026-11-18T11:06:40Z' }],
    });
    expect(answer.text).not.toMatch(/TXN|ada|\d{2,} /);
    expect([(await ask('HEAD')).status, (await ask('HEAD')).text]).toEqual([503, '']);
    await env.DB.prepare('UPDATE alert_episodes SET ended_at_ms = 1').run();
    expect((await ask()).status).toBe(200);
  });

  it('where the cron does not run any more', async () => {
    await measured(Date.now() - 6 * MINUTE_MS);
    expect((await ask()).body).toMatchObject({
      status: 'not_ready',
      problems: [{ alert: 'cron_not_run' }],
    });
  });

  it('where a database does not answer, and no longer than its callers wait', async () => {
    await measured(Date.now());
    const answer = await sendWith({ DB: watchedDatabase(() => 'fail').d1 }, 'GET', '/ready');
    expect([answer.status, answer.body.problems]).toEqual([
      503,
      [{ alert: 'database_away', since: expect.any(String), message: 'A database does not answer.' }],
    ]);
  });

  it('where its settings are wrong', async () => {
    const answer = await sendWith({ PAYMENT_CURRENCY: 'nothing' }, 'GET', '/ready');
    expect([answer.status, answer.body.error.code]).toEqual([503, 'NOT_CONFIGURED']);
  });
});

it('each database is asked once, with one statement, and not again for everybody who asks within a second', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  await measured(Date.now());
  const watched = watchedDatabase();
  const isolate = { DB: watched.d1 };
  const answers = [await sendWith(isolate, 'GET', '/ready')];
  await measured(Date.now() - 6 * MINUTE_MS);
  for (let other = 0; other < 30; other += 1) answers.push(await sendWith(isolate, 'GET', '/ready'));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  // Another environment is another isolate: its first batch presents the place of the database.
  expect([watched.roundTrips(), watched.statements()]).toEqual([1, 2]);
  vi.setSystemTime(Date.now() + 1_000);
  expect((await sendWith(isolate, 'GET', '/ready')).status).toBe(503);
});

it.each([
  ['answers', 200, undefined],
  ['does not answer', 503, 'fail'],
  ['has no place for it', 503, 'misplaced'],
] as const)('of requests that come at once, one asks a database that %s', async (_, status, fault) => {
  await measured(Date.now());
  const alone = watchedDatabase(() => (fault === 'fail' ? 'fail' : 'answer'));
  const many = watchedDatabase(() => (fault === 'fail' ? 'fail' : 'answer'));
  const isolate = (d1: D1Database) => ({ DB: d1, ...(fault === 'misplaced' && { DB_1: d1 }) });
  await sendWith(isolate(alone.d1), 'GET', '/ready');
  const among = isolate(many.d1);
  const answers = await Promise.all(Array.from({ length: 10 }, () => sendWith(among, 'GET', '/ready')));
  answers.push(await sendWith(among, 'GET', '/ready'));
  expect(answers.map((answer) => answer.status)).toEqual(Array(11).fill(status));
  // Attempts at a database that does not answer are repeated after pauses of random length.
  expect(many.statements()).toBeLessThanOrEqual(alone.statements() + 5);
});

it('an address that asks too often is told so, and its payments are not', async () => {
  const asked = { address: '203.0.113.77' };
  const answers = [];
  for (let each = 0; each < 21; each += 1) answers.push((await send('GET', '/ready', asked)).status);
  expect(new Set(answers.slice(0, 20))).toEqual(new Set([200]));
  expect(answers[20]).toBe(429);
  expect((await send('GET', '/payment/methods', asked)).status).toBe(200);
});

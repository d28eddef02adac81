/** In a file of its own, because it drops the tables that other tests need. */
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { expectEnvelope } from './matchers.ts';
import { consumeMessages, lookUpMessage, wakeJobs } from './queue.ts';
import { payment, refundOf, send } from './request.ts';

beforeAll(async () => {
  await env.DB.batch(
    ['idempotency_keys', 'events', 'refunds', 'transactions'].map((table) =>
      env.DB.prepare(`DROP TABLE IF EXISTS ${table}`),
    ),
  );
});

afterEach(() => {
  vi.restoreAllMocks();
});

const MADE = { transaction_id: 'TXN-01J00000000000000000000000', booking_id: 'BOOK-1' };

it.each([
  ['POST', '/payment/process', payment()],
  ['POST', '/payment/refund', refundOf(MADE)],
  ['GET', `/payment/status/${MADE.transaction_id}`, undefined],
])('without tables %s %s is a 503 that says how to make them', async (method, path, body) => {
  const answer = await send(method, path, { body });
  expect(answer.status).toBe(503);
  expectEnvelope(answer, 'NOT_CONFIGURED');
  expect(answer.body.error.message).toContain('npm run setup');
  expect(answer.text).not.toMatch(/SQLITE|D1_ERROR|transactions/);
});

it.each(['/payment/methods', '/health'])('without tables %s works', async (path) => {
  expect((await send('GET', path)).status).toBe(200);
});

it('without tables the queue keeps its messages and raises an alarm', async () => {
  const errors = vi.spyOn(console, 'error');
  expect(await consumeMessages([lookUpMessage(MADE.transaction_id)])).toEqual(['again in 10 s']);
  expect(eventsOf(errors.mock.calls)).toEqual(['ledger.not_migrated']);
});

it('without tables the cron raises an alarm', async () => {
  const errors = vi.spyOn(console, 'error');
  await expect(wakeJobs({})).rejects.toThrow();
  expect(eventsOf(errors.mock.calls)).toContain('ledger.not_migrated');
});

function eventsOf(lines: unknown[][]): unknown[] {
  return lines.map(([line]) => (JSON.parse(String(line)) as { event: unknown }).event);
}

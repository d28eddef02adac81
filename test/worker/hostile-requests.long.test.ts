/**
 * Thousands of requests that somebody hostile could send, the same ones in each run: none makes the service fail, hang, or say what
 * it must not, and what it has written afterwards is sound. HOSTILE_REQUESTS in the environment is how many; more of them are others.
 */
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { afterAll, expect, it, vi } from 'vitest';
import { within } from '../../src/core/deadline.ts';
import { apiKey } from './credentials.ts';
import { complaintsAbout } from './hostile-answer.ts';
import { anyHostileRequest, bindingsOf, type HostileRequest, optionsOf, secretsOf } from './hostile-request.ts';
import { paid, sendWith } from './request.ts';

const REQUESTS = Number(env.HOSTILE_REQUESTS);
/** So many are under way at once, and have a seed of their own. */
const BATCH = 50;
const FIRST_SEED = 20_241_215;
const HANG_MS = 15_000;
const RUN_DEADLINE_MS = 1_800_000;
const EXPLAIN_FOR_MS = 20_000;

/** Of a thousand requests, at least: were there fewer, the rest would have been turned away at the door. */
const LEAST_OF_A_THOUSAND = {
  ...{ 200: 100, 400: 100, 401: 50, 403: 20, 404: 50, 405: 20 },
  ...{ 409: 10, 413: 5, 415: 10, 422: 100, 429: 5 },
};
/** Of fewer requests, too few are ever refused by a limit. */
const COUNTED_FROM = 5_000;

const keysFor = async (mode: 'live' | 'test') => [
  (await apiKey({}, mode)).key,
  (await apiKey({ scopes: ['payments:read'] }, mode)).key,
];
const anyRequest = anyHostileRequest({
  payments: await Promise.all(Array.from({ length: 40 }, () => paid())),
  testKeys: await keysFor('test'),
  liveKeys: await keysFor('live'),
});

let figures = '';

/** What the service has logged of the requests that are under way. */
const logged: string[] = [];
const consoles = (['log', 'warn', 'error'] as const).map((level) =>
  vi.spyOn(console, level).mockImplementation((line) => void logged.push(line)),
);

/** Sends it, and says what is wrong with what came of it. */
async function judge(request: HostileRequest): Promise<{ status: number | null; complaints: string[] }> {
  const loggedBefore = logged.length;
  try {
    const options = await optionsOf(request);
    const sent = sendWith(bindingsOf(request), request.method, request.path, options);
    const answer = await within(HANG_MS, 'the service', sent);
    const said = [answer.text, ...[...answer.headers].flat(), ...logged.slice(loggedBefore)].join('\n');
    const repeated = secretsOf(request, options).filter((secret) => said.includes(secret));
    const complaints = [...complaintsAbout(request, answer), ...repeated.map((secret) => `repeats ${secret}`)];
    return { status: answer.status, complaints };
  } catch (error) {
    return { status: null, complaints: [`threw ${error}`] };
  }
}

/** @throws with the smallest request that fails like this one, if it fails by itself, and else with this one */
async function explain(seed: number, position: number, request: HostileRequest, complaints: string[]): Promise<never> {
  const isHarmless = fc.asyncProperty(anyRequest, async (smaller) => {
    const found = await judge(smaller);
    if (found.complaints.length > 0) throw new Error(found.complaints.join('\n'));
  });
  await fc.assert(isHarmless, { seed, path: String(position), numRuns: 1, interruptAfterTimeLimit: EXPLAIN_FOR_MS });
  throw new Error(`${complaints.join('\n')}, but not when sent alone: ${fc.stringify(request)}`);
}

it('are all answered as the contract has it', { timeout: RUN_DEADLINE_MS }, async () => {
  const counts: Record<string, number> = {};
  const beganAtMs = Date.now();
  for (let sent = 0; sent < REQUESTS; sent += BATCH) {
    const seed = FIRST_SEED + sent / BATCH;
    const requests = fc.sample(anyRequest, { seed, numRuns: BATCH });
    for (const [position, { status, complaints }] of (await Promise.all(requests.map(judge))).entries()) {
      const request = requests[position];
      if (complaints.length > 0 && request !== undefined) await explain(seed, position, request, complaints);
      counts[String(status)] = (counts[String(status)] ?? 0) + 1;
    }
    logged.length = 0;
  }
  figures = `Sent ${REQUESTS} hostile requests in ${Math.round((Date.now() - beganAtMs) / 1000)} s: ${JSON.stringify(counts)}`;
  if (REQUESTS < COUNTED_FROM) return;
  for (const [status, least] of Object.entries(LEAST_OF_A_THOUSAND)) {
    expect((counts[status] ?? 0) * 1000, `answers with ${status}, of ${figures}`).toBeGreaterThan(least * REQUESTS);
  }
});

it.each([
  [
    'a booking that is paid twice',
    `SELECT booking_id FROM transactions WHERE status IN ('pending', 'completed') GROUP BY tenant, booking_id HAVING count(*) > 1`,
  ],
  [
    'a payment of which more was refunded than was paid, or other than is booked',
    `SELECT t.transaction_id FROM transactions t LEFT JOIN refunds r ON r.transaction_id = t.transaction_id AND r.status = 'completed'
     GROUP BY t.transaction_id
     HAVING coalesce(sum(r.amount_minor), 0) > t.amount_minor OR coalesce(sum(r.amount_minor), 0) <> t.refunded_minor`,
  ],
  ['a payment without an end', `SELECT transaction_id FROM transactions WHERE status = 'pending'`],
  ['a refund without an end', `SELECT refund_id FROM refunds WHERE status = 'pending'`],
  [
    'a payment without an event',
    `SELECT transaction_id FROM transactions t
     WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.transaction_id = t.transaction_id AND e.refund_id IS NULL)`,
  ],
  [
    'a refund without an event',
    `SELECT refund_id FROM refunds WHERE status = 'completed' AND refund_id NOT IN (SELECT refund_id FROM events WHERE refund_id IS NOT NULL)`,
  ],
  [
    'a payment whose end is not in the audit log, or is there twice',
    `SELECT transaction_id FROM transactions t
     WHERE 1 <> (SELECT count(*) FROM audit_entries a WHERE a.subject = t.transaction_id AND a.action = 'payment.ended')`,
  ],
])('leave nowhere %s', async (_, query) => {
  expect((await env.DB.prepare(query).all()).results).toEqual([]);
});

afterAll(() => {
  for (const spy of consoles) spy.mockRestore();
  console.log(figures);
});

/** The smoke test, at services that answer as they should not. At one that works, test/node/deploy-workflow.long.test.ts runs it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { smokeTest } from '../../scripts/smoke-checks.ts';

/** Until the service is up, the time is shorter than the pause between two looks: each check looks once. */
const DEADLINES = { requestMs: 5_000, startMs: 300 };
const HEALTHY = { status: 'healthy', service: 'payment-service', payment_gateways: { credit_card: 'sandbox' } };
const METHODS = { payment_methods: [{ id: 'credit_card', enabled: true }] };

type Answer = [status: number, body: unknown] | 'nothing';
let server: Server;
/** What came with the requests, such as `GET /health` and `POST /payment/process with a key`. */
let asked: string[];

async function serve(answers: Record<string, Answer>): Promise<string> {
  asked = [];
  server = createServer((request, response) => {
    const { authorization } = request.headers;
    const name = `${request.method} ${request.url}`;
    asked.push(authorization === undefined ? name : `${name} with a key`);
    const answer = answers[asked.at(-1) ?? ''] ?? answers[name] ?? [404, {}];
    if (answer === 'nothing') return;
    const headers = {
      'content-type': 'application/json',
      ...(answer[0] === 302 && { location: '/elsewhere' }),
      ...(request.url === '/ready' && { 'x-service-version': 'new' }),
    };
    response.writeHead(answer[0], headers).end(JSON.stringify(answer[1]));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const WORKS: Record<string, Answer> = {
  'GET /health': [200, HEALTHY],
  'GET /ready': [200, {}],
  'GET /payment/methods': [401, {}],
  'GET /payment/methods with a key': [200, METHODS],
};
const outcomes = (results: Awaited<ReturnType<typeof smokeTest>>) =>
  results.map(({ name, outcome }) => [name, outcome]);

it.each<[what: string, health: Answer]>([
  ['answers with an error', [503, { error: { code: 'NOT_CONFIGURED' } }]],
  ['is another one', [200, { status: 'healthy', service: 'booking-service' }]],
  ['lacks settings', [200, { status: 'healthy', service: 'payment-service' }]],
  ['does not answer', 'nothing'],
])('nothing more is asked of a service that %s', async (_, health) => {
  const url = await serve({ ...WORKS, 'GET /health': health });
  const deadlines = health === 'nothing' ? { ...DEADLINES, requestMs: 1_000 } : DEADLINES;
  expect(outcomes(await smokeTest(url, 'key', null, deadlines))).toEqual([['health', 'failed']]);
  expect(new Set(asked)).toEqual(new Set(['GET /health']));
});

it('nothing is checked of another version than the one that was deployed', async () => {
  const url = await serve(WORKS);
  const [version, ...others] = await smokeTest(url, 'key', 'newer', DEADLINES);
  expect(version).toMatchObject({ name: 'version', outcome: 'failed', detail: 'new answers, not newer' });
  expect(others).toEqual([]);
  expect(outcomes(await smokeTest(url, 'key', 'new', DEADLINES)).slice(0, 2)).toEqual([
    ['version', 'passed'],
    ['health', 'passed'],
  ]);
});

it('a service that is not ready, or lets everybody in, fails', async () => {
  const url = await serve({
    ...WORKS,
    'GET /ready': [503, { problems: [{ alert: 'database_away' }] }],
    'GET /payment/methods': [200, METHODS],
  });
  const results = await smokeTest(url, null, null, DEADLINES);
  expect(results.map(({ name, outcome, detail }) => [name, outcome, detail])).toEqual([
    ['health', 'passed', 'cards go to: sandbox'],
    ['ready', 'failed', expect.stringContaining('database_away')],
    ['no key, no answer', 'failed', expect.stringContaining('200 without a key')],
    ['with a key', 'skipped', 'SMOKE_TEST_KEY is not set'],
  ]);
});

it('a service with alerts from before the deployment passes, and its alerts are named', async () => {
  const url = await serve({ ...WORKS, 'GET /ready': [503, { problems: [{ alert: 'bridge_away' }] }] });
  const ready = (await smokeTest(url, null, null, DEADLINES)).find(({ name }) => name === 'ready');
  expect(ready).toMatchObject({ outcome: 'passed', detail: expect.stringContaining('bridge_away') });
});

it('where a provider takes cards, nothing is charged', async () => {
  const url = await serve({
    ...WORKS,
    'GET /health': [200, { ...HEALTHY, payment_gateways: { credit_card: 'stripe' } }],
  });
  const results = outcomes(await smokeTest(url, 'key', null, DEADLINES));
  expect(results.slice(-2)).toEqual([
    ['status', 'passed'],
    ['payment', 'skipped'],
  ]);
  expect(asked.filter((name) => !name.startsWith('GET '))).toEqual([]);
});

it('a payment that is not refunded fails', async () => {
  const url = await serve({
    ...WORKS,
    'POST /payment/process': [200, { transaction_id: 'TXN-1' }],
    'GET /payment/status/TXN-1': [200, { status: 'completed' }],
    'POST /payment/refund': [200, { refund_transaction_id: 'REF-1' }],
  });
  expect(outcomes(await smokeTest(url, 'key', null, DEADLINES)).slice(-4)).toEqual([
    ['payment', 'passed'],
    ['status', 'passed'],
    ['refund', 'passed'],
    ['status after the refund', 'failed'],
  ]);
});

it('the key does not follow a redirect', async () => {
  const url = await serve({ ...WORKS, 'GET /payment/methods with a key': [302, {}] });
  expect(outcomes(await smokeTest(url, 'key', null, DEADLINES))).toContainEqual(['methods', 'failed']);
  expect(asked.join()).toContain('GET /payment/methods with a key');
  expect(asked.join()).not.toContain('/elsewhere');
});

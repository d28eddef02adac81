/** How an order gets to the service: it is one order however often it is sent, and nothing is said of it that is not certain. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { followOutcome, orderAtService } from '../../src/cli/order-at-service.ts';
import { type Call, readServiceUrl, serviceOf } from '../../src/cli/service-access.ts';

type Scripted = 'drop' | { status: number; body: unknown; headers?: Record<string, string> };

const REFUND: Call = {
  path: '/payment/refund',
  body: { refund_amount: '5.00' },
  requestId: 'req_1',
  idempotencyKey: 'payctl-1',
};
const CAPTURE: Call = { path: '/payment/capture', body: {}, requestId: 'req_1', idempotencyKey: null };
const DONE = { status: 200, body: { status: 'success', refund_transaction_id: 'REF-1' } };
const WAIT_MS = 2_000;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Gives one answer after the other, and the last one again and again. */
async function scripted(...answers: Scripted[]) {
  const received: { headers: IncomingHttpHeaders; body: string }[] = [];
  const answerTo = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    received.push({ headers: request.headers, body });
    const answer = answers[Math.min(received.length, answers.length) - 1] ?? 'drop';
    if (answer === 'drop') return response.destroy();
    response.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers });
    return response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  };
  const server = createServer((request, response) => void answerTo(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    received,
    order: (call = REFUND) => orderAtService({ url, key: 'psk_test_1' }, call, { waitMs: WAIT_MS, pauseMs: 1 }),
  };
}

const error = (status: number, code: string, details: object = {}, headers: Record<string, string> = {}) => ({
  ...{ status, headers },
  body: { error: { code, message: `It is ${code}`, details }, timestamp: '2026-11-22T10:00:00Z' },
});

it('is sent again after a lost answer, as the same order under the same key', async () => {
  const { received, order } = await scripted('drop', { status: 522, body: 'a page' }, DONE);
  expect(await order()).toEqual({ kind: 'done' });
  expect(received).toHaveLength(3);
  const sent = received.map(({ headers, body }) => [
    ...[headers['idempotency-key'], headers['x-request-id'], headers.authorization, body],
  ]);
  expect(new Set(sent.map((one) => JSON.stringify(one)))).toEqual(
    new Set([JSON.stringify(['payctl-1', 'req_1', 'Bearer psk_test_1', '{"refund_amount":"5.00"}'])]),
  );
});

it('is unknown, and not refused, where no answer came back', async () => {
  const { order } = await scripted('drop');
  expect(await order()).toMatchObject({ kind: 'unknown' });
});

it.each([401, 403])('is unknown after a lost answer, although the key is refused then with %i', async (status) => {
  const { order } = await scripted('drop', error(status, status === 401 ? 'UNAUTHORIZED' : 'FORBIDDEN'));
  expect(await order()).toMatchObject({ kind: 'unknown' });
});

it.each<[string, Scripted, Call, string]>([
  ['a rate limit', error(429, 'RATE_LIMIT_EXCEEDED'), REFUND, 'not_ordered'],
  ['a refund for which there is no database', error(503, 'SERVICE_UNAVAILABLE'), REFUND, 'not_ordered'],
  [
    'a refund that may have been reserved',
    error(503, 'SERVICE_UNAVAILABLE', { refund_transaction_id: 'REF-1', status: 'pending' }),
    REFUND,
    'unknown',
  ],
  ['a capture that may have begun', error(503, 'SERVICE_UNAVAILABLE'), CAPTURE, 'unknown'],
  ['a bug', error(500, 'INTERNAL_ERROR'), REFUND, 'unknown'],
  ['an error of a proxy', { status: 502, body: { error: 'bad gateway' } }, REFUND, 'unknown'],
  ['a proxy that has waited too long', { status: 504, body: { status: 504, error: 'timeout' } }, REFUND, 'unknown'],
  ['an error in the shape of ours with a code of another', error(520, 'UPSTREAM_ERROR'), REFUND, 'unknown'],
  ['a proxy that says so in the words of a refund', { status: 524, body: DONE.body }, REFUND, 'unknown'],
  ['a proxy that gave up in the middle of the request', { status: 408, body: '' }, REFUND, 'unknown'],
  ['a success that says of no refund', { status: 200, body: { status: 'success' } }, REFUND, 'unknown'],
])('is repeated for %s, and then it is said whether it may have arrived', async (_, answer, call, kind) => {
  const { received, order } = await scripted(answer);
  expect(await order(call)).toMatchObject({ kind });
  expect(received).toHaveLength(5);
});

it('waits as long as the service asks it to', async () => {
  const { received, order } = await scripted(error(429, 'RATE_LIMIT_EXCEEDED', {}, { 'Retry-After': '1' }), DONE);
  const startedMs = performance.now();
  expect(await order()).toEqual({ kind: 'done' });
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(990);
  expect(received).toHaveLength(2);
});

it.each<[string, string, number, string]>([
  ['nothing was ordered', 'RATE_LIMIT_EXCEEDED', 429, 'not_ordered'],
  ['it is unknown', 'INTERNAL_ERROR', 500, 'unknown'],
])('is not repeated sooner than the service asks, where that is too long: %s', async (_, code, status, kind) => {
  const { received, order } = await scripted(error(status, code, {}, { 'Retry-After': '60' }));
  expect(await order()).toMatchObject({ kind, reason: expect.stringContaining('left alone for 60 s') });
  expect(received).toHaveLength(1);
});

it.each<[string, Scripted, Call, object]>([
  [
    'a refusal, with its reason and what to do',
    error(400, 'REFUND_NOT_ALLOWED', { reason: 'Too old', next_step: 'Pay it back in another way.' }),
    REFUND,
    {
      kind: 'refused',
      refusal: { code: 'REFUND_NOT_ALLOWED', reason: 'Too old', nextStep: 'Pay it back in another way.' },
    },
  ],
  [
    'a refusal of the gateway',
    error(502, 'PAYMENT_GATEWAY_ERROR', { status: 'failed' }),
    REFUND,
    { kind: 'refused', refusal: { status: 502 } },
  ],
  [
    'fields that are wrong, each by its name',
    error(422, 'VALIDATION_ERROR', {
      issues: [{ path: 'reason', message: 'must not have more than 1000 characters' }],
    }),
    REFUND,
    { kind: 'refused', refusal: { reason: 'reason must not have more than 1000 characters' } },
  ],
  [
    'an outcome that is not known yet',
    error(502, 'PAYMENT_GATEWAY_ERROR', { status: 'pending', refund_transaction_id: 'REF-1' }),
    REFUND,
    { kind: 'pending', refundId: 'REF-1' },
  ],
  [
    'the same order under way',
    error(409, 'IDEMPOTENCY_IN_PROGRESS', { status: 'pending', refund_transaction_id: 'REF-1' }),
    REFUND,
    { kind: 'pending', refundId: 'REF-1' },
  ],
  [
    'a capture under way',
    error(409, 'DUPLICATE_TRANSACTION', { status: 'pending', transaction_id: 'TXN-1' }),
    CAPTURE,
    { kind: 'pending' },
  ],
  [
    'a capture that is done',
    { status: 200, body: { status: 'success', transaction_id: 'TXN-1', added_later: 1 } },
    CAPTURE,
    { kind: 'done' },
  ],
  [
    'a void that is done',
    { status: 200, body: { status: 'failed', error_code: 'PAYMENT_VOIDED', transaction_id: 'TXN-1' } },
    { ...CAPTURE, path: '/payment/void' },
    { kind: 'done' },
  ],
  ['a page of another server', { status: 404, body: '<html>' }, REFUND, { kind: 'not_ordered' }],
  [
    'a redirect, which no key follows',
    { status: 302, body: '', headers: { Location: 'http://127.0.0.1:1/' } },
    REFUND,
    { kind: 'not_ordered' },
  ],
])('is not repeated for %s', async (_, answer, call, expected) => {
  const { received, order } = await scripted(answer);
  expect(await order(call)).toMatchObject(expected);
  expect(received).toHaveLength(1);
});

it('is followed by the rows until they have an outcome, or the time is over', async () => {
  let reads = 0;
  const third = async () => {
    reads += 1;
    return reads === 3 ? 'completed' : null;
  };
  expect(await followOutcome(third, 30)).toEqual({ outcome: 'completed', problem: null });
  expect(await followOutcome(async () => null, 0)).toEqual({ outcome: null, problem: null });
});

it('is followed on after a read that fails, and the last failure is told', async () => {
  let reads = 0;
  const failsOnce = async () => {
    reads += 1;
    if (reads === 1) throw new Error('D1 did not answer');
    return 'completed';
  };
  expect(await followOutcome(failsOnce, 30)).toEqual({ outcome: 'completed', problem: null });
  const fails = async () => {
    throw new Error('D1 did not answer');
  };
  expect(await followOutcome(fails, 0)).toEqual({ outcome: null, problem: 'D1 did not answer' });
});

describe('where the service is', () => {
  const LOCAL = { remote: false, env: '', persistTo: null, secretsFile: null };
  const REMOTE = { ...LOCAL, remote: true };
  const withEnvironment = <Result>(variables: Record<string, string>, work: () => Result): Result => {
    const names = ['PAYMENT_API_KEY', 'PAYMENT_SERVICE_URL'];
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) delete process.env[name];
    Object.assign(process.env, variables);
    try {
      return work();
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  };

  it('is in the environment remotely, with a key that is required there', () => {
    const both = { PAYMENT_API_KEY: ' psk_live_1\n', PAYMENT_SERVICE_URL: 'https://payments.example.com/' };
    const service = { url: 'https://payments.example.com', key: 'psk_live_1' };
    expect(withEnvironment(both, () => serviceOf(REMOTE, null, undefined))).toEqual(service);
    expect(() => withEnvironment({ PAYMENT_API_KEY: 'psk_live_1' }, () => serviceOf(REMOTE, null, undefined))).toThrow(
      /--url/,
    );
    expect(() => withEnvironment({}, () => serviceOf(REMOTE, null, 'https://payments.example.com'))).toThrow(
      /PAYMENT_API_KEY is missing/,
    );
  });

  it('is locally where `npm run dev` serves the database, and never the address of production', () => {
    const production = { PAYMENT_SERVICE_URL: 'https://payments.example.com' };
    expect(withEnvironment(production, () => serviceOf(LOCAL, 8003, undefined))).toEqual({
      url: 'http://127.0.0.1:8003',
      key: null,
    });
    expect(() => withEnvironment(production, () => serviceOf(LOCAL, null, undefined))).toThrow(/npm run dev/);
  });

  it.each(['http://payments.example.com', 'ftp://x', 'payments.example.com', 'https://user@payments.example.com'])(
    'is never %s',
    (url) => {
      expect(() => readServiceUrl(url)).toThrow();
    },
  );

  it.each([
    ['http://localhost:8003/', 'http://localhost:8003'],
    ['http://[::1]:8003', 'http://[::1]:8003'],
    ['https://example.com/payments/', 'https://example.com/payments'],
  ])('can be %s', (url, read) => {
    expect(readServiceUrl(url)).toBe(read);
  });
});

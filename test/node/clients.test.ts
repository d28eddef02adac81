/** The clients in clients/, where the network, a proxy or their caller makes a mistake. Whole payments are in test/end-to-end/clients.test.ts. */
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { pythonClientsOfMachine } from '../../scripts/python-clients.ts';
import { type ClientCall, callInPython, callInTypeScript } from '../support/client-calls.ts';
import { type Reply, type ScriptedService, startScriptedService } from '../support/scripted-service.ts';

const LANGUAGES = [
  { name: 'TypeScript', call: callInTypeScript, isThere: true, misuse: 'TypeError' },
  { name: 'Python', call: callInPython, isThere: pythonClientsOfMachine() !== null, misuse: 'ValueError' },
];
const REFUND = { booking_id: 'BOOK-1', original_transaction_id: 'TXN-1', refund_amount: 10, reason: '', user_id: 'u' };
const HOLD = { booking_id: 'BOOK-1', transaction_id: 'TXN-1', user_id: 'u' };
const REFUNDED: Reply = [200, { status: 'success', refund_transaction_id: 'REF-1', refund_amount: 10 }];
const HTML = { 'Content-Type': 'text/html' };

const services: ScriptedService[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
});
async function serviceThatAnswers(...replies: [Reply, ...Reply[]]): Promise<ScriptedService> {
  const service = await startScriptedService(...replies);
  services.push(service);
  return service;
}

function refusing(status: number, code: string, details: object | null = {}, headers = {}): Reply {
  return [status, { error: { code, message: code, details }, timestamp: '2026-11-28T16:31:31Z' }, headers];
}

describe.each(LANGUAGES)('the client in $name', ({ call, isThere, misuse }) => {
  const refund = ({ url }: ScriptedService, key: unknown = 'refund-1', more: Partial<ClientCall> = {}): ClientCall => ({
    ...{ baseUrl: url, operation: 'refund', args: [REFUND, key] },
    ...more,
  });

  it.skipIf(!isThere)("sends a request again under the same key after a proxy's 5xx", async () => {
    const service = await serviceThatAnswers(
      [502, '<h1>Bad gateway</h1>', HTML],
      [520, { error: { code: 520, message: 'of somebody else' } }],
      REFUNDED,
    );
    expect(await call(refund(service))).toMatchObject([{ answer: { refund_transaction_id: 'REF-1' } }]);
    expect(service.asked.map(({ headers }) => headers['idempotency-key'])).toEqual(Array(3).fill('refund-1'));
  });

  it.skipIf(!isThere)("reports that there was no answer if a proxy's 5xx is all that comes", async () => {
    const timedOut = [524, 'A timeout occurred'] as const;
    const beyondDeadline = { ...HTML, 'Retry-After': '60' };
    const service = await serviceThatAnswers([...timedOut, HTML], [...timedOut, beyondDeadline]);
    const [ended] = await call(refund(service, 'refund-1', { deadlineSeconds: 10 }));
    expect(ended?.error).toMatchObject({ name: 'NoAnswer', httpStatus: 524 });
    expect(service.asked).toHaveLength(2);
  });

  it.skipIf(!isThere)('does not report a refusal while an earlier request has no answer', async () => {
    const tooMany = refusing(429, 'RATE_LIMIT_EXCEEDED', {}, { 'Retry-After': '60' });
    const service = await serviceThatAnswers((response) => response.destroy(), tooMany);
    const [lost, refused] = await call(refund(service), refund(service));
    expect(lost?.error).toMatchObject({ name: 'NoAnswer', httpStatus: 429 });
    expect(refused?.error).toMatchObject({ name: 'PaymentError', code: 'RATE_LIMIT_EXCEEDED' });
  });

  it.skipIf(!isThere)(
    'refuses a key that is missing or that no header can have, before it sends anything',
    async () => {
      const service = await serviceThatAnswers(REFUNDED);
      const wrong = [null, '', ' ', 'refund-1 ', 'Buchung-ü', 'two\nlines', 'k'.repeat(256)];
      for (const { error } of await call(...wrong.map((key) => refund(service, key)))) {
        expect(error?.name).toBe(misuse);
        expect(error?.text).toMatch(/idempotency_?key must have 1 to 255 printable ASCII characters/i);
      }
      expect(service.asked).toEqual([]);
      const [longest] = await call(refund(service, 'k'.repeat(255)));
      expect(longest?.answer).toBeDefined();
    },
  );

  it.skipIf(!isThere)('takes an API key with a newline at its end, and quotes none that it refuses', async () => {
    const service = await serviceThatAnswers(REFUNDED);
    const secrets = ['psk_live_SECRET\nX-Other: 1', 'psk_live_SECRETü'];
    const refused = await call(
      ...secrets.map((apiKey) => refund(service, 'refund-1', { apiKey })),
      ...secrets.map((secret) => refund(service, 'refund-1', { headers: { 'X-Token': secret } })),
    );
    for (const { error } of refused) {
      expect(error?.name).toBe(misuse);
      expect(error?.text).not.toContain('SECRET');
    }
    await call(refund(service, 'refund-1', { apiKey: 'psk_live_SECRET\n' }));
    expect(service.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer psk_live_SECRET']);
  });

  it.skipIf(!isThere)('follows no redirect, and says so', async () => {
    const elsewhere = await serviceThatAnswers(REFUNDED);
    const service = await serviceThatAnswers([307, '', { Location: `${elsewhere.url}/payment/refund` }]);
    const [ended] = await call(refund(service));
    expect(ended?.error).toMatchObject({ name: 'PaymentError', httpStatus: 307 });
    expect(ended?.error?.text).toContain(`a redirect to ${elsewhere.url}/payment/refund, which was not followed`);
    expect([service.asked.length, elsewhere.asked.length]).toEqual([1, 0]);
  });

  it.skipIf(!isThere).each([
    { part: 'body', beginning: 'HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n' },
    { part: 'head', beginning: 'HTTP/1.1 200 OK\r\nX-Endless: ' },
  ])('ends at its deadline, however slowly the $part of an answer arrives', async ({ beginning }) => {
    const service = await serviceThatAnswers(drip(beginning));
    const startedAtMs = performance.now();
    const [ended] = await call(refund(service, 'refund-1', { deadlineSeconds: 1 }));
    expect(ended?.error?.name).toBe('NoAnswer');
    expect(performance.now() - startedAtMs).toBeLessThan(15_000);
  });

  it.skipIf(!isThere)('sends a refund again that was not recorded, and waits as long as it is asked to', async () => {
    const pending = { refund_transaction_id: 'REF-1', status: 'pending' };
    const service = await serviceThatAnswers(
      refusing(503, 'SERVICE_UNAVAILABLE', pending, { 'Retry-After': '1' }),
      refusing(429, 'RATE_LIMIT_EXCEEDED', {}, { 'Retry-After': '2' }),
      refusing(404, 'TRANSACTION_NOT_FOUND'),
      REFUNDED,
    );
    const startedAtMs = performance.now();
    expect(await call(refund(service))).toMatchObject([{ answer: { status: 'success' } }]);
    expect(performance.now() - startedAtMs).toBeGreaterThan(2_990);
    const [again, status] = ['POST /payment/refund', 'GET /payment/status/REF-1'];
    expect(service.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([again, status, status, again]);
  });

  it.skipIf(!isThere)(
    'polls an outcome that is not known yet, and reports at its deadline that it still is not',
    async () => {
      const pending = { transaction_id: 'TXN-1', status: 'pending' };
      const service = await serviceThatAnswers(refusing(502, 'PAYMENT_GATEWAY_ERROR', pending), [200, pending]);
      const pay = { baseUrl: service.url, operation: 'pay', args: [{}, 'pay-1'], deadlineSeconds: 3 } as const;
      const [ended] = await call(pay);
      expect(ended?.error).toMatchObject({ name: 'OutcomePending', transactionId: 'TXN-1' });
      const [first, ...others] = service.asked.map(({ method, path }) => `${method} ${path}`);
      expect(first).toBe('POST /payment/process');
      expect(new Set(others)).toEqual(new Set(['GET /payment/status/TXN-1']));
    },
  );

  it.skipIf(!isThere)('waits for the outcome of a capture of its own that is still being processed', async () => {
    const service = await serviceThatAnswers(
      (response) => response.destroy(),
      refusing(409, 'DUPLICATE_TRANSACTION', { transaction_id: 'TXN-1', status: 'pending' }),
      [200, { status: 'completed', transaction_id: 'TXN-1' }],
      [200, { status: 'success', transaction_id: 'TXN-1' }],
    );
    const [ended] = await call({ baseUrl: service.url, operation: 'capture', args: [HOLD] });
    expect(ended?.answer).toEqual({ status: 'success', transaction_id: 'TXN-1' });
    expect(service.asked.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET', 'POST']);
  });

  it.skipIf(!isThere)('reports a request that is still in progress at the deadline as pending', async () => {
    const pending = { refund_transaction_id: 'REF-1', status: 'pending' };
    const service = await serviceThatAnswers(refusing(409, 'IDEMPOTENCY_IN_PROGRESS', pending, { 'Retry-After': '5' }));
    const [ended] = await call(refund(service, 'refund-1', { deadlineSeconds: 3 }));
    expect(ended?.error).toMatchObject({ name: 'OutcomePending', transactionId: 'REF-1' });
  });

  it.skipIf(!isThere)('reports an error whose fields are null', async () => {
    const service = await serviceThatAnswers(
      [400, { error: { code: 'INVALID_REQUEST', message: null, details: null } }],
      [400, { error: null }],
      [400, 'null'],
    );
    const ended = await call(refund(service), refund(service), refund(service));
    expect(ended.map(({ error }) => [error?.name, error?.code])).toEqual([
      ['PaymentError', 'INVALID_REQUEST'],
      ['PaymentError', 'UNKNOWN'],
      ['PaymentError', 'UNKNOWN'],
    ]);
  });

  it.skipIf(!isThere)('asks for the status of an id, whatever is in it, and for no other path', async () => {
    const service = await serviceThatAnswers([200, { status: 'completed' }]);
    const ids = ['../refund?x=1', '..', ''];
    const ended = await call(
      ...ids.map((id): ClientCall => ({ baseUrl: service.url, operation: 'status', args: [id] })),
    );
    expect(ended.map(({ error }) => error?.name)).toEqual([undefined, misuse, misuse]);
    expect(service.asked.map(({ path }) => path)).toEqual(['/payment/status/..%2Frefund%3Fx%3D1']);
  });
});

/** One byte after the other, and no end. */
function drip(beginning: string): (response: ServerResponse) => void {
  return ({ socket }) => {
    socket?.write(beginning);
    const timer = setInterval(() => socket?.write('a'), 100);
    socket?.once('close', () => clearInterval(timer)).on('error', () => clearInterval(timer));
  };
}

/** The OpenAPI document and the routes: whatever one of them has, the other has, too, and the refusals of the examples are those of the service. */
import { describe, expect, it } from 'vitest';
import { exactDocument } from '../../src/api-document/document.ts';
import { STORY } from '../../src/api-document/operations/search-examples.ts';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
import { createApp } from '../../src/worker/http/app.ts';
import { isPublic } from '../data/documented.ts';
import { consume, newBridge } from './bridge.ts';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { database } from './operation.ts';
import { type Answer, newAddress, payment, refundOf, send, sendWith } from './request.ts';
import { eventsOf } from './stored.ts';

interface Described {
  headers: Record<string, { example: unknown }>;
  content: { 'application/json': { examples: Record<string, { value: { error: object } }> } };
}
interface Operation {
  parameters?: { name: string; schema: { minLength: number; maxLength: number; pattern: string } }[];
  responses: Record<string, Described | { $ref: string }>;
}
interface ApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { responses: Record<string, Described> };
}

const ANY_METHOD = 'ALL';
const document = exactDocument() as unknown as ApiDocument;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
);

/** @param code of the example that the answer has to be like */
function expectAsDocumented({ responses }: Operation, answer: Answer, code: string, headers: string[]): void {
  const { status, body } = answer;
  const described = responses[status] as Described | { $ref: string };
  const found =
    '$ref' in described
      ? document.components.responses[described.$ref.replace('#/components/responses/', '')]
      : described;
  const { message, details } = body.error;
  // How long to wait is another number each time.
  if ('retry_after_seconds' in details) details.retry_after_seconds = 7;
  expect(found?.content['application/json'].examples[code]?.value.error).toEqual({ code, message, details });
  for (const name of headers) expect(String(found?.headers[name]?.example), name).toBe(answer.headers.get(name));
}

it('has an operation for each route, and a route for each operation', () => {
  const routes = createApp()
    .routes.filter(({ method, path }) => method !== ANY_METHOD && isPublic(path))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const described = operations.map(({ method, path }) => `${method} ${path}`);
  expect(described.toSorted()).toEqual([...new Set(routes)].toSorted());
});

describe('the example', () => {
  it.each(operations)('of a method that $path does not have is what it answers', async ({ path, operation }) => {
    const answer = await send('DELETE', path);
    expect(answer.status).toBe(405);
    expectAsDocumented(operation, answer, 'METHOD_NOT_ALLOWED', ['Allow']);
  });

  const scoped = operations.filter(({ path }) => path.startsWith('/payment/') && path !== '/payment/methods');
  it.each(scoped)('of a key without the scope is what $method $path answers', async ({ method, path, operation }) => {
    const { headers } = await apiKey({ scopes: [] });
    const answer = await sendWith(WITH_KEYS, method, path, { headers, ...(method === 'POST' && { body: {} }) });
    expect(answer.status).toBe(403);
    expectAsDocumented(operation, answer, 'FORBIDDEN', ['WWW-Authenticate']);
  });

  const limited = operations.filter(({ path }) => ['/payment/methods', '/webhooks/stripe'].includes(path));
  it.each(limited)('of too many requests is what $method $path answers', async ({ method, path, operation }) => {
    const address = newAddress();
    const sent = Array.from({ length: 400 }, () => send(method, path, { address }));
    const refused = (await Promise.all(sent)).find(({ status }) => status === 429);
    if (refused === undefined) throw new Error('nothing was refused');
    expectAsDocumented(operation, refused, 'RATE_LIMIT_EXCEEDED', ['X-RateLimit-Limit', 'RateLimit-Policy']);
  });
});

it('the example of a story is that of a payment that was paid and refunded in part', async () => {
  const { booking_id, amount } = STORY.transaction;
  const [shown] = STORY.refunds;
  const bridge = newBridge();
  const { headers, keyId } = await apiKey();
  const ask = (path: string, body: object) => sendWith(WITH_KEYS, 'POST', path, { headers, body });
  const deliver = async () => {
    const ids = (await eventsOf(booking_id)).map(({ event_id }) => String(event_id));
    await consume(bridge, (await findEvents(database, ids)).events);
    return ids;
  };

  const { body: paid } = await ask('/payment/process', payment({ booking_id, amount }));
  await deliver();
  const overrides = { refund_amount: shown?.refund_amount, reason: shown?.reason };
  const { body: refunded } = await ask('/payment/refund', refundOf(paid, overrides));
  const events = await deliver();
  const { text } = await sendWith(WITH_KEYS, 'GET', `/payment/transactions/${paid.transaction_id}`, { headers });

  const sameIds = [
    [paid.transaction_id, STORY.transaction.transaction_id],
    [refunded.refund_transaction_id, shown?.refund_transaction_id],
    [keyId, STORY.history[0]?.actor?.replace('key:', '')],
    ...events.map((id, index) => [id, STORY.events[index]?.event_id]),
  ].reduce((renamed, [own, example]) => renamed.replaceAll(own, String(example)), text);
  expect(withoutTimes(JSON.parse(sameIds))).toEqual(withoutTimes(STORY));
});

/** Without what is of one moment: times, requests and the places in the audit log. */
function withoutTimes(story: unknown): unknown {
  return JSON.parse(JSON.stringify(story), (name, value) =>
    value !== null && (name === 'at' || name === 'request_id' || name === 'audit_entry' || name.endsWith('ed_at'))
      ? typeof value
      : value,
  );
}

describe('the schema of the Idempotency-Key', () => {
  const parameter = operations
    .find(({ path }) => path === '/payment/process')
    ?.operation.parameters?.find(({ name }) => name === 'Idempotency-Key');

  it.each([
    ['bare', true],
    ['"in quotes, with a comma"', true],
    ['"with \\"quotes\\" and \\\\"', true],
    ['with "quotes" behind', true],
    ['b'.repeat(255), true],
    ['b'.repeat(256), false],
    ['with, a comma', false],
    ['"open', false],
    ['""', false],
    ['"a\\b"', false],
    ['with a\ttab', false],
  ])('takes what the service takes: %s', async (key, isKey) => {
    const { minLength = 0, maxLength = 0, pattern = '' } = parameter?.schema ?? {};
    const fits = key.length >= minLength && key.length <= maxLength && new RegExp(pattern, 'u').test(key);
    const { status } = await send('POST', '/payment/process', { body: payment(), headers: { 'Idempotency-Key': key } });
    expect([fits, status]).toEqual([isKey, isKey ? 200 : 400]);
  });
});

/** What every answer carries, whatever it is, and who may ask at all: over https, and which web pages. */
import { describe, expect, it, vi } from 'vitest';
import { PRODUCTION_VARIABLES } from '../data/local-variables.ts';
import { apiKey } from './credentials.ts';
import { expectEnvelope } from './matchers.ts';
import { type Answer, payment, type RequestOptions, sendWith } from './request.ts';
import { rowCounts } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const KEYS = { AUTH_MODE: 'api_key' };
const ORIGIN = 'https://shop.example';
const WITH_ORIGINS = { CORS_ORIGINS: `https://desk.example, ${ORIGIN}` };

interface Asked {
  status: number;
  method?: string;
  path: string;
  body?: () => unknown;
  headers?: Record<string, string>;
  variables?: Record<string, unknown>;
  isAnonymous?: boolean;
}

const METHODS = '/payment/methods';
const toPay = { method: 'POST', path: '/payment/process' };
const unreadable = watchedDatabase(() => 'refuse');
const overloaded = {
  getByName() {
    throw Object.assign(new Error('too many'), { overloaded: true });
  },
};

/** One of each answer that there is on the paths of payments. */
const PAYMENT_ANSWERS: Asked[] = [
  { status: 200, path: METHODS },
  { status: 200, ...toPay, body: () => payment() },
  { status: 400, ...toPay, body: () => '{' },
  { status: 401, path: METHODS, isAnonymous: true },
  { status: 403, method: 'POST', path: '/payment/refund', body: () => ({}) },
  { status: 404, path: '/payment/nothing' },
  { status: 405, path: '/payment/process' },
  { status: 413, ...toPay, body: () => 'x'.repeat(17 * 1024) },
  { status: 415, ...toPay, body: () => ({}), headers: { 'Content-Type': 'text/plain' } },
  { status: 422, ...toPay, body: () => ({}) },
  { status: 429, path: METHODS, variables: { RATE_LIMITER: overloaded } },
  { status: 500, ...toPay, body: () => payment(), variables: { DB: unreadable.d1 } },
];
const OTHER_ANSWERS: Asked[] = [
  { status: 200, path: '/health', isAnonymous: true },
  { status: 404, path: '/nothing', isAnonymous: true },
  { status: 404, method: 'POST', path: '/webhooks/stripe', body: () => ({}), isAnonymous: true },
  { status: 503, path: METHODS, variables: { BRIDGE_URL: '' } },
];
const titled = (answers: Asked[]) =>
  answers.map((asked) => [asked.status, asked.method ?? 'GET', asked.path, asked] as const);

/** Of a key that may do everything but refund. */
const { headers: headersOfKey } = await apiKey({ scopes: ['payments:write', 'payments:read'] });

async function ask(asked: Asked, variables: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
  const { method = 'GET', path, body } = asked;
  const answer = await sendWith({ ...KEYS, ...variables, ...asked.variables }, method, path, {
    ...(body && { body: body() }),
    headers: { ...(!asked.isAnonymous && headersOfKey), ...asked.headers, ...headers },
  });
  expect(answer.status).toBe(asked.status);
  return answer;
}

const crossOriginHeaders = ({ headers }: Answer) => [...headers].filter(([name]) => name.startsWith('access-control-'));

describe.each(titled([...PAYMENT_ANSWERS, ...OTHER_ANSWERS]))('the %i of %s %s', (_, __, ___, asked) => {
  it('is stored nowhere, protects whoever shows it, and says nothing to other origins', async () => {
    const answer = await ask(asked, {}, { Origin: ORIGIN });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=15552000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
    });
    expect(crossOriginHeaders(answer)).toEqual([]);
  });

  it('has the X-Request-Id of the request', async () => {
    const id = `trace_${crypto.randomUUID()}=`;
    expect((await ask(asked, {}, { 'X-Request-Id': id })).headers.get('X-Request-Id')).toBe(id);
  });
});

describe('an X-Request-Id', () => {
  const requestId = async (id: string) =>
    (await sendWith(KEYS, 'GET', METHODS, { headers: { 'X-Request-Id': id } })).headers.get('X-Request-Id');

  it('has up to 255 letters, digits, dashes, underscores and equals signs', async () => {
    expect(await requestId('x'.repeat(255))).toBe('x'.repeat(255));
  });

  it.each(['', 'a b', 'a"b', '<script>', '{"a":1}', '4111.1111', 'a,b', 'x'.repeat(256)])(
    'is a new one instead of %j',
    async (id) => {
      expect(await requestId(id)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    },
  );
});

describe('a web page of a listed origin', () => {
  it.each(titled(PAYMENT_ANSWERS))('may read the %i of %s %s', async (_, __, ___, asked) => {
    const { headers } = await ask(asked, WITH_ORIGINS, { Origin: ORIGIN });
    expect(headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN);
    expect(headers.get('Access-Control-Expose-Headers')?.split(',')).toEqual(
      expect.arrayContaining(['X-Request-Id', 'Retry-After', 'Idempotent-Replayed', 'X-RateLimit-Remaining']),
    );
    expect(headers.get('Access-Control-Allow-Credentials')).toBeNull();
    expect(headers.get('Vary')).toBe('Origin');
  });
});

describe('a preflight', () => {
  const preflight = async (variables: Record<string, unknown>, origin: string, options: RequestOptions = {}) =>
    sendWith({ ...KEYS, ...variables }, 'OPTIONS', '/payment/process', {
      ...options,
      headers: {
        ...options.headers,
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,content-type',
      },
    });

  it('of a listed origin is answered without a key, for ten minutes', async () => {
    const { status, headers } = await preflight(WITH_ORIGINS, ORIGIN);
    expect(status).toBe(204);
    expect(Object.fromEntries(headers)).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'GET,POST',
      'access-control-allow-headers': 'Authorization,Content-Type,Idempotency-Key,X-Request-Id',
      'access-control-max-age': '600',
    });
    expect(headers.get('Access-Control-Allow-Credentials')).toBeNull();
  });

  it.each([
    ['where none is listed', {}, ORIGIN],
    ['of another origin', WITH_ORIGINS, 'https://shop.example.evil.example'],
    ['of the origin over http', WITH_ORIGINS, 'http://shop.example'],
    ['of no origin', WITH_ORIGINS, 'null'],
  ])('%s is a method that needs a key, and that there is not', async (_, variables, origin) => {
    const answers = [await preflight(variables, origin), await preflight(variables, origin, { headers: headersOfKey })];
    expect(answers.map(({ status }) => status)).toEqual([401, 405]);
    expect(answers.map(crossOriginHeaders)).toEqual([[], []]);
  });
});

describe('a web page of another origin', () => {
  it.each(titled(PAYMENT_ANSWERS))('is not told that it may read the %i of %s %s', async (_, __, ___, asked) => {
    const answer = await ask(asked, WITH_ORIGINS, { Origin: 'https://evil.example' });
    expect([crossOriginHeaders(answer), answer.headers.get('Vary')]).toEqual([[], 'Origin']);
  });
});

describe('over http', () => {
  it.each([
    ['POST', '/payment/process'],
    ['GET', METHODS],
    ['GET', '/payment/nothing'],
    ['POST', '/webhooks/stripe'],
    ['GET', '/nothing'],
  ])('%s %s is refused in production, before anybody is asked', async (method, path) => {
    const { headers } = await apiKey({}, 'live');
    const [watched, limiter] = [watchedDatabase(), vi.fn()];
    const before = await rowCounts();
    const answer = await sendWith(
      { ...PRODUCTION_VARIABLES, DB: watched.d1, RATE_LIMITER: { getByName: limiter } },
      method,
      path,
      { scheme: 'http', headers, ...(method === 'POST' && { body: payment() }) },
    );
    expect(answer.status).toBe(403);
    expectEnvelope(answer, 'HTTPS_REQUIRED');
    expect([watched.roundTrips(), limiter.mock.calls.length]).toEqual([0, 0]);
    expect(await rowCounts()).toEqual(before);
  });

  it.each([
    ['its health in production', PRODUCTION_VARIABLES, '/health'],
    ['everything in development', { AUTH_MODE: 'none' }, METHODS],
  ])('the service tells %s', async (_, variables, path) => {
    expect((await sendWith(variables, 'GET', path, { scheme: 'http' })).status).toBe(200);
  });
});

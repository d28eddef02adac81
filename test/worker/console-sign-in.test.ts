/** Who may use the console, and that nobody else sees or changes anything. */
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { revokeApiKey } from '../../src/core/ledger/api-keys/revoke-api-key.ts';
import { SCOPES } from '../../src/core/security/credential.ts';
import { createApp } from '../../src/worker/http/app.ts';
import { PRODUCTION_VARIABLES } from '../data/local-variables.ts';
import { AT_DESK, accessTeam, FROM_CONSOLE, signedIn } from './console.ts';
import { CONSOLE_ROUTES, INSTALLATION_ROUTES } from './console-routes.ts';
import { apiKey, bearer, revokedKey, WITH_KEYS } from './credentials.ts';
import { expectEnvelope } from './matchers.ts';
import { database } from './operation.ts';
import { type Answer, newAddress, type RequestOptions, send, sendWith } from './request.ts';
import { rowCounts } from './stored.ts';
import { nowSeconds, publishingIssuer, sharedToken, sharingIssuer, unsignedToken } from './tokens.ts';

const team = await accessTeam();
const stranger = await publishingIssuer('RS256');
const tokens = sharingIssuer();

afterEach(() => void vi.restoreAllMocks());

const session = (variables: Record<string, unknown>, options: RequestOptions = {}) =>
  sendWith(variables, 'GET', '/console/api/session', options);

/** A refusal shows why, and nothing of what was asked for. */
function expectRefusal(answer: Answer, status: 401 | 403): void {
  expect(answer.status).toBe(status);
  expectEnvelope(answer, status === 401 ? 'UNAUTHORIZED' : 'FORBIDDEN');
  expect(Object.keys(answer.body).toSorted()).toEqual(['error', 'timestamp']);
}

describe('a key', () => {
  it('of an admin signs in', async () => {
    const { get, keyId } = await signedIn();
    expect((await get('session')).body).toEqual({
      actor: `key:${keyId}`,
      organisation: 'default',
      environment: 'development',
      sees_installation: true,
      signed_in_by: 'api_key',
    });
  });

  it('of an admin of another organisation shows that organisation', async () => {
    const { get } = await signedIn('cinema-2');
    expect((await get('session')).body).toMatchObject({ organisation: 'cinema-2', sees_installation: false });
  });

  it('that is revoked is refused from the next request on', async () => {
    const { get, keyId } = await signedIn();
    await revokeApiKey(database, keyId, Date.now());
    expectRefusal(await get('session'), 401);
  });

  it('is signed by a token with the scope admin as well', async () => {
    const headers = bearer(await tokens.token({ claims: { scope: 'admin', org: 'cinema-2' } }));
    const answer = await session({ ...WITH_KEYS, AUTH_MODE: 'both', ...tokens.variables }, { headers });
    expect(answer.body).toMatchObject({ actor: 'jwt:client-1', organisation: 'cinema-2', signed_in_by: 'api_key' });
  });
});

describe('each route refuses', () => {
  const asked = async (route: (typeof CONSOLE_ROUTES)[number], headers: Record<string, string>) => {
    const before = await rowCounts();
    const [method = '', path = ''] = route.split(' ');
    const answer = await sendWith(WITH_KEYS, method, `/console/api/${path}`, {
      headers,
      ...(method === 'POST' && { body: {} }),
    });
    expect(await rowCounts()).toEqual(before);
    return answer;
  };

  it.each(CONSOLE_ROUTES)('%s without a key', async (route) => {
    expectRefusal(await asked(route, {}), 401);
  });

  it.each(CONSOLE_ROUTES)('%s with all scopes but admin', async (route) => {
    const { headers } = await apiKey({ scopes: SCOPES.filter((scope) => scope !== 'admin') });
    const answer = await asked(route, headers);
    expectRefusal(answer, 403);
    expect(answer.body.error.details).toEqual({ needed_scope: 'admin' });
  });

  it.each(CONSOLE_ROUTES)('%s with a revoked key', async (route) => {
    expectRefusal(await asked(route, (await revokedKey({ scopes: ['admin'] })).headers), 401);
  });
});

it.each(INSTALLATION_ROUTES)('%s is for admins of the first organisation', async (route) => {
  const [method = '', path = ''] = route.split(' ');
  const { get, post } = await signedIn('cinema-2');
  const answer = await (method === 'GET' ? get(path) : post(path));
  expectRefusal(answer, 403);
  expect(answer.body.error.message).toBe('Only admins of the organisation default see this.');
});

it('every route of the console is tried here', () => {
  const routes = createApp()
    .routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/console/api/'))
    .map(({ method, path }) => `${method} ${path.slice('/console/api/'.length)}`);
  const tried = CONSOLE_ROUTES.map((route) => route.replace(/(?<=\/)(TXN-|key_)\w+/, ':id'));
  expect(tried.toSorted()).toEqual([...new Set(routes)].toSorted());
});

describe('Cloudflare Access', () => {
  const ask = async (headers: Record<string, string>) => session(team.variables, { headers });

  it('signs a person in, whose address is not shown', async () => {
    const answer = await ask(await team.headers());
    expect(answer.body).toMatchObject({
      actor: 'access:7335d417-61da-459d-899c-0a01c76a2f94',
      organisation: 'default',
      sees_installation: true,
      signed_in_by: 'access',
    });
    expect(answer.text).not.toContain('person');
  });

  it('signs a service token in by its client id', async () => {
    const claims = { sub: '', common_name: '88bf3b6d.access', email: undefined, aud: team.claims().aud[0] };
    expect((await ask(await team.headers({ claims }))).body).toMatchObject({ actor: 'access:88bf3b6d.access' });
  });

  it.each<[what: string, assertion: () => Promise<string> | string]>([
    ['has expired', () => team.assertion({ claims: { exp: nowSeconds() - 61 } })],
    ['does not expire', () => team.assertion({ claims: { exp: undefined } })],
    ['is not valid yet', () => team.assertion({ claims: { nbf: nowSeconds() + 75 } })],
    ['is for another application', () => team.assertion({ claims: { aud: ['0'.repeat(64)] } })],
    ['is for no application', () => team.assertion({ claims: { aud: undefined } })],
    ['is from another team', () => team.assertion({ claims: { iss: 'https://other.cloudflareaccess.com' } })],
    ['is one of the whole team', () => team.assertion({ claims: { type: 'org' } })],
    ['names nobody', () => team.assertion({ claims: { sub: '' } })],
    ['is signed by another team', () => stranger.token({ claims: team.claims() })],
    ['is not signed', () => unsignedToken()],
    ['names the algorithm none', () => team.assertion({ header: { alg: 'none' } })],
    ['names an unknown key', () => team.assertion({ header: { kid: 'key-2' } })],
    [
      'is signed with the public key as a secret',
      () => sharedToken('HS256', stranger.spki, { header: { kid: 'key-1' }, claims: team.claims() }),
    ],
    ['is garbage', () => 'garbage'],
    ['is empty', () => ''],
  ])('refuses a token that %s', async (_, assertion) => {
    const lines: string[] = [];
    vi.spyOn(console, 'warn').mockImplementation((line: string) => void lines.push(line));
    const presented = await assertion();
    const answer = await ask({ 'Cf-Access-Jwt-Assertion': presented });
    expectRefusal(answer, 401);
    for (const part of presented.split('.').filter(({ length }) => length > 20)) {
      expect(`${answer.text}${lines.join()}`).not.toContain(part);
    }
  });

  it('is not believed where it is not configured', async () => {
    expectRefusal(await session(WITH_KEYS, { headers: await team.headers() }), 401);
  });

  it('does not replace a key that was refused', async () => {
    expectRefusal(await ask({ ...(await team.headers()), ...bearer('garbage') }), 401);
  });

  it('opens nothing but the console', async () => {
    const answer = await sendWith(team.variables, 'GET', '/payment/methods', { headers: await team.headers() });
    expect(answer.status).toBe(401);
  });
});

describe('a desk without keys', () => {
  it('asks nobody to sign in', async () => {
    expect((await session(AT_DESK)).body).toMatchObject({ actor: 'console:desk', signed_in_by: null });
  });

  it('is none in production', async () => {
    const answer = await session({ ...env, ...PRODUCTION_VARIABLES, AUTH_MODE: 'none' });
    expect(answer.status).toBe(503);
    expectRefusal(await session({ ...env, ...PRODUCTION_VARIABLES }), 401);
  });

  it.each([
    ['localhost:8787', 200],
    ['127.0.0.1:8787', 200],
    ['[::1]:8787', 200],
    ['192.168.1.20:8787', 200],
    ['payment-service:8003', 200],
    ['host.docker.internal:8003', 200],
    ['evil.com', 401],
    ['localhost.evil.com', 401],
    ['203.0.113.7', 401],
    ['payment-service.someone.workers.dev', 401],
  ])('answers at %s with %i', async (host, status) => {
    const answer = await session(AT_DESK, { host });
    expect(answer.status).toBe(status);
  });
});

describe('another web page', () => {
  const REFUND = { path: '/console/api/refund', body: {} };
  const waysIn: [string, Record<string, unknown>, () => Promise<Record<string, string>>][] = [
    ['Access', team.variables, () => team.headers()],
    ['a desk', AT_DESK, async () => ({})],
  ];

  describe.each(waysIn)('of somebody signed in by %s', (_, variables, headersOf) => {
    const ask = async (method: string, path: string, headers: Record<string, string | null>) =>
      sendWith(variables, method, path, {
        headers: { ...(await headersOf()), ...headers },
        ...(method === 'POST' && { body: REFUND.body }),
      });

    it.each<[string, Record<string, string | null>]>([
      ['another site', { 'Sec-Fetch-Site': 'cross-site' }],
      [
        'another site that names the console as its origin',
        { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://payments.example' },
      ],
      ['another name of the same site', { 'Sec-Fetch-Site': 'same-site' }],
      ['an address that was typed in', { 'Sec-Fetch-Site': 'none' }],
      ['another origin, without Fetch Metadata', { Origin: 'https://evil.example' }],
      ['a name that leads to the console', { ...FROM_CONSOLE, Origin: 'https://evil.example' }],
      ['such a name, without a referrer', { ...FROM_CONSOLE, Origin: 'null' }],
      ['a sandboxed frame', { Origin: 'null' }],
      ['nobody knows where', {}],
    ])('changes nothing from %s', async (_where, headers) => {
      expectRefusal(await ask('POST', REFUND.path, headers), 403);
    });

    it.each([
      ['text/plain', 'text/plain'],
      ['a form', 'application/x-www-form-urlencoded'],
      ['no media type', null],
    ])('changes nothing with %s', async (_what, mediaType) => {
      expect((await ask('POST', REFUND.path, { ...FROM_CONSOLE, 'Content-Type': mediaType })).status).toBe(415);
    });

    it.each([
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'https://evil.example' },
    ])('reads nothing: %o', async (headers) => {
      expectRefusal(await ask('GET', '/console/api/session', headers as Record<string, string>), 403);
    });

    it('gets no permission by asking for it', async () => {
      const answer = await ask('OPTIONS', REFUND.path, {
        'Sec-Fetch-Site': 'cross-site',
        Origin: 'https://evil.example',
        'Access-Control-Request-Method': 'POST',
      });
      expectRefusal(answer, 403);
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull();
    });

    it.each<[string, Record<string, string>]>([
      ['a page of the console', FROM_CONSOLE],
      ['a browser without Fetch Metadata on a page of the console', { Origin: 'https://payments.example' }],
    ])('is not %s, whose requests are carried out', async (_who, headers) => {
      expect((await ask('POST', REFUND.path, headers)).status).toBe(422);
      expect((await ask('GET', '/console/api/session', headers)).status).toBe(200);
    });
  });
});

describe('an answer of the console', () => {
  it('is kept nowhere, is not taken for a page, and is for no other origin', async () => {
    const { get } = await signedIn();
    const cors = { CORS_ORIGINS: 'https://shop.example' };
    const { headers } = await signedIn('default', { ...WITH_KEYS, ...cors }).then((other) =>
      other.get('session', { headers: { Origin: 'https://shop.example' } }),
    );
    expect(headers.get('Access-Control-Allow-Origin')).toBeNull();
    expect(Object.fromEntries((await get('session')).headers)).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'content-type': expect.stringMatching(/^application\/json/),
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each(CONSOLE_ROUTES)('to another method than that of %s is a 405', async (route) => {
    const [method = '', path = ''] = route.split(' ');
    const { headers } = await signedIn();
    const other = method === 'GET' ? 'DELETE' : 'PUT';
    const answer = await sendWith(WITH_KEYS, other, `/console/api/${path}`, { headers, body: {} });
    expect(answer.status).toBe(405);
    expectEnvelope(answer, 'METHOD_NOT_ALLOWED');
    expect(answer.headers.get('Allow')).toContain(method);
  });

  it('to a path that does not exist is a 404 for whoever is signed in, and a 401 for others', async () => {
    const { get } = await signedIn();
    expect((await get('nothing')).status).toBe(404);
    expect((await send('GET', '/console/api/nothing', { headers: { Origin: 'https://evil.example' } })).status).toBe(
      403,
    );
    expectRefusal(await sendWith(WITH_KEYS, 'GET', '/console/api/nothing'), 401);
  });
});

it('requests are counted beside those of payments', async () => {
  const address = newAddress();
  const asked = Array.from({ length: 61 }, () => session(WITH_KEYS, { address }));
  const statuses = (await Promise.all(asked)).map(({ status }) => status).toSorted();
  expect([statuses.at(0), statuses.at(-1)]).toEqual([401, 429]);
  const { headers } = await apiKey();
  expect((await sendWith(WITH_KEYS, 'GET', '/payment/methods', { address, headers })).status).toBe(200);
});

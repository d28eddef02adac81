/** Who is let in where, by which key or token, and that whoever is not learns and leaves nothing. */
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { revokeApiKey } from '../../src/core/ledger/api-keys/revoke-api-key.ts';
import { makeApiKey } from '../../src/core/security/api-key.ts';
import { SCOPES, type Scope } from '../../src/core/security/credential.ts';
import { LOCAL_SECRETS } from '../data/local-variables.ts';
import { apiKey, bearer, revokedKey, WITH_KEYS } from './credentials.ts';
import { newKey } from './idempotent-requests.ts';
import { expectEnvelope, REFUND_ID, TIMESTAMP } from './matchers.ts';
import { database } from './operation.ts';
import { type Answer, newAddress, paid, payment, type RequestOptions, refundOf, sendWith, status } from './request.ts';
import { type Asked, newStanding, ROUTES } from './routes.ts';
import { rowCounts, transactionsOf } from './stored.ts';
import { base64Url, nowSeconds, publishingIssuer, sharedToken, sharingIssuer, unsignedToken } from './tokens.ts';
import { watchedDatabase } from './watched-database.ts';

const HOUR_MS = 3_600_000;

const hs256 = sharingIssuer();
const rs256 = await publishingIssuer('RS256');
const es256 = await publishingIssuer('ES256');
/** Its keys for other purposes have the name of the one that signs. */
const crowded = await publishingIssuer('RS256', [
  { ...rs256.jwk, kid: 'key-1', use: 'enc' },
  { ...rs256.jwk, kid: 'key-1', alg: 'RS512' },
  { ...es256.jwk, kid: 'key-1' },
  { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: 'key-1' },
]);
/** Its usable key is the last of several with one name and one purpose. */
const rolling = await publishingIssuer('RS256', [
  { ...rs256.jwk, kid: 'key-1' },
  { ...rs256.jwk, n: '!', kid: 'key-1' },
  // Too short to verify with.
  { ...rs256.jwk, n: base64Url(new Uint8Array(128).fill(0xff)), kid: 'key-1' },
]);
/** A number that JSON can hold, and JavaScript reads as Infinity. */
const ENDLESS = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('1e999');
/** Of the organisation `default`; no test changes what is asserted of it. */
const standing = await newStanding();
const newTenant = () => `tenant-${crypto.randomUUID()}`;

/** The addresses that requests of tests come from. */
const UNLIMITED = { RATE_LIMIT_EXEMPT: '198.18.0.0/15' };
const KEYS = { ...UNLIMITED, AUTH_MODE: 'api_key' };
const BOTH = { ...UNLIMITED, AUTH_MODE: 'both', ...hs256.variables };
const NOBODY_ASKED = { ...UNLIMITED, AUTH_MODE: 'none' };
const tokensOf = ({ variables }: { variables: Record<string, string> }) => ({
  ...UNLIMITED,
  AUTH_MODE: 'jwt',
  ...variables,
});

/** What somebody presents, and to a Worker with which variables. */
interface Presented {
  /** The header; null: none. */
  header: string | null;
  variables?: Record<string, string>;
}
type Present = () => Presented | Promise<Presented>;

const header = (header: string | null, variables: Record<string, string> = BOTH) => ({ header, variables });
const asBearer = async (presented: string | Promise<string>, variables: Record<string, string> = BOTH) =>
  header(`Bearer ${await presented}`, variables);
const key = async (...made: Parameters<typeof apiKey>) => (await apiKey(...made)).key;

/** Sends what a route is asked, and collects all that is logged meanwhile. */
async function present(asked: Asked, { header, variables = BOTH }: Presented, options: RequestOptions = {}) {
  const lines: string[] = [];
  for (const level of ['log', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(line));
  }
  const headers = { ...options.headers, Authorization: header };
  const answer = await sendWith(variables, asked.method, asked.path, { ...asked, ...options, headers });
  return { answer, log: lines.join('\n') };
}

/** The parts of a key or a token that nobody must read in a log or an answer. */
function expectNothingShown(presented: string | null, { answer, log }: { answer: Answer; log: string }): void {
  const shown = `${log}\n${answer.text}\n${JSON.stringify([...answer.headers])}`;
  for (const secret of (presented ?? '').split(/[ .]/).filter((part) => part.length > 20)) {
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain(secret.slice(-20));
  }
}

const REALM = 'Bearer realm="payment-service"';

/** All that a caller can see of a refusal. */
const refusalOf = ({ status, body, headers }: Answer) => ({ status, body, challenge: headers.get('WWW-Authenticate') });

function unauthorized(message: string, isPresented = true) {
  const reason = isPresented ? `, error="invalid_token", error_description="${message}"` : '';
  return {
    status: 401,
    body: { error: { code: 'UNAUTHORIZED', message, details: {} }, timestamp: TIMESTAMP },
    challenge: `${REALM}${reason}`,
  };
}

function forbidden(needed: Scope) {
  return {
    status: 403,
    body: {
      error: { code: 'FORBIDDEN', message: `This needs the scope ${needed}.`, details: { needed_scope: needed } },
      timestamp: TIMESTAMP,
    },
    challenge: `${REALM}, error="insufficient_scope", scope="${needed}"`,
  };
}

/** Everything that can be asked is answered with this, and nothing is recorded, told or logged of what was presented. */
async function expectRefusedEverywhere(presented: Presented, refusal: ReturnType<typeof refusalOf>) {
  const before = await rowCounts();
  for (const { route, ask } of ROUTES) {
    const shown = await present(ask(standing), presented);
    expect({ route, ...refusalOf(shown.answer) }).toEqual({ route, ...refusal });
    expect(shown.answer.headers.get('X-Request-Id'), route).toMatch(/\S/);
    expectNothingShown(presented.header, shown);
  }
  expect(await rowCounts()).toEqual(before);
}

/** Another character than the one there, of those that a key consists of. */
function altered(text: string, position: number): string {
  const index = position < 0 ? text.length + position : position;
  return text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1);
}

/** The last character of 32 bytes in base64 has two bits that say nothing. */
function withOtherUnusedBits(text: string): string {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + ALPHABET.charAt(ALPHABET.indexOf(text.slice(-1)) + 1);
}

/** The key says that it has all scopes, under the signature of what it said before. */
function promoted(key: string): string {
  const [prefix, signature] = [key.slice(0, 'psk_test_'.length), key.slice(-43)];
  const said = atob(key.slice(prefix.length, -43).replaceAll('-', '+').replaceAll('_', '/'));
  const asked = said.replace(/,w[a-z]*,/, ',a,');
  expect(asked).not.toBe(said);
  return prefix + base64Url(new TextEncoder().encode(asked)) + signature;
}

async function unknownKey(): Promise<string> {
  const asked = { tenant: 'default', scopes: SCOPES, expiresAtMs: null };
  return (await makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, 'test', asked)).key;
}

async function withOtherClaims(token: string): Promise<string> {
  const [head, , signature] = token.split('.');
  const [, claims] = (await hs256.token({ claims: { scope: 'admin' } })).split('.');
  return `${head}.${claims}.${signature}`;
}

const MALFORMED_HEADER = 'The Authorization header is malformed';
const MALFORMED_KEY = 'The API key is malformed';
const ALTERED_KEY = 'The API key is not known';
const REVOKED = 'The API key has been revoked, or is not known';
const INVALID = 'The token is not valid';
const SIGNED_OTHERWISE = 'The token is not signed with the required algorithm or key';
const EXPIRED = 'The token has expired';
const TOO_EARLY = 'The token is not valid yet';
const NO_EXPIRY = 'The token does not expire';
const NO_SUBJECT = 'The token has no subject';
const NO_TENANT = 'The token names no organisation';
const OTHER_AUDIENCE = 'The token is for another audience';
const OTHER_ISSUER = 'The token is from another issuer';

const claiming =
  (claims: Record<string, unknown>): Present =>
  () =>
    asBearer(hs256.token({ claims }));

const REFUSED: [presented: string, reason: string, present: Present][] = [
  ['another scheme', MALFORMED_HEADER, () => header('Basic dXNlcjpwYXNzd29yZA==')],
  ['a scheme and nothing', MALFORMED_HEADER, () => header('Bearer')],
  ['an empty header', MALFORMED_HEADER, () => header('')],
  ['a key in two words', MALFORMED_HEADER, async () => header(`Bearer ${(await key()).replace('_test_', '_test_ ')}`)],
  ['a key without a scheme', MALFORMED_HEADER, async () => header(await key())],
  ['two keys', MALFORMED_HEADER, async () => header(`Bearer ${await key()}, Bearer ${await key()}`)],

  ['a key with an empty body', MALFORMED_KEY, () => asBearer('psk_test_')],
  ['a key with an unknown environment', MALFORMED_KEY, async () => asBearer((await key()).replace('_test_', '_prod_'))],
  ['a key that is too long', MALFORMED_KEY, () => asBearer(`psk_test_${'x'.repeat(600)}`)],
  ['a key with another character in it', ALTERED_KEY, async () => asBearer(altered(await key(), 30))],
  ['a key with another signature', ALTERED_KEY, async () => asBearer(altered(await key(), -20))],
  ['a key with scopes added', ALTERED_KEY, async () => asBearer(promoted(await key()))],
  ['a key with other unused bits', REVOKED, async () => asBearer(withOtherUnusedBits(await key()))],
  [
    'a key of another environment',
    'The API key is not a test key: it belongs to another environment',
    () => asBearer(key({}, 'live')),
  ],
  ['a key that the database does not have', REVOKED, () => asBearer(unknownKey())],
  ['a key that has expired', 'The API key has expired', () => asBearer(key({ expiresAtMs: Date.now() - 1000 }))],
  ['a key that was revoked', REVOKED, async () => asBearer((await revokedKey()).key)],
  [
    'an API key where only tokens are accepted',
    'API keys are not accepted; send a token',
    () => asBearer(key(), tokensOf(hs256)),
  ],

  ['garbage', INVALID, () => asBearer('garbage')],
  ['garbage in three parts', INVALID, () => asBearer('a.b.c')],
  ['three parts that are not JSON objects', INVALID, () => asBearer(`${btoa('null')}.${btoa('null')}.`)],
  ['a token that is too long', 'The token is malformed', () => asBearer('x'.repeat(8_193))],
  ['a token signed with another secret', INVALID, () => asBearer(sharedToken('HS256', 'x'.repeat(40)))],
  ['a token with other claims', INVALID, async () => asBearer(withOtherClaims(await hs256.token()))],
  ['a token without a signature', SIGNED_OTHERWISE, () => asBearer(unsignedToken())],
  [
    'a token of HS512 with the same secret',
    SIGNED_OTHERWISE,
    () => asBearer(sharedToken('HS512', hs256.variables.JWT_SECRET_KEY ?? '')),
  ],
  ['a token of RS256 where it is HS256', SIGNED_OTHERWISE, () => asBearer(rs256.token())],
  [
    'a token of HS256 signed with the public key, as PEM',
    SIGNED_OTHERWISE,
    () => asBearer(sharedToken('HS256', rs256.spki, { header: { kid: 'key-1' } }), tokensOf(rs256)),
  ],
  [
    'a token of HS256 signed with the public key, as JSON',
    SIGNED_OTHERWISE,
    () => asBearer(sharedToken('HS256', JSON.stringify(rs256.jwk), { header: { kid: 'key-1' } }), tokensOf(rs256)),
  ],
  ['a token of ES256 where it is RS256', SIGNED_OTHERWISE, () => asBearer(es256.token(), tokensOf(rs256))],
  [
    'a token of RS256 that says RS512',
    SIGNED_OTHERWISE,
    () => asBearer(rs256.token({ header: { alg: 'RS512' } }), tokensOf(rs256)),
  ],
  [
    'a token that names no key',
    SIGNED_OTHERWISE,
    () => asBearer(rs256.token({ header: { kid: undefined } }), tokensOf(rs256)),
  ],
  [
    'a token that names an unknown key',
    INVALID,
    () => asBearer(rs256.token({ header: { kid: 'key-2' } }), tokensOf(rs256)),
  ],
  [
    'a token signed with another issuer’s key of the same name',
    INVALID,
    async () => asBearer((await publishingIssuer('RS256')).token(), tokensOf(rs256)),
  ],
  [
    'a token of a type other than access token',
    SIGNED_OTHERWISE,
    () => asBearer(hs256.token({ header: { typ: 'logout+jwt' } })),
  ],
  [
    'a token with critical extensions',
    SIGNED_OTHERWISE,
    () => asBearer(hs256.token({ header: { crit: ['x'], x: 1 } })),
  ],
  ['a token that expired more than a minute ago', EXPIRED, () => claiming({ exp: nowSeconds() - 61 })()],
  ['a token that is not valid yet', TOO_EARLY, () => claiming({ nbf: nowSeconds() + 75 })()],
  ['a token that is issued tomorrow', TOO_EARLY, () => claiming({ iat: nowSeconds() + 86_400 })()],
  ['a token whose nbf is not a number', TOO_EARLY, claiming({ nbf: 'now' })],
  ['a token for another audience', OTHER_AUDIENCE, claiming({ aud: 'bookings' })],
  ['a token for several other audiences', OTHER_AUDIENCE, claiming({ aud: ['bookings', 'mail'] })],
  ['a token without an audience', OTHER_AUDIENCE, claiming({ aud: undefined })],
  ['a token from another issuer', OTHER_ISSUER, claiming({ iss: 'https://issuer.example/' })],
  ['a token without an issuer', OTHER_ISSUER, claiming({ iss: undefined })],
  ['a token that does not expire', NO_EXPIRY, claiming({ exp: undefined })],
  ['a token whose exp is not a number', NO_EXPIRY, claiming({ exp: '2099-01-01' })],
  ['a token whose exp is infinite', NO_EXPIRY, claiming({ exp: ENDLESS })],
  ['a token without a subject', NO_SUBJECT, claiming({ sub: undefined })],
  ['a token with a subject with line breaks', NO_SUBJECT, claiming({ sub: 'client\nadmin' })],
  ['a token with a subject that is too long', NO_SUBJECT, claiming({ sub: 'x'.repeat(129) })],
  ['a token that names no organisation', NO_TENANT, claiming({ org: undefined })],
  ['a token with two organisations', NO_TENANT, claiming({ org: ['default', 'other'] })],
  ['a token with an organisation with blanks', NO_TENANT, claiming({ org: 'default other' })],
  [
    'a token where only API keys are accepted',
    'Tokens are not accepted; send an API key',
    () => asBearer(hs256.token(), KEYS),
  ],
];

const LET_IN: [presented: string, present: Present][] = [
  ['a key', () => asBearer(key(), KEYS)],
  ['a key where tokens are accepted, too', () => asBearer(key())],
  ['a key that expires in a minute', () => asBearer(key({ expiresAtMs: Date.now() + 60_000 }))],
  ['a key of scheme bearer', async () => header(`bearer  ${await key()}`)],
  ['a key of an admin', () => asBearer(key({ scopes: ['admin'] }))],
  ['a token of HS256', () => asBearer(hs256.token(), tokensOf(hs256))],
  ['a token of RS256', () => asBearer(rs256.token(), tokensOf(rs256))],
  ['a token of ES256', () => asBearer(es256.token(), tokensOf(es256))],
  [
    'a token of RS256 where other keys of its issuer have the same name',
    () => asBearer(crowded.token(), tokensOf(crowded)),
  ],
  [
    'a token of RS256 where several keys of its issuer could have signed it',
    () => asBearer(rolling.token(), tokensOf(rolling)),
  ],
  ['a token where keys are taken too', () => asBearer(hs256.token())],
  ['a token that expired within the minute', () => claiming({ exp: nowSeconds() - 45 })()],
  ['a token that is valid within the minute', () => claiming({ nbf: nowSeconds() + 45, iat: nowSeconds() + 45 })()],
  ['a token for several audiences', claiming({ aud: ['bookings', 'payments'] })],
  [
    'a token whose scopes are a list',
    claiming({ scope: ['payments:write', 'refunds:write', 'payments:read', 'metrics:read'] }),
  ],
  ['a token of an admin', claiming({ scope: 'openid admin' })],
  ['an access token of RFC 9068', () => asBearer(hs256.token({ header: { typ: 'at+jwt' } }))],
  [
    'a token of the one organisation',
    () => asBearer(hs256.token({ claims: { org: undefined } }), { ...BOTH, JWT_TENANT_CLAIM: '' }),
  ],
  ['nothing, where nobody is asked,', () => header(null, NOBODY_ASKED)],
  ['garbage, where nobody is asked,', () => asBearer('garbage', NOBODY_ASKED)],
  ['a revoked key, where nobody is asked,', async () => asBearer((await revokedKey()).key, NOBODY_ASKED)],
];

afterEach(() => void vi.restoreAllMocks());

describe('a caller is refused', () => {
  it.each([
    ['api_key', KEYS],
    ['jwt', tokensOf(rs256)],
    ['both', BOTH],
  ])('who presents nothing where AUTH_MODE is %s', async (_, variables) => {
    const message = 'Send an API key or a token: Authorization: Bearer …';
    await expectRefusedEverywhere(header(null, variables), unauthorized(message, false));
  });

  it.each(REFUSED)('who presents %s: %s', async (_, reason, presentation) => {
    await expectRefusedEverywhere(await presentation(), unauthorized(reason));
  });

  it('with a revoked key that lacks the scope', async () => {
    const { key } = await revokedKey({ scopes: [] });
    await expectRefusedEverywhere(await asBearer(key), unauthorized(REVOKED));
  });

  it('with a token whose issuer is unreachable: 503 with Retry-After', async () => {
    const down = { ...rs256.variables, JWT_JWKS_URL: `http://issuer.test/${crypto.randomUUID()}/keys` };
    const presented = await asBearer(rs256.token(), tokensOf({ variables: down }));
    const message = 'The keys of the token’s issuer are unavailable right now. Please try again.';
    await expectRefusedEverywhere(presented, {
      status: 503,
      body: { error: { code: 'SERVICE_UNAVAILABLE', message, details: {} }, timestamp: TIMESTAMP },
      challenge: null,
    });
    const { answer } = await present({ method: 'GET', path: '/payment/methods' }, presented);
    expect(answer.headers.get('Retry-After')).toBe('5');
  });
});

describe('while the issuer replaces its key', () => {
  /** An issuer that publishes `key-1`, and the key that it publishes next as `key-2`. */
  async function rotation() {
    const [issuer, next] = [await publishingIssuer('ES256'), await publishingIssuer('ES256')];
    const publish = (body: string) => fetch(String(issuer.variables.JWT_JWKS_URL), { method: 'PUT', body });
    const statusOf = async (token: Promise<string>) => {
      const { answer } = await present(
        { method: 'GET', path: '/payment/methods' },
        await asBearer(token, tokensOf(issuer)),
      );
      return [answer.status, answer.headers.get('Retry-After')];
    };
    expect(await statusOf(issuer.token())).toEqual([200, null]);
    return {
      statusOf,
      publishBoth: () =>
        publish(
          JSON.stringify({
            keys: [
              { ...issuer.jwk, kid: 'key-1' },
              { ...next.jwk, kid: 'key-2' },
            ],
          }),
        ),
      breakDown: () => publish('<html>'),
      token: () => issuer.token(),
      newToken: () => next.token({ header: { kid: 'key-2' } }),
      madeUp: () => next.token({ header: { kid: 'made-up' } }),
    };
  }

  it('all tokens with the new key are accepted at once, even right after an invented key id', async () => {
    const { statusOf, publishBoth, newToken, madeUp } = await rotation();
    expect(await statusOf(madeUp())).toEqual([401, null]);
    await publishBoth();
    const statuses = await Promise.all(Array.from({ length: 8 }, () => statusOf(newToken())));
    expect(statuses).toEqual(Array(8).fill([200, null]));
  });

  it('and is down, a token with the new key gets 503, and tokens with the known key are accepted', async () => {
    const { statusOf, breakDown, token, newToken } = await rotation();
    await breakDown();
    for (let times = 0; times < 2; times += 1) expect(await statusOf(newToken())).toEqual([503, '5']);
    expect(await statusOf(token())).toEqual([200, null]);
  });

  it('many tokens with invented key ids do not block tokens with a known key', async () => {
    const { statusOf, token, madeUp } = await rotation();
    const crowd = await Promise.all(Array.from({ length: 30 }, () => statusOf(madeUp())));
    expect(new Set(crowd.map(([code]) => code))).toEqual(new Set([401, 503]));
    expect(await statusOf(token())).toEqual([200, null]);
  });
});

describe('a caller is accepted', () => {
  it.each(LET_IN)('who presents %s', async (_, presentation) => {
    const presented = await presentation();
    for (const { route, status, ask } of ROUTES) {
      const shown = await present(ask(standing), presented);
      expect({ route, status: shown.answer.status }).toEqual({ route, status });
      expect(shown.answer.headers.get('WWW-Authenticate'), route).toBeNull();
      expectNothingShown(presented.header, shown);
    }
  });
});

const holders: [holder: string, of: (tenant: string, scopes?: readonly Scope[]) => Promise<Presented>][] = [
  ['a key', (tenant, scopes) => asBearer(key({ tenant, ...(scopes && { scopes }) }))],
  [
    'a token',
    (tenant, scopes) => asBearer(hs256.token({ claims: { org: tenant, ...(scopes && { scope: scopes.join(' ') }) } })),
  ],
];

const OF_A_PAYMENT = ['POST /payment/refund', 'GET /payment/status of a payment'];

describe.each(holders)('with %s', (_, holderOf) => {
  it.each([...SCOPES.map((scope) => [scope]), []])(
    'of the scope %s, that may be done, and nothing else',
    async (scope) => {
      const presented = await holderOf('default', scope === undefined ? [] : [scope]);
      for (const { route, needs, status, ask } of ROUTES) {
        const before = await rowCounts();
        const { answer } = await present(ask(standing), presented);
        if (needs === null || scope === needs || scope === 'admin') {
          expect({ route, status: answer.status }).toEqual({ route, status });
          continue;
        }
        expect({ route, ...refusalOf(answer) }).toEqual({ route, ...forbidden(needs) });
        expect(await rowCounts(), route).toEqual(before);
      }
    },
  );

  it.each(ROUTES.filter(({ needs }) => needs === 'payments:read' || needs === 'refunds:write'))(
    'nothing of another organisation is there: $route',
    async ({ ask }) => {
      const before = await rowCounts();
      const { answer } = await present(ask(standing), await holderOf(newTenant()));
      expect(answer.status).toBe(404);
      expectEnvelope(answer, 'TRANSACTION_NOT_FOUND');
      expect(await rowCounts()).toEqual(before);
    },
  );

  const pay = async (tenant: string, body: Record<string, unknown>, headers: Record<string, string> = {}) =>
    (await present({ method: 'POST', path: '/payment/process', body }, await holderOf(tenant), { headers })).answer;

  it('a booking is paid for whose id another organisation has paid for', async () => {
    const [tenants, body] = [[newTenant(), newTenant()].toSorted(), payment()];
    for (const tenant of tenants) expect((await pay(tenant, body)).status).toBe(200);
    const found = await transactionsOf(String(body.booking_id));
    expect(found.map(({ tenant, status }) => `${tenant} ${status}`).toSorted()).toEqual(
      tenants.map((tenant) => `${tenant} completed`),
    );
  });

  it('an Idempotency-Key that another organisation has is for a payment of its own', async () => {
    const [headers, body] = [{ 'Idempotency-Key': newKey() }, payment()];
    const first = await pay(newTenant(), body, headers);
    const second = await pay(newTenant(), body, headers);
    expect([first.status, second.status, second.headers.get('Idempotent-Replayed')]).toEqual([200, 200, null]);
    expect(second.body.transaction_id).not.toBe(first.body.transaction_id);
  });

  it('what the same organisation has paid is there, to be read and refunded, and not paid again', async () => {
    const [tenant, body] = [newTenant(), payment()];
    const { body: paid } = await pay(tenant, body);
    expect((await pay(tenant, body)).status).toBe(409);
    for (const { route, ask } of ROUTES.filter(({ route }) => OF_A_PAYMENT.includes(route))) {
      const { answer } = await present(ask({ ...standing, paid }), await holderOf(tenant));
      expect({ route, status: answer.status }).toEqual({ route, status: 200 });
    }
  });
});

describe('a revoked key', () => {
  it.each<[string, RequestOptions]>([
    ['that is not valid', { body: {} }],
    ['that is no JSON', { body: '{' }],
    ['that is too large', { body: 'x'.repeat(17 * 1024) }],
    ['of another media type', { body: payment(), headers: { 'Content-Type': 'text/plain' } }],
    ['with an Idempotency-Key that is none', { body: payment(), headers: { 'Idempotency-Key': '""' } }],
    ['with an amount that cannot be paid', { body: payment({ amount: 0 }) }],
    ['with a method that cannot be paid with', { body: payment({ payment_method: 'stripe' }) }],
  ])('is all that is told of a request %s', async (_, options) => {
    const { key } = await revokedKey();
    for (const path of ['/payment/process', '/payment/refund']) {
      const { answer } = await present({ method: 'POST', path }, await asBearer(key), options);
      expect(refusalOf(answer)).toEqual(unauthorized(REVOKED));
    }
  });

  it('does not claim that nothing was done if the database’s first answer was lost before the revocation', async () => {
    const { keyId, headers } = await apiKey();
    const { transaction_id, booking_id } = await paid();
    const { d1 } = watchedDatabase((roundTrip) => (roundTrip === 1 ? 'lose' : 'answer'));
    const revoking = new Proxy(d1, {
      get: (target, property) =>
        property === 'batch'
          ? async (statements: D1PreparedStatement[]) => {
              try {
                return await target.batch(statements);
              } finally {
                await revokeApiKey(database, keyId, Date.now());
              }
            }
          : Reflect.get(target, property),
    });
    const body = refundOf({ transaction_id, booking_id });
    const answer = await sendWith({ ...WITH_KEYS, DB: revoking }, 'POST', '/payment/refund', { body, headers });
    expect([answer.status, answer.body.error.details.status]).toEqual([503, 'pending']);
    expect(await status(answer.body.error.details.refund_transaction_id)).toMatchObject({ status: 200 });
  });

  it('is refused from the next request on', async () => {
    const { key, keyId } = await apiKey();
    const read = { method: 'GET', path: '/payment/methods' } as const;
    expect((await present(read, await asBearer(key))).answer.status).toBe(200);
    await revokeApiKey(database, keyId, Date.now());
    expect(refusalOf((await present(read, await asBearer(key))).answer)).toEqual(unauthorized(REVOKED));
  });

  it('is checked once, and not again after a refusal', async () => {
    const [watched, { headers }] = [watchedDatabase(), await revokedKey()];
    await sendWith({ ...KEYS, DB: watched.d1 }, 'POST', '/payment/process', { body: payment(), headers });
    expect(watched.roundTrips()).toBe(1);
  });
});

describe('while API_KEY_SECRET is replaced', () => {
  const FORMER = LOCAL_SECRETS.API_KEY_SECRET;
  const CURRENT = 'Y3VycmVudC1zZWNyZXQtb2YtYWxsLXRoZS1hcGkta2V5cw';
  const BEFORE = { ...KEYS, API_KEY_SECRET: FORMER };
  const DURING = { ...KEYS, API_KEY_SECRET: CURRENT, API_KEY_SECRET_PREVIOUS: FORMER };
  const AFTER = { ...KEYS, API_KEY_SECRET: CURRENT };
  const methods = (variables: Record<string, string>, headers: Record<string, string>) =>
    sendWith(variables, 'GET', '/payment/methods', { headers });
  const NOT_KNOWN = unauthorized('The API key is not known');

  it('keys of the former secret are accepted until it is removed, and pay and refund as before', async () => {
    const { headers } = await apiKey({ secret: FORMER });
    expect((await methods(BEFORE, headers)).status).toBe(200);
    const pays = await sendWith(DURING, 'POST', '/payment/process', { body: payment(), headers });
    expect(pays.status).toBe(200);
    const refund = { body: refundOf(pays.body), headers };
    expect((await sendWith(DURING, 'POST', '/payment/refund', refund)).status).toBe(200);
    expect(refusalOf(await methods(AFTER, headers))).toEqual(NOT_KNOWN);
  });

  it('keys of the current secret are accepted from its introduction on', async () => {
    const { headers } = await apiKey({ secret: CURRENT });
    expect(refusalOf(await methods(BEFORE, headers))).toEqual(NOT_KNOWN);
    expect((await methods(DURING, headers)).status).toBe(200);
    expect((await methods(AFTER, headers)).status).toBe(200);
  });

  it('a key of either secret is refused once it is revoked', async () => {
    for (const secret of [FORMER, CURRENT]) {
      const { keyId, headers } = await apiKey({ secret });
      expect((await methods(DURING, headers)).status).toBe(200);
      await revokeApiKey(database, keyId, Date.now());
      expect(refusalOf(await methods(DURING, headers))).toEqual(unauthorized(REVOKED));
    }
  });

  it('a key that neither secret has signed is refused, and so is one that the database does not have', async () => {
    const { key } = await apiKey({ secret: FORMER });
    for (const forged of [altered(key, -20), promoted(key)]) {
      expect(refusalOf(await methods(DURING, bearer(forged)))).toEqual(NOT_KNOWN);
    }
    const { headers } = await apiKey({ secret: 'YW5vdGhlci1zZWNyZXQtb2YtYW5vdGhlci1zZXJ2aWNl' });
    expect(refusalOf(await methods(DURING, headers))).toEqual(NOT_KNOWN);
    expect(refusalOf(await methods(DURING, bearer(await unknownKey())))).toEqual(unauthorized(REVOKED));
  });

  it('an expired key of the former secret stays expired', async () => {
    const { headers } = await apiKey({ secret: FORMER, expiresAtMs: Date.now() - 1000 });
    expect(refusalOf(await methods(DURING, headers))).toEqual(unauthorized('The API key has expired'));
  });
});

describe.concurrent('a database that cannot be reached', () => {
  it('leaves the answer to a refund as it is, which warns of paying it back twice', async () => {
    const [{ headers }, watched] = [await apiKey(), watchedDatabase(() => 'fail')];
    const body = refundOf(standing.paid, { refund_amount: 0.01 });
    const answer = await sendWith({ ...KEYS, DB: watched.d1 }, 'POST', '/payment/refund', { body, headers });
    expect([answer.status, answer.body.error.details]).toEqual([
      503,
      { refund_transaction_id: REFUND_ID, status: 'pending', retry_possible: false },
    ]);
  });

  it('lets no answer leave that needs none of it', async () => {
    const [{ headers }, watched] = [await apiKey(), watchedDatabase(() => 'fail')];
    const answer = await sendWith({ ...KEYS, DB: watched.d1 }, 'GET', '/payment/methods', { headers });
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([503, '5']);
    expectEnvelope(answer, 'SERVICE_UNAVAILABLE');
  });
});

describe('the last use of a key', () => {
  const lastUse = (keyId: string) =>
    env.DB.prepare('SELECT last_used_at_ms FROM api_keys WHERE key_id = ?1')
      .bind(keyId)
      .first<number>('last_used_at_ms');
  const setLastUse = (keyId: string, atMs: number) =>
    env.DB.prepare('UPDATE api_keys SET last_used_at_ms = ?2 WHERE key_id = ?1').bind(keyId, atMs).run();

  it('is recorded to the hour', async () => {
    const { keyId, headers } = await apiKey();
    const use = () => sendWith(KEYS, 'GET', '/payment/methods', { headers });
    const startedAtMs = Date.now();
    expect(await lastUse(keyId)).toBeNull();
    await use();
    expect(await lastUse(keyId)).toBeGreaterThanOrEqual(startedAtMs);

    const withinTheHour = startedAtMs - HOUR_MS + 60_000;
    await setLastUse(keyId, withinTheHour);
    await use();
    expect(await lastUse(keyId)).toBe(withinTheHour);

    await setLastUse(keyId, startedAtMs - HOUR_MS);
    await use();
    expect(await lastUse(keyId)).toBeGreaterThanOrEqual(startedAtMs);
  });

  it('is not recorded for a refused key', async () => {
    const { keyId, headers } = await revokedKey();
    await sendWith(KEYS, 'GET', '/payment/methods', { headers });
    expect(await lastUse(keyId)).toBeNull();
  });
});

describe('the rate limit', () => {
  it('counts refused callers, and is checked before the key is read', async () => {
    const [address, watched] = [newAddress(), watchedDatabase()];
    const ask = (headers: Record<string, string>) =>
      sendWith({ AUTH_MODE: 'api_key', DB: watched.d1 }, 'GET', '/payment/methods', { address, headers });
    for (let request = 0; request < 20; request += 1) expect((await ask(bearer('garbage'))).status).toBe(401);
    const { headers } = await apiKey();
    expect((await ask(headers)).status).toBe(429);
    expect(watched.roundTrips()).toBe(0);
  });
});

describe('without a key or a token', () => {
  const STRIPE = { STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_WEBHOOK_SECRET: 'whsec_1' };

  it.each([
    ['GET', '/health', 200],
    ['POST', '/webhooks/stripe', 400],
    ['GET', '/webhooks/stripe', 405],
    ['POST', '/webhooks/paypal', 404],
    ['GET', '/nothing', 404],
  ])('%s %s is answered with what is to be said of it', async (method, path, status) => {
    const options = method === 'POST' ? { body: { type: 'charge.succeeded' } } : {};
    const answer = await sendWith({ ...KEYS, ...STRIPE }, method, path, options);
    expect([answer.status, answer.headers.get('WWW-Authenticate')]).toEqual([status, null]);
  });
});

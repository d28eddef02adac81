/** Requests that nobody in their right mind sends: every part is mostly right, so that what is wrong is met deep inside. */
import fc from 'fast-check';
import { MARKER } from './bad-bodies.ts';
import {
  type Authorization,
  anyAuthorization,
  anyOf,
  anySignedToken,
  headerOf,
  TOKENS,
} from './hostile-authorization.ts';
import { anyOtherBody, anyPayment, anyRefund, type KnownPayment, type Sent, streamed } from './hostile-body.ts';
import { anyHeaderText, anyText } from './hostile-text.ts';
import type { RequestOptions } from './request.ts';

const EXEMPT_ADDRESS = '198.51.100.1';
export const ALLOWED_ORIGINS = ['https://shop.example', 'http://localhost:3000'];
const BOTH = { AUTH_MODE: 'both', ...TOKENS };

/** The service as it may be set up. The limiter counts only who is not exempt: each address costs an object of its own. */
export const SETTINGS = {
  open: {},
  counting: { VELOCITY_PER_CARD: '30', VELOCITY_PER_USER: '30', VELOCITY_DECLINE_PERCENT: '80' },
  yen: { PAYMENT_CURRENCY: 'JPY' },
  keys: { AUTH_MODE: 'api_key' },
  tokens: { AUTH_MODE: 'jwt', ...TOKENS, JWT_TENANT_CLAIM: 'tenant' },
  both: { ...BOTH, CORS_ORIGINS: ALLOWED_ORIGINS.join(',') },
  providers: {
    ...{ STRIPE_SECRET_KEY: 'sk_test_hostile', STRIPE_WEBHOOK_SECRET: 'whsec_hostile' },
    ...{ PAYPAL_CLIENT_ID: 'hostile', PAYPAL_CLIENT_SECRET: 'hostile-too', PAYPAL_MERCHANT_ID: '23456789ABCDE' },
    ...{ PAYPAL_WEBHOOK_ID: 'WH1', PAYPAL_API_URL: 'http://bridge.test', STRIPE_API_URL: 'http://bridge.test' },
  },
  production: {
    ...BOTH,
    ENVIRONMENT: 'production',
    SANDBOX_ALLOWED: 'true',
    BRIDGE_URL: 'https://bridge.test/default/',
  },
} as const;

export interface HostileRequest {
  settings: keyof typeof SETTINGS;
  method: string;
  path: string;
  /** Null: the request does not say where it comes from. */
  address: string | null;
  headers: Record<string, string | null>;
  authorization: Authorization;
  /** Null: without one. */
  sent: Sent | null;
}

/** What the service has of its callers before they become hostile. */
export interface Known {
  payments: readonly KnownPayment[];
  testKeys: readonly string[];
  liveKeys: readonly string[];
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'PROPFIND', 'PURGE', 'QUERY', 'LOCK'];
const WITHOUT_BODY = ['GET', 'HEAD'];

/** Who may call is let in mostly: what is behind that is to be seen as well. */
function anyCaller({ testKeys, liveKeys }: Known, settings: keyof typeof SETTINGS): fc.Arbitrary<Authorization> {
  const good = { keys: anyOf(testKeys), both: anyOf(testKeys), production: anyOf(liveKeys) } as const;
  return fc.oneof(
    { weight: 3, arbitrary: settings in good ? good[settings as keyof typeof good] : anySignedToken },
    { weight: 1, arbitrary: anyAuthorization([...testKeys, ...liveKeys]) },
  );
}

const anyAddress = fc.oneof(
  { weight: 25, arbitrary: fc.constantFrom(EXEMPT_ADDRESS, EXEMPT_ADDRESS, `::ffff:${EXEMPT_ADDRESS}`) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.constantFrom('203.0.113.1', '2001:db8::1', '2001:db8:0:0:ffff::2', '0xcb007101', '3405803777'),
      anyHeaderText,
      fc.constant(null),
    ),
  },
);

/** Always the same spelling in the path. */
const inPath = (text: string) => encodeURIComponent(text.toWellFormed());

function anyId(known: readonly KnownPayment[]): fc.Arbitrary<string> {
  const good = fc.constantFrom(...known).map(({ transaction_id }) => transaction_id);
  return fc.oneof(
    { weight: 12, arbitrary: good },
    {
      weight: 2,
      arbitrary: good.chain((id) => fc.nat(id.length).map((at) => `${id.slice(0, at)}_${id.slice(at + 1)}`)),
    },
    { weight: 1, arbitrary: good.map((id) => id.toLowerCase()) },
    { weight: 1, arbitrary: fc.constantFrom('TXN-', 'REF-01J00000000000000000000000', '%00', '%E0%A4%A', '%2e%2e%2f') },
    { weight: 1, arbitrary: anyText.map((text) => `TXN-${inPath(text)}`) },
    { weight: 1, arbitrary: anyText.map(inPath) },
  );
}

/** A path that is nearly the one that it was. */
const anyPathDamage: fc.Arbitrary<(path: string) => string> = fc.oneof(
  { weight: 60, arbitrary: fc.constant((path: string) => path) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<(path: string) => string>(
      (path) => `${path}/`,
      (path) => `/${path}`,
      (path) => path.replaceAll('/', '//'),
      (path) => path.replace('/', '/./'),
      (path) => `/x/..${path}`,
      (path) => `/%2e%2e${path}`,
      (path) => path.replace(/.\//, '%2f'),
      (path) => path.toUpperCase(),
      (path) => `${path}%00`,
      (path) => `${path};a=b`,
      (path) => `${path}\\`,
      (path) => path + '/x'.repeat(5000),
      (path) => path + 'x'.repeat(50_000),
    ),
  },
  { weight: 1, arbitrary: anyText.map((text) => (path: string) => path + inPath(text)) },
);

const anyQuery = fc.oneof(
  { weight: 12, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom('?', '??', '?a', '?a=1&a=2', '?__proto__[x]=1', '?%', '?%00', '#', '#?x') },
  { weight: 1, arbitrary: anyText.map((text) => `?${inPath(text)}=${inPath(text)}`) },
);

/** Mostly left out. */
const seldom = (usual: fc.Arbitrary<string>) =>
  fc.oneof({ withCrossShrink: true }, { weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: usual });
const oddly = (...texts: string[]) => fc.oneof(fc.constantFrom(...texts), anyHeaderText);

const anyHeaders: fc.Arbitrary<Record<string, string | null>> = fc.record({
  'Content-Type': fc.oneof(
    { weight: 12, arbitrary: fc.constant('application/json') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'application/json; charset=utf-16',
        'APPLICATION/JSON',
        'application/problem+json',
        null,
      ),
    },
    {
      weight: 1,
      arbitrary: oddly('text/plain', 'multipart/form-data', 'application/json, text/html', 'application/jsonx', ';'),
    },
  ),
  'Content-Encoding': fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(null, null, 'identity') },
    { weight: 1, arbitrary: oddly('gzip', 'br', 'IDENTITY', 'identity, gzip') },
  ),
  'Content-Length': fc.oneof(
    { weight: 30, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: oddly('0', '-1', '1', '16384', '16385', '99999999999999999999', '5, 5', '0x10') },
  ),
  'Transfer-Encoding': fc.oneof(
    { weight: 30, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: oddly('chunked', 'gzip, chunked') },
  ),
  'Idempotency-Key': fc.oneof(
    { weight: 8, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: fc.nat(30).map((number) => `key-${number}`) },
    { weight: 1, arbitrary: oddly('"quoted"', '"', 'a, b', '"a", "b"', 'x'.repeat(256)) },
  ),
  'X-Request-Id': seldom(oddly('booking-4711', 'a b', '<script>', 'y'.repeat(256), '__proto__')),
  Origin: seldom(oddly(...ALLOWED_ORIGINS, 'null', 'https://shop.example.evil.example', 'https://SHOP.example')),
  'Access-Control-Request-Method': seldom(oddly('POST', 'post', '*')),
  'Access-Control-Request-Headers': seldom(oddly('authorization', '*', 'x'.repeat(5000))),
  Cookie: seldom(anyHeaderText),
  'X-Forwarded-For': seldom(oddly('127.0.0.1', '203.0.113.9, 127.0.0.1')),
  'X-HTTP-Method-Override': seldom(oddly('DELETE', 'POST')),
  Accept: seldom(oddly('text/html', 'application/xml;q=1')),
  Expect: seldom(fc.constantFrom('100-continue', 'nothing')),
  Upgrade: seldom(fc.constantFrom('websocket', 'h2c')),
  Range: seldom(fc.constantFrom('bytes=0-1', 'bytes=-1')),
});

/** The one of a webhook may be of the right form, which is all that somebody hostile can make. */
const anySignatures: fc.Arbitrary<Record<string, string | null>> = fc.record({
  'Stripe-Signature': oddly('t=1,v1=0', 't=,v1=', ',,,===', `t=${'9'.repeat(400)},v1=${'a'.repeat(64)}`),
  'PayPal-Transmission-Id': oddly('69cd13f0-d67a-11e5-baa3-778b53f4ae55'),
  'PayPal-Transmission-Time': oddly('2016-02-18T20:01:35Z', '+275760-09-13', '0'),
  'PayPal-Transmission-Sig': oddly('lmI95Jx3Y9nhR5SJWlHVIWpg4AgFk7n9bCHSRxbrd8A='),
  'PayPal-Cert-Url': oddly('https://api.paypal.com/x', 'https://evil.example/paypal.com', 'http://::', 'https://%'),
  'PayPal-Auth-Algo': oddly('SHA256withRSA'),
});

interface Target {
  method: string;
  path: string;
  sent: Sent | null;
}

/** Mostly what the path is for. */
const target = (method: string, path: fc.Arbitrary<string>, sent: fc.Arbitrary<Sent | null>): fc.Arbitrary<Target> =>
  fc
    .tuple(
      fc.oneof({ weight: 12, arbitrary: fc.constant(method) }, { weight: 1, arbitrary: fc.constantFrom(...METHODS) }),
      fc.tuple(path, anyPathDamage, anyQuery).map(([at, damage, query]) => damage(at) + query),
      sent,
    )
    .map(([asked, at, body]) => ({ method: asked, path: at, sent: WITHOUT_BODY.includes(asked) ? null : body }));

function anyTarget({ payments }: Known): fc.Arbitrary<Target> {
  const at = (path: string) => fc.constant(path);
  const status = anyId(payments).map((id) => `/payment/status/${id}`);
  const elsewhere = fc.oneof(
    fc.constantFrom('/', '/payment', '/payment/status', '/webhooks', '/.git/config', '/health/x', '/__proto__'),
    anyText.map((text) => `/${inPath(text)}`),
  );
  return fc.oneof(
    { weight: 10, arbitrary: target('POST', at('/payment/process'), anyPayment(payments)) },
    { weight: 6, arbitrary: target('POST', at('/payment/refund'), anyRefund(payments)) },
    { weight: 4, arbitrary: target('GET', status, anyOtherBody) },
    { weight: 1, arbitrary: target('GET', fc.constantFrom('/health', '/payment/methods'), anyOtherBody) },
    { weight: 1, arbitrary: target('GET', elsewhere, anyOtherBody) },
  );
}

const WEBHOOKS = target('POST', fc.constantFrom('/webhooks/stripe', '/webhooks/paypal'), anyOtherBody);

export function anyHostileRequest(known: Known): fc.Arbitrary<HostileRequest> {
  const requests = (settings: keyof typeof SETTINGS, asked: fc.Arbitrary<Target>, headers = anyHeaders) =>
    fc
      .record({ address: anyAddress, headers, authorization: anyCaller(known, settings), asked })
      .map(({ asked: { method, path, sent }, ...others }) => ({ method, path, settings, ...others, sent }));
  const signed = fc.tuple(anyHeaders, anySignatures).map(([headers, signatures]) => ({ ...headers, ...signatures }));
  const { providers, ...others } = SETTINGS;
  return fc.oneof(
    ...(Object.keys(others) as (keyof typeof others)[]).map((settings) => requests(settings, anyTarget(known))),
    requests('providers', WEBHOOKS, signed),
  );
}

/** What a Worker is told for it: nobody else's settings are touched. */
export const bindingsOf = ({ settings }: HostileRequest): Record<string, string> => ({
  RATE_LIMIT_EXEMPT: EXEMPT_ADDRESS,
  RATE_LIMIT_PER_MINUTE: '20',
  ...SETTINGS[settings],
});

export async function optionsOf({ address, headers, authorization, sent }: HostileRequest): Promise<RequestOptions> {
  return {
    address,
    headers: { ...headers, Authorization: await headerOf(authorization) },
    ...(sent !== null && { body: streamed(sent.body) }),
  };
}

/** A credential of so few characters is a word that an answer may have for another reason. */
const CREDENTIAL_MIN_LENGTH = 20;

/** What no answer and no log line may have in it: of the card, and of the credential. */
export function secretsOf({ sent, path }: HostileRequest, { headers }: RequestOptions): string[] {
  const credential = headers?.Authorization?.replace(/^\s*Bearer\s*/i, '').trim() ?? '';
  const own = [...(sent?.secrets ?? []), ...(credential.length >= CREDENTIAL_MIN_LENGTH ? [credential] : [])];
  return own.filter((secret) => secret === MARKER || !path.includes(secret));
}

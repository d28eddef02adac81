/** The one place that reads the Worker's variables and secrets. Every mistake is named, all of them at once. */
import ipaddr from 'ipaddr.js';
import * as z from 'zod/mini';
import { isSigningSecret, SIGNING_SECRET_MIN_BYTES } from '../contract/relay.ts';
import { currencyExponent, minorUnits } from '../payments/money.ts';
import type { JwtSettings } from './auth/json-web-token.ts';

export interface Settings {
  production: boolean;
  /** Whether the sandbox, which charges nobody, may answer. */
  sandboxAllowed: boolean;
  /** Which gateway takes cards, and everything else that no other one takes. */
  gateway: (typeof GATEWAYS)[number];
  /** Each null where it is not configured. */
  httpGateway: { url: string; apiKey: string } | null;
  stripe: { secretKey: string; webhookSecret: string | null; apiUrl: string } | null;
  paypal: {
    clientId: string;
    clientSecret: string;
    merchantId: string;
    webhookId: string | null;
    apiUrl: string;
  } | null;
  gatewayTimeoutMs: number;
  /** ISO 4217. */
  currency: string;
  maxAmountMinor: number;
  bridgeUrl: string;
  /** `whsec_…`, base64. */
  bridgeSigningSecret: string;
  /** Of the fingerprints by which requests are recognized; base64. */
  fingerprintKey: string;
  auth: AuthSettings;
  /** Of what is stored of persons. Each 32 bytes, base64. */
  encryption: { key: string; previousKeys: string[] };
  velocity: VelocityLimits;
  /** Origins of web pages that may call. */
  corsOrigins: string[];
  rateLimit: RateLimitSettings;
}

/** Each null where it is not a way to be let in; both null: everybody is. */
export interface AuthSettings {
  apiKeySecret: string | null;
  jwt: JwtSettings | null;
}

/** Against those who try out cards. Each null where it does not count. */
export interface VelocityLimits {
  /** Of the cards' keyed hashes; base64. */
  cardKey: string;
  attemptsPerCard: number | null;
  attemptsPerUser: number | null;
  /** Of an address: how many of a hundred attempts may be declined. */
  declinePercent: number | null;
}

export interface RateLimitSettings {
  perMinute: number;
  /** In any ten seconds. */
  burst: number;
  exempt: Cidr[];
  /** Whether requests pass when the limiter can't be reached. */
  failOpen: boolean;
}

export type Cidr = ReturnType<typeof ipaddr.parseCIDR>;

/** Variables as Cloudflare hands them over: all of them text, any of them missing. */
export type Variables = { readonly [name: string]: unknown };

const GATEWAYS = ['sandbox', 'http', 'stripe', 'paypal'] as const;
const AUTH_MODES = ['none', 'api_key', 'jwt', 'both'] as const;

/** Each admission is written to the limiter's storage together with its window, so a window has a sensible size. */
const RATE_LIMIT_MAX = 1000;
/** With the ledger's claim before it and its record behind it, a payment ends within the time that a Worker outlives its client. */
export const GATEWAY_TIMEOUT_MAX_MS = 12_000;

const missing = { error: 'is missing' };
const text = z.string(missing).check(z.trim(), z.minLength(1, { ...missing, abort: true }));
const flag = z.pipe(
  z.enum(['true', 'false'], { error: 'must be true or false' }),
  z.transform((value) => value === 'true'),
);
const count = (max: number) =>
  z.coerce
    .number({ error: 'must be a number' })
    .check(
      z.int('must be a whole number'),
      z.minimum(1, 'must be 1 or more'),
      z.maximum(max, `must be ${max} or less`),
    );

const httpAddress = z.refine<string>(
  (url) => URL.canParse(url) && /^https?:/i.test(url),
  'must be an http or https address',
);
const secret = text.check(
  z.refine(isSigningSecret, `must be at least ${SIGNING_SECRET_MIN_BYTES} random bytes in base64`),
);
const ENCRYPTION_KEY_BYTES = 32;
const ENCRYPTION_KEY_FORM = `must be ${ENCRYPTION_KEY_BYTES} random bytes in base64`;
/** RFC 7518, 3.2: a key of HS256 has at least as many bytes as its hash. */
const JWT_SECRET_MIN_BYTES = 32;
const MIN_DIFFERENT = 8;
/** 0: off. */
const limit = (usual: number, max: number) =>
  z.pipe(
    z._default(
      z.coerce
        .number({ error: 'must be a number' })
        .check(
          z.int('must be a whole number'),
          z.minimum(0, 'must be 0 or more'),
          z.maximum(max, `must be ${max} or less`),
        ),
      usual,
    ),
    z.transform((value) => value || null),
  );
const VELOCITY_MAX = 100_000;

/** An empty variable, as wrangler.toml has them to be filled in, is none. */
const optional = z.pipe(
  z.optional(z.string().check(z.trim())),
  z.transform((value) => value || null),
);

const optionalSecret = z.pipe(optional, z.nullable(secret));
const optionalLike = (form: RegExp, what: string) =>
  z.pipe(optional, z.nullable(z.string().check(z.regex(form, what))));
const addressOr = (usual: string) =>
  z.pipe(
    optional,
    z.pipe(
      z.transform((value: string | null) => value ?? usual),
      z.string().check(httpAddress, z.refine(hasNoPath, 'must have no path: its paths are known')),
    ),
  );

/** What is no address is told of already. */
function hasNoPath(url: string): boolean {
  return !URL.canParse(url) || new URL(url).pathname === '/';
}

const variables = z
  .object({
    ENVIRONMENT: z._default(
      z.enum(['production', 'development'], { error: 'must be production or development' }),
      'production',
    ),
    PAYMENT_GATEWAY: z._default(z.enum(GATEWAYS, { error: 'must be sandbox, http, stripe or paypal' }), 'sandbox'),
    SANDBOX_ALLOWED: z._default(flag, false),
    PAYMENT_GATEWAY_URL: z.pipe(optional, z.nullable(z.string().check(httpAddress))),
    PAYMENT_GATEWAY_API_KEY: optional,
    STRIPE_SECRET_KEY: optionalLike(/^(sk|rk)_(live|test)_\w+$/, 'must be a secret key, sk_… or rk_…'),
    STRIPE_WEBHOOK_SECRET: optionalLike(/^whsec_\w+$/, 'must be the signing secret of the webhook, whsec_…'),
    STRIPE_API_URL: addressOr('https://api.stripe.com'),
    PAYPAL_CLIENT_ID: optionalLike(/^[\x21-\x7e]+$/, 'must be the client id of the app'),
    PAYPAL_CLIENT_SECRET: optionalLike(/^[\x21-\x7e]+$/, 'must be the secret of the app'),
    PAYPAL_MERCHANT_ID: optionalLike(
      /^[2-9A-HJ-NP-Z]{13}$/,
      'must be the account id of the business account: 13 letters and digits, none of them 0, 1, I or O',
    ),
    PAYPAL_WEBHOOK_ID: optionalLike(/^[A-Za-z0-9]+$/, 'must be the id of the webhook, letters and digits'),
    PAYPAL_API_URL: addressOr('https://api-m.paypal.com'),
    PAYMENT_GATEWAY_TIMEOUT_MS: z._default(count(GATEWAY_TIMEOUT_MAX_MS), 10_000),
    PAYMENT_CURRENCY: z._default(
      z.string().check(z.refine((code) => currencyExponent(code) !== null, 'must be an ISO 4217 code such as USD')),
      'USD',
    ),
    PAYMENT_MAX_AMOUNT: z._default(z.string(), '100000'),
    BRIDGE_URL: text.check(httpAddress),
    BRIDGE_SIGNING_SECRET: secret,
    FINGERPRINT_KEY: secret,
    AUTH_MODE: z._default(z.enum(AUTH_MODES, { error: 'must be api_key, jwt, both or none' }), 'api_key'),
    API_KEY_SECRET: optionalSecret,
    JWT_SECRET_KEY: z.pipe(
      optional,
      z.nullable(
        z
          .string()
          .check(z.refine(isSharedSecret, `must be at least ${JWT_SECRET_MIN_BYTES} bytes that nobody can guess`)),
      ),
    ),
    JWT_JWKS_URL: z.pipe(optional, z.nullable(z.string().check(httpAddress))),
    JWT_ALGORITHM: z._default(z.enum(['RS256', 'ES256'], { error: 'must be RS256 or ES256' }), 'RS256'),
    JWT_ISSUER: optional,
    JWT_AUDIENCE: optional,
    JWT_TENANT_CLAIM: optional,
    ENCRYPTION_KEY: text.check(z.refine(isEncryptionKey, ENCRYPTION_KEY_FORM)),
    ENCRYPTION_KEY_PREVIOUS: z.pipe(
      z.pipe(
        z._default(z.string(), ''),
        z.transform((list) => list.split(/[\s,]+/).filter(Boolean)),
      ),
      z.array(z.string().check(z.refine(isEncryptionKey, ENCRYPTION_KEY_FORM))),
    ),
    CARD_FINGERPRINT_KEY: secret,
    VELOCITY_PER_CARD: limit(10, VELOCITY_MAX),
    VELOCITY_PER_USER: limit(30, VELOCITY_MAX),
    VELOCITY_DECLINE_PERCENT: limit(80, 100),
    CORS_ORIGINS: z.pipe(z._default(z.string(), ''), z.transform(readOrigins)),
    RATE_LIMIT_PER_MINUTE: z._default(count(RATE_LIMIT_MAX), 100),
    RATE_LIMIT_BURST: z._default(count(RATE_LIMIT_MAX), 20),
    RATE_LIMIT_EXEMPT: z.pipe(z._default(z.string(), ''), z.transform(readCidrs)),
    RATE_LIMIT_FAIL_OPEN: z._default(flag, true),
  })
  .check(
    z.refine(
      ({ PAYMENT_MAX_AMOUNT, PAYMENT_CURRENCY }) =>
        // A currency that is none has been told of already.
        currencyExponent(PAYMENT_CURRENCY) === null || minorUnits(PAYMENT_MAX_AMOUNT, PAYMENT_CURRENCY) !== null,
      {
        error: 'must be an amount above 0, with no more decimals than the currency has',
        path: ['PAYMENT_MAX_AMOUNT'],
      },
    ),
  );

/** The settings, or every reason why there are none, each as `NAME what is wrong`. */
export function readSettings(env: Variables): { settings: Settings } | { problems: string[] } {
  const parsed = variables.safeParse(env);
  const issues = parsed.error?.issues ?? [];
  const problems = [
    ...issues.map(({ path, message }) => `${path.join('.')} ${message}`),
    ...gatewayProblems(env),
    ...authProblems(env),
    ...sharedSecretProblems(env),
    ...productionProblems(env),
  ];
  if (!parsed.success || problems.length > 0) return { problems };

  const values = parsed.data;
  return {
    settings: {
      production: values.ENVIRONMENT === 'production',
      sandboxAllowed: values.ENVIRONMENT === 'development' || values.SANDBOX_ALLOWED,
      gateway: values.PAYMENT_GATEWAY,
      httpGateway:
        values.PAYMENT_GATEWAY_URL !== null && values.PAYMENT_GATEWAY_API_KEY !== null
          ? { url: values.PAYMENT_GATEWAY_URL, apiKey: values.PAYMENT_GATEWAY_API_KEY }
          : null,
      stripe:
        values.STRIPE_SECRET_KEY !== null
          ? {
              secretKey: values.STRIPE_SECRET_KEY,
              webhookSecret: values.STRIPE_WEBHOOK_SECRET,
              apiUrl: values.STRIPE_API_URL,
            }
          : null,
      paypal:
        values.PAYPAL_CLIENT_ID !== null && values.PAYPAL_CLIENT_SECRET !== null && values.PAYPAL_MERCHANT_ID !== null
          ? {
              clientId: values.PAYPAL_CLIENT_ID,
              clientSecret: values.PAYPAL_CLIENT_SECRET,
              merchantId: values.PAYPAL_MERCHANT_ID,
              webhookId: values.PAYPAL_WEBHOOK_ID,
              apiUrl: values.PAYPAL_API_URL,
            }
          : null,
      gatewayTimeoutMs: values.PAYMENT_GATEWAY_TIMEOUT_MS,
      currency: values.PAYMENT_CURRENCY,
      maxAmountMinor: minorUnits(values.PAYMENT_MAX_AMOUNT, values.PAYMENT_CURRENCY) ?? 0,
      bridgeUrl: values.BRIDGE_URL,
      bridgeSigningSecret: values.BRIDGE_SIGNING_SECRET,
      fingerprintKey: values.FINGERPRINT_KEY,
      auth: authSettings(values),
      encryption: { key: values.ENCRYPTION_KEY, previousKeys: values.ENCRYPTION_KEY_PREVIOUS },
      velocity: {
        cardKey: values.CARD_FINGERPRINT_KEY,
        attemptsPerCard: values.VELOCITY_PER_CARD,
        attemptsPerUser: values.VELOCITY_PER_USER,
        declinePercent: values.VELOCITY_DECLINE_PERCENT,
      },
      corsOrigins: values.CORS_ORIGINS,
      rateLimit: {
        perMinute: values.RATE_LIMIT_PER_MINUTE,
        burst: values.RATE_LIMIT_BURST,
        exempt: values.RATE_LIMIT_EXEMPT,
        failOpen: values.RATE_LIMIT_FAIL_OPEN,
      },
    },
  };
}

function authSettings(values: z.infer<typeof variables>): AuthSettings {
  const {
    AUTH_MODE: mode,
    JWT_SECRET_KEY: secret,
    JWT_JWKS_URL: jwksUrl,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: audience,
  } = values;
  const signedWith =
    secret !== null
      ? ({ algorithm: 'HS256', secret } as const)
      : jwksUrl !== null
        ? { algorithm: values.JWT_ALGORITHM, jwksUrl }
        : null;
  const takesTokens = mode === 'jwt' || mode === 'both';
  return {
    apiKeySecret: mode === 'api_key' || mode === 'both' ? values.API_KEY_SECRET : null,
    jwt:
      takesTokens && signedWith !== null && issuer !== null && audience !== null
        ? { issuer, audience, tenantClaim: values.JWT_TENANT_CLAIM, signedWith }
        : null,
  };
}

const NEEDED_BY: Readonly<Record<string, readonly string[]>> = {
  http: ['PAYMENT_GATEWAY_URL', 'PAYMENT_GATEWAY_API_KEY'],
  stripe: ['STRIPE_SECRET_KEY'],
  paypal: ['PAYPAL_CLIENT_ID', 'PAYPAL_CLIENT_SECRET', 'PAYPAL_MERCHANT_ID'],
};

/** What a gateway needs. Asked of the raw values, like what is below. */
function gatewayProblems(env: Variables): string[] {
  const isMissing = (name: string) => textOf(env, name) === '';
  const gateway = textOf(env, 'PAYMENT_GATEWAY');
  const problems = (NEEDED_BY[gateway] ?? [])
    .filter(isMissing)
    .map((name) => `${name} is missing, and PAYMENT_GATEWAY is ${gateway}`);
  // PayPal takes its own method whatever takes the others: with half of its settings, it would be another one's unawares.
  const paypal = NEEDED_BY.paypal ?? [];
  const present = [...paypal, 'PAYPAL_WEBHOOK_ID'].filter((name) => !isMissing(name)).join(' and ');
  if (gateway !== 'paypal' && present !== '') {
    problems.push(...paypal.filter(isMissing).map((name) => `${name} is missing, beside ${present}`));
  }
  if (gateway !== 'stripe' && !isMissing('STRIPE_WEBHOOK_SECRET') && isMissing('STRIPE_SECRET_KEY')) {
    problems.push('STRIPE_SECRET_KEY is missing, beside STRIPE_WEBHOOK_SECRET');
  }
  return problems;
}

/** What each way to be let in needs. */
function authProblems(env: Variables): string[] {
  const isMissing = (name: string) => textOf(env, name) === '';
  const mode = textOf(env, 'AUTH_MODE') || 'api_key';
  const problems: string[] = [];
  if ((mode === 'api_key' || mode === 'both') && isMissing('API_KEY_SECRET')) {
    problems.push(`API_KEY_SECRET is missing, and AUTH_MODE is ${mode}`);
  }
  if (mode === 'jwt' || mode === 'both') {
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE']) {
      if (isMissing(name)) problems.push(`${name} is missing, and AUTH_MODE is ${mode}`);
    }
    if (isMissing('JWT_SECRET_KEY') && isMissing('JWT_JWKS_URL')) {
      problems.push(`JWT_SECRET_KEY or JWT_JWKS_URL is missing, and AUTH_MODE is ${mode}`);
    }
    if (!isMissing('JWT_SECRET_KEY') && !isMissing('JWT_JWKS_URL')) {
      problems.push('JWT_SECRET_KEY and JWT_JWKS_URL are both set: tokens are signed in one way only');
    }
  }
  return problems;
}

const SECRETS = [
  'BRIDGE_SIGNING_SECRET',
  'FINGERPRINT_KEY',
  'CARD_FINGERPRINT_KEY',
  'ENCRYPTION_KEY',
  'API_KEY_SECRET',
  'JWT_SECRET_KEY',
];

/** Whoever learns one secret must not have another one with it. */
function sharedSecretProblems(env: Variables): string[] {
  const problems: string[] = [];
  for (const [index, name] of SECRETS.entries()) {
    const same = SECRETS.slice(0, index).find((other) => textOf(env, other) === textOf(env, name));
    if (same !== undefined && textOf(env, name) !== '')
      problems.push(`${name} is the same as ${same}: make one of its own`);
  }
  return problems;
}

function textOf(env: Variables, name: string): string {
  return String(env[name] ?? '').trim();
}

/** What is good enough for a desk only. Asked of the raw values, so that it is told together with all other mistakes. */
function productionProblems(env: Variables): string[] {
  if (env.ENVIRONMENT === 'development') return liveKeyProblems(env);
  const problems: string[] = [];
  if (textOf(env, 'AUTH_MODE') === 'none') {
    problems.push('AUTH_MODE is none, which lets everybody in: set api_key, jwt or both');
  }
  if (textOf(env, 'PAYMENT_GATEWAY_API_KEY') === 'your_api_key') {
    problems.push('PAYMENT_GATEWAY_API_KEY is the one of an example');
  }
  if (env.SANDBOX_ALLOWED !== 'true') {
    const sandboxes = [
      [(env.PAYMENT_GATEWAY ?? 'sandbox') === 'sandbox', 'PAYMENT_GATEWAY is the sandbox'],
      [/^[a-z]+_test_/.test(textOf(env, 'STRIPE_SECRET_KEY')), 'STRIPE_SECRET_KEY is a test key'],
      [isPayPalSandbox(env), "PAYPAL_API_URL is PayPal's sandbox"],
    ] as const;
    for (const [used, what] of sandboxes) {
      if (used) problems.push(`${what}, which charges nobody: to have it all the same, set SANDBOX_ALLOWED to true`);
    }
  }
  for (const name of ['BRIDGE_URL', 'PAYMENT_GATEWAY_URL', 'STRIPE_API_URL', 'PAYPAL_API_URL', 'JWT_JWKS_URL']) {
    if (/^\s*http:/i.test(String(env[name]))) problems.push(`${name} must be an https address`);
  }
  return problems;
}

/** On a desk, nobody wants to be charged. PayPal's keys do not say which they are, but the address does. */
function liveKeyProblems(env: Variables): string[] {
  const problems: string[] = [];
  if (/^[a-z]+_live_/.test(textOf(env, 'STRIPE_SECRET_KEY'))) {
    problems.push('STRIPE_SECRET_KEY is a live key, and ENVIRONMENT is development: take a test key');
  }
  const url = textOf(env, 'PAYPAL_API_URL');
  const isLivePayPal = url === '' || (/[/.]paypal\.com\b/i.test(url) && !/\.sandbox\./i.test(url));
  if (textOf(env, 'PAYPAL_CLIENT_ID') !== '' && isLivePayPal) {
    problems.push(
      'PAYPAL_API_URL is where PayPal moves real money, and ENVIRONMENT is development: set https://api-m.sandbox.paypal.com',
    );
  }
  return problems;
}

function isPayPalSandbox(env: Variables): boolean {
  return textOf(env, 'PAYPAL_CLIENT_ID') !== '' && /\.sandbox\./i.test(textOf(env, 'PAYPAL_API_URL'));
}

/** Addresses and networks, separated by commas or spaces. */
function readCidrs(list: string, context: z.core.ParsePayload): Cidr[] {
  const networks: Cidr[] = [];
  for (const entry of list.split(/[\s,]+/).filter(Boolean)) {
    if (ipaddr.isValidCIDR(entry)) networks.push(ipaddr.parseCIDR(entry));
    else if (ipaddr.isValid(entry)) {
      const address = ipaddr.parse(entry);
      networks.push([address, address.kind() === 'ipv6' ? 128 : 32] as Cidr);
    } else
      context.issues.push({
        code: 'custom',
        message: `has "${entry}", which is neither an address nor a network`,
        input: list,
      });
  }
  return networks;
}

/** Origins as browsers send them: scheme, host and port, and nothing behind them. */
function readOrigins(list: string, context: z.core.ParsePayload): string[] {
  const origins = list.split(/[\s,]+/).filter(Boolean);
  for (const origin of origins) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    context.issues.push({
      code: 'custom',
      message: `has "${origin}", which is no origin such as https://shop.example`,
      input: list,
    });
  }
  return origins;
}

/** As AES-256 wants it. */
export function isEncryptionKey(key: string): boolean {
  return isSigningSecret(key) && base64Length(key) === ENCRYPTION_KEY_BYTES;
}

function base64Length(base64: string): number {
  return Math.floor((base64.replace(/^whsec_|=+$/g, '').length * 3) / 4);
}

/** Any text, as the issuer has it. One that repeats itself was not made by chance, and `your_jwt_secret` is too short. */
function isSharedSecret(secret: string): boolean {
  return new TextEncoder().encode(secret).length >= JWT_SECRET_MIN_BYTES && new Set(secret).size >= MIN_DIFFERENT;
}

/** The one place that reads the Worker's variables and secrets. Every mistake is named, all of them at once. */
import ipaddr from 'ipaddr.js';
import * as z from 'zod/mini';
import { isSecret, isUnguessable, SECRET_MIN_BYTES, secretBytes } from '../../contract/secret.ts';
import { misspelledSettings, type SettingsReading } from '../../contract/setting-names.ts';
import { currencyExponent, minorUnits } from '../domain/money.ts';
import type { JwtSettings } from '../security/json-web-token.ts';
import { guardProblems, type Variables } from './start-up-guard.ts';

export interface Settings {
  production: boolean;
  /** Whether the sandbox, which charges nobody, may answer. */
  sandboxAllowed: boolean;
  /** Which gateway takes cards, and everything else that no other one takes. */
  gateway: (typeof GATEWAYS)[number];
  /** Each null where it is not configured. */
  httpGateway: { url: string; apiKey: string } | null;
  stripe: { secretKey: string; accountId: string | null; webhookSecret: string | null; apiUrl: string } | null;
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
  exempt: Exempt[];
  /** Whether requests pass when the limiter can't be reached. */
  failOpen: boolean;
}

export type Cidr = ReturnType<typeof ipaddr.parseCIDR>;
/** `direct`: requests without a client address, which are those of Workers that call by service binding. */
export type Exempt = Cidr | 'direct';

const GATEWAYS = ['sandbox', 'http', 'stripe', 'paypal'] as const;
const AUTH_MODES = ['none', 'api_key', 'jwt', 'both'] as const;

/** Each admission is written to the limiter's storage together with its window, so a window has a sensible size. */
const RATE_LIMIT_MAX = 1000;
/** With the ledger's claim before it and its record behind it, a payment ends within the time that a Worker outlives its client. */
export const GATEWAY_TIMEOUT_MAX_MS = 12_000;
const ENCRYPTION_KEY_BYTES = 32;
const ENCRYPTION_KEY_FORM = `must be ${ENCRYPTION_KEY_BYTES} random bytes in base64`;
/** RFC 7518, 3.2: a key of HS256 has at least as many bytes as its hash. */
const JWT_SECRET_MIN_BYTES = 32;
/** More in a window than this would be no limit. */
const VELOCITY_MAX = 100_000;

const missing = { error: 'is missing' };
const text = z.string(missing).check(z.trim(), z.minLength(1, { ...missing, abort: true }));
const flag = z.pipe(
  z.enum(['true', 'false'], { error: 'must be true or false' }),
  z.transform((value) => value === 'true'),
);
const count = (max: number, min = 1) =>
  z.coerce
    .number({ error: 'must be a number' })
    .check(
      z.int('must be a whole number'),
      z.minimum(min, `must be ${min} or more`),
      z.maximum(max, `must be ${max} or less`),
    );
/** 0, which is none, is null. */
const limit = (usual: number, max: number) =>
  z.pipe(
    z._default(count(max, 0), usual),
    z.transform((value) => value || null),
  );

const httpAddress = z.refine<string>(
  (url) => URL.canParse(url) && /^https?:/i.test(url),
  'must be an http or https address',
);
const secret = text.check(z.refine(isSecret, `must be at least ${SECRET_MIN_BYTES} random bytes in base64`));

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
    STRIPE_ACCOUNT_ID: optionalLike(/^acct_\w+$/, 'must be the id of the Stripe account, acct_…'),
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
    RATE_LIMIT_EXEMPT: z.pipe(z._default(z.string(), ''), z.transform(readExempt)),
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

/** The names of all settings. */
export const WORKER_SETTINGS: ReadonlySet<string> = new Set(Object.keys(variables.shape));

/**
 * The settings, or every reason why there are none, each as `NAME what is wrong`. A misspelled name is one: this environment is
 * the service's own, and a payment in the default's currency costs more than a deployment that says what is wrong.
 */
export function readSettings(env: Variables): SettingsReading<Settings> {
  const parsed = variables.safeParse(env);
  const issues = parsed.error?.issues ?? [];
  const problems = [
    ...issues.map(({ path, message }) => `${path.join('.')} ${message}`),
    ...guardProblems(env),
    ...misspelledSettings(env, WORKER_SETTINGS),
  ];
  if (!parsed.success || problems.length > 0) return { kind: 'invalid', problems };

  const values = parsed.data;
  return {
    kind: 'valid',
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
              accountId: values.STRIPE_ACCOUNT_ID,
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

/** Addresses, networks and `direct`, separated by commas or spaces. */
function readExempt(list: string, context: z.core.ParsePayload): Exempt[] {
  const exempt: Exempt[] = [];
  for (const [index, entry] of list
    .split(/[\s,]+/)
    .filter(Boolean)
    .entries()) {
    if (entry === 'direct') exempt.push(entry);
    else if (ipaddr.isValidCIDR(entry)) exempt.push(ipaddr.parseCIDR(entry));
    else if (ipaddr.isValid(entry)) {
      const address = ipaddr.parse(entry);
      exempt.push([address, address.kind() === 'ipv6' ? 128 : 32] as Cidr);
    } else
      context.issues.push({
        code: 'custom',
        message: `has as entry ${index + 1} what is neither an address, a network nor direct`, // not what it is: it may be a secret
        input: list,
      });
  }
  return exempt;
}

/** Origins as browsers send them: scheme, host and port, and nothing behind them. */
function readOrigins(list: string, context: z.core.ParsePayload): string[] {
  const origins = list.split(/[\s,]+/).filter(Boolean);
  for (const [index, origin] of origins.entries()) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    context.issues.push({
      code: 'custom',
      message: `has as entry ${index + 1} what is no origin such as https://shop.example`,
      input: list,
    });
  }
  return origins;
}

/** As AES-256 wants it. */
export function isEncryptionKey(key: string): boolean {
  return isSecret(key) && secretBytes(key)?.length === ENCRYPTION_KEY_BYTES;
}

/** Any text, as the issuer has it, except a key in PEM: a public key is known to everybody, who could then sign tokens. */
function isSharedSecret(secret: string): boolean {
  if (/PUBLIC|PRIVATE/.test(secret)) return false;
  return new TextEncoder().encode(secret).length >= JWT_SECRET_MIN_BYTES && isUnguessable(secret);
}

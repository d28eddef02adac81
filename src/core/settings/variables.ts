/**
 * Every variable of the Worker, stated once: its name, its form, its default, and what the start-up guard and the scripts must know
 * about it. What operators set is in wrangler.toml, with the same defaults.
 */
import * as z from 'zod/mini';
import { currencyExponent } from '../domain/money.ts';
import {
  count,
  encryptionKey,
  encryptionKeys,
  exemptions,
  flag,
  limit,
  oneOf,
  optional,
  optionalAddress,
  optionalLike,
  optionalSecret,
  origin,
  origins,
  secret,
  sharedSecret,
  upTo,
} from './forms.ts';

/** With the ledger's claim before it and its record behind it, a payment ends within the time that a Worker outlives its client. */
export const GATEWAY_TIMEOUT_MAX_MS = 12_000;
/** Each admission is written to the limiter's storage together with its window, so a window has a sensible size. */
const RATE_LIMIT_MAX = 1000;
/** More in a window than this would be no limit. */
const VELOCITY_MAX = 100_000;

/** Two days: banks release a hold on a debit card after some days. */
const HOLD_MAX_MINUTES = 2_880;
/** PayPal keeps an order that is not approved for three hours. */
const AUTHENTICATION_MAX_MINUTES = 120;

/** Of D1: https://developers.cloudflare.com/d1/platform/limits/ */
const DATABASE_MAX_GIGABYTES = 10;
/** Ten years: longer than any law wants it. */
const RETENTION_MAX_DAYS = 3_650;
/** So long after a payment PayPal takes disputes; banks take chargebacks for 120 days. */
const TRANSACTIONS_KEPT_MIN_DAYS = 180;

interface Traits {
  /** Each secret differs from every other. `generated`: random bytes, which `npm run setup` makes and every installation has. */
  secret?: 'generated' | 'given';
  /** In production it must be https. */
  address?: true;
  /** Required where PAYMENT_GATEWAY is this. */
  neededBy?: 'http' | 'stripe' | 'paypal';
}

interface Variable<Name extends string, Form extends z.ZodMiniType> extends Traits {
  name: Name;
  form: Form;
}

function variable<const Name extends string, Form extends z.ZodMiniType>(
  name: Name,
  form: Form,
  traits: Traits = {},
): Variable<Name, Form> {
  return { name, form, ...traits };
}

const GENERATED = { secret: 'generated' } as const;
const GIVEN = { secret: 'given' } as const;
const ADDRESS = { address: true } as const;

export const VARIABLES = {
  service: {
    environment: variable('ENVIRONMENT', oneOf(['production', 'development'], 'production')),
    gateway: variable('PAYMENT_GATEWAY', oneOf(['sandbox', 'http', 'stripe', 'paypal'], 'sandbox')),
    sandboxAllowed: variable('SANDBOX_ALLOWED', flag(false)),
    gatewayTimeoutMs: variable('PAYMENT_GATEWAY_TIMEOUT_MS', count(10_000, GATEWAY_TIMEOUT_MAX_MS)),
    currency: variable(
      'PAYMENT_CURRENCY',
      z._default(
        z.string().check(z.refine((code) => currencyExponent(code) !== null, 'must be an ISO 4217 code such as USD')),
        'USD',
      ),
    ),
    maxAmount: variable('PAYMENT_MAX_AMOUNT', z._default(z.string(), '100000')),
    rawCardsAllowed: variable('RAW_CARDS_ALLOWED', flag(true)),
    retentionDays: variable('RETENTION_DAYS', count(90, RETENTION_MAX_DAYS)),
    transactionsKeptDays: variable(
      'TRANSACTIONS_KEPT_DAYS',
      count(400, RETENTION_MAX_DAYS, TRANSACTIONS_KEPT_MIN_DAYS),
    ),
    databaseMaxGigabytes: variable('DATABASE_MAX_GB', upTo(DATABASE_MAX_GIGABYTES)),
    statusFromReplica: variable('STATUS_FROM_REPLICA', flag(false)),
    publishDisputes: variable('PUBLISH_DISPUTES', flag(false)),
    corsOrigins: variable('CORS_ORIGINS', origins),
    returnUrlOrigins: variable('RETURN_URL_ORIGINS', origins),
    holdMinutes: variable('PAYMENT_HOLD_MINUTES', count(30, HOLD_MAX_MINUTES)),
    authenticationMinutes: variable('PAYMENT_AUTHENTICATION_MINUTES', count(15, AUTHENTICATION_MAX_MINUTES)),
  },
  bridge: {
    /** Where the Worker sends events, if it does. */
    url: variable('BRIDGE_URL', optionalAddress, ADDRESS),
    /** Whether the Worker sends events to the bridge, or the bridge takes them from a queue. */
    delivery: variable('BRIDGE_DELIVERY', oneOf(['push', 'pull'], 'push')),
    signingSecret: variable('BRIDGE_SIGNING_SECRET', secret, GENERATED),
  },
  fingerprint: {
    key: variable('FINGERPRINT_KEY', secret, GENERATED),
  },
  velocity: {
    cardKey: variable('CARD_FINGERPRINT_KEY', secret, GENERATED),
    attemptsPerCard: variable('VELOCITY_PER_CARD', limit(10, VELOCITY_MAX)),
    attemptsPerUser: variable('VELOCITY_PER_USER', limit(30, VELOCITY_MAX)),
    declinePercent: variable('VELOCITY_DECLINE_PERCENT', limit(80, 100)),
  },
  encryption: {
    key: variable('ENCRYPTION_KEY', encryptionKey, GENERATED),
    previousKeys: variable('ENCRYPTION_KEY_PREVIOUS', encryptionKeys, GIVEN),
  },
  auth: {
    mode: variable('AUTH_MODE', oneOf(['api_key', 'jwt', 'both', 'none'], 'api_key')),
    apiKeySecret: variable('API_KEY_SECRET', optionalSecret, GENERATED),
    previousApiKeySecret: variable('API_KEY_SECRET_PREVIOUS', optionalSecret, GIVEN),
    jwtSecret: variable('JWT_SECRET_KEY', sharedSecret, GIVEN),
    jwksUrl: variable('JWT_JWKS_URL', optionalAddress, ADDRESS),
    algorithm: variable('JWT_ALGORITHM', oneOf(['RS256', 'ES256'], 'RS256')),
    issuer: variable('JWT_ISSUER', optional),
    audience: variable('JWT_AUDIENCE', optional),
    tenantClaim: variable('JWT_TENANT_CLAIM', optional),
  },
  /** Cloudflare Access, which signs people in to the console. */
  access: {
    teamDomain: variable('ACCESS_TEAM_DOMAIN', optionalAddress, ADDRESS),
    audience: variable('ACCESS_AUDIENCE', optional),
  },
  alerts: {
    /** It takes Slack's messages. Whoever knows it can post to it. */
    webhookUrl: variable('ALERT_WEBHOOK_URL', optionalAddress, { ...ADDRESS, ...GIVEN }),
    /** Of the payments of a quarter of an hour. */
    successRatePercent: variable('ALERT_SUCCESS_RATE_PERCENT', limit(70, 100)),
  },
  http: {
    url: variable('PAYMENT_GATEWAY_URL', optionalAddress, { ...ADDRESS, neededBy: 'http' }),
    apiKey: variable('PAYMENT_GATEWAY_API_KEY', optional, { ...GIVEN, neededBy: 'http' }),
    /** Whether the gateway has the protocol's calls for holds. */
    holds: variable('PAYMENT_GATEWAY_HOLDS', flag(false)),
  },
  stripe: {
    secretKey: variable(
      'STRIPE_SECRET_KEY',
      optionalLike(/^(sk|rk)_(live|test)_\w+$/, 'must be a secret key, sk_… or rk_…'),
      { ...GIVEN, neededBy: 'stripe' },
    ),
    accountId: variable(
      'STRIPE_ACCOUNT_ID',
      optionalLike(/^acct_\w+$/, 'must be the id of the Stripe account, acct_…'),
    ),
    webhookSecret: variable(
      'STRIPE_WEBHOOK_SECRET',
      optionalLike(/^whsec_\w+$/, 'must be the signing secret of the webhook, whsec_…'),
      GIVEN,
    ),
    apiUrl: variable('STRIPE_API_URL', origin('https://api.stripe.com'), ADDRESS),
  },
  paypal: {
    clientId: variable('PAYPAL_CLIENT_ID', optionalLike(/^[\x21-\x7e]+$/, 'must be the client id of the app'), {
      neededBy: 'paypal',
    }),
    clientSecret: variable('PAYPAL_CLIENT_SECRET', optionalLike(/^[\x21-\x7e]+$/, 'must be the secret of the app'), {
      ...GIVEN,
      neededBy: 'paypal',
    }),
    merchantId: variable(
      'PAYPAL_MERCHANT_ID',
      optionalLike(
        /^[2-9A-HJ-NP-Z]{13}$/,
        'must be the account id of the business account: 13 letters and digits, none of them 0, 1, I or O',
      ),
      { neededBy: 'paypal' },
    ),
    webhookId: variable(
      'PAYPAL_WEBHOOK_ID',
      optionalLike(/^[A-Za-z0-9]+$/, 'must be the id of the webhook, letters and digits'),
    ),
    apiUrl: variable('PAYPAL_API_URL', origin('https://api-m.paypal.com'), ADDRESS),
  },
  rateLimit: {
    perMinute: variable('RATE_LIMIT_PER_MINUTE', count(100, RATE_LIMIT_MAX)),
    /** In any ten seconds. */
    burst: variable('RATE_LIMIT_BURST', count(20, RATE_LIMIT_MAX)),
    exempt: variable('RATE_LIMIT_EXEMPT', exemptions),
    /** Whether requests pass when the limiter can't be reached. */
    failOpen: variable('RATE_LIMIT_FAIL_OPEN', flag(true)),
  },
} as const;

type Areas = typeof VARIABLES;
type NameIn<Area> = Area[keyof Area] extends infer One ? (One extends { name: infer Name } ? Name : never) : never;
type NameOf<Table> = { [Area in keyof Table]: NameIn<Table[Area]> }[keyof Table];
export type SettingName = NameOf<Areas>;
type ValuesIn<Area> = {
  [Field in keyof Area]: Area[Field] extends { form: infer Form extends z.ZodMiniType } ? z.output<Form> : never;
};
/** What the variables say, by area and field. */
export type Values = { [Area in keyof Areas]: ValuesIn<Areas[Area]> };

export type AnyVariable = Variable<SettingName, z.ZodMiniType>;

const ALL = Object.values(VARIABLES).flatMap((area) => Object.values<AnyVariable>(area));
const namesWhere = (holds: (one: Traits) => boolean) => ALL.filter(holds).map(({ name }) => name);

export const WORKER_SETTINGS: ReadonlySet<string> = new Set(namesWhere(() => true));
export const SECRETS = namesWhere((one) => one.secret !== undefined);
/** What `npm run setup` makes. */
export const GENERATED_SECRETS = namesWhere((one) => one.secret === 'generated');
export const ADDRESSES = namesWhere((one) => one.address === true);
/** What a gateway can't do without; nothing of one that is unknown. */
export const neededBy = (gateway: string) => namesWhere((one) => one.neededBy === gateway);

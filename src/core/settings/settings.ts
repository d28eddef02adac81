/** The one place that reads the Worker's variables and secrets. Every mistake is named, all of them at once. */
import { misspelledSettings, type SettingsReading } from '../../contract/misspelled-settings.ts';
import { minorUnits } from '../domain/money.ts';
import type { JwtSettings } from '../security/json-web-token.ts';
import { guardProblems, type Variables } from './start-up-guard.ts';
import { type AnyVariable, VARIABLES, type Values, WORKER_SETTINGS } from './variables.ts';

const BYTES_PER_GIGABYTE = 1e9;

type Present<Value> = { [Field in keyof Value]: NonNullable<Value[Field]> };

export interface Settings {
  production: boolean;
  /** Whether the sandbox, which charges nobody, may answer. */
  sandboxAllowed: boolean;
  /** Which gateway takes cards, and everything else that no other one takes. */
  gateway: Values['service']['gateway'];
  /** Each null where it is not configured. */
  httpGateway: Present<Values['http']> | null;
  stripe: (Values['stripe'] & { secretKey: string }) | null;
  paypal: (Values['paypal'] & Present<Pick<Values['paypal'], 'clientId' | 'clientSecret' | 'merchantId'>>) | null;
  gatewayTimeoutMs: number;
  /** ISO 4217. */
  currency: string;
  maxAmountMinor: number;
  /** Whether payments may carry card numbers; else only a provider's token for a card. */
  rawCardsAllowed: boolean;
  /** Null where the bridge takes events from a queue. */
  bridgeUrl: string | null;
  /** Whether the Worker sends events to the bridge, or the bridge takes them from a queue. */
  bridgeDelivery: Values['bridge']['delivery'];
  /** `whsec_…`, base64. */
  bridgeSigningSecret: string;
  /** Of the fingerprints by which requests are recognized; base64. */
  fingerprintKey: string;
  auth: AuthSettings;
  /** Of personal data. Each 32 bytes, base64. */
  encryption: Values['encryption'];
  velocity: VelocityLimits;
  /** After so many days delivered events and the audit log leave the database. */
  retentionDays: number;
  /** After so many days ended transactions leave the database, where there is an archive. */
  transactionsKeptDays: number;
  /** What a database may hold. */
  databaseMaxBytes: number;
  /** Whether a status may be read from a replica of the database. */
  statusFromReplica: boolean;
  /** Whether each status of a dispute becomes an event. */
  publishDisputes: boolean;
  /** Origins of web pages that may call. */
  corsOrigins: string[];
  /** Where payers may be sent back to; empty: anywhere. */
  returnUrlOrigins: string[];
  /** The longest time that money is held, and the default. */
  holdMinutes: number;
  /** How long a payer has to authenticate or approve. */
  authenticationMinutes: number;
  rateLimit: RateLimitSettings;
  /** Cloudflare Access; null: nobody signs in through it. */
  access: Present<Values['access']> | null;
  alerts: Values['alerts'];
}

/** Null, or empty, where it is not a way to be let in; both: everybody is. */
export interface AuthSettings {
  /** An API key may be signed with any of them, the first of which is the current one. */
  apiKeySecrets: readonly string[];
  /** With which new keys are signed, also where none are accepted yet; null: none can be made. */
  newKeySecret: string | null;
  jwt: JwtSettings | null;
}

/** Against those who try out cards: `cardKey` is of the cards' keyed hashes, base64; a limit is null where it does not count. */
export type VelocityLimits = Values['velocity'];
export type RateLimitSettings = Values['rateLimit'];

/**
 * The settings, or everything that is wrong with them. A misspelled name is one: this environment is the service's own, and a payment in
 * the default's currency costs more than a deployment that says what is wrong.
 */
export function readSettings(env: Variables): SettingsReading<Settings> {
  const { values, problems: malformed } = readVariables(env);
  const problems = [
    ...malformed,
    ...amountProblems(values),
    ...guardProblems(env),
    ...misspelledSettings(env, WORKER_SETTINGS),
  ];
  return problems.length > 0
    ? { kind: 'invalid', problems }
    : { kind: 'valid', settings: settingsOf(values as Values) };
}

/** What a database may hold, without the other settings. @throws Error where the variable is not valid */
export function readDatabaseMaxBytes(env: Variables): number {
  const { name, form } = VARIABLES.service.databaseMaxGigabytes;
  const read = form.safeParse(env[name]);
  if (!read.success) throw new Error(read.error.issues.map(({ message }) => `${name} ${message}`).join('; '));
  return read.data * BYTES_PER_GIGABYTE;
}

/** Without a problem, `values` is complete. */
type Found = { [Area in keyof Values]: Partial<Values[Area]> };

function readVariables(env: Variables): { values: Found; problems: string[] } {
  const problems: string[] = [];
  const areas = Object.entries(VARIABLES).map(([area, table]) => {
    const fields = Object.entries<AnyVariable>(table).flatMap(([field, { name, form }]) => {
      const parsed = form.safeParse(env[name]);
      if (parsed.success) return [[field, parsed.data]];
      problems.push(...parsed.error.issues.map(({ path, message }) => `${[name, ...path].join('.')} ${message}`));
      return [];
    });
    return [area, Object.fromEntries(fields)];
  });
  return { values: Object.fromEntries(areas), problems };
}

function amountProblems({ service: { currency, maxAmount } }: Found): string[] {
  if (currency === undefined || maxAmount === undefined || minorUnits(maxAmount, currency) !== null) return [];
  return [`${VARIABLES.service.maxAmount.name} must be an amount above 0, with no more decimals than the currency has`];
}

function settingsOf(values: Values): Settings {
  const { service, bridge, fingerprint, http, stripe, paypal, auth, encryption, velocity, rateLimit, access, alerts } =
    values;
  return {
    production: service.environment === 'production',
    sandboxAllowed: service.environment === 'development' || service.sandboxAllowed,
    gateway: service.gateway,
    httpGateway: isComplete(http, ['url', 'apiKey']) ? http : null,
    stripe: isComplete(stripe, ['secretKey']) ? stripe : null,
    paypal: isComplete(paypal, ['clientId', 'clientSecret', 'merchantId']) ? paypal : null,
    gatewayTimeoutMs: service.gatewayTimeoutMs,
    currency: service.currency,
    maxAmountMinor: minorUnits(service.maxAmount, service.currency) ?? 0,
    rawCardsAllowed: service.rawCardsAllowed,
    bridgeUrl: bridge.delivery === 'push' ? bridge.url : null,
    bridgeDelivery: bridge.delivery,
    bridgeSigningSecret: bridge.signingSecret,
    fingerprintKey: fingerprint.key,
    auth: authSettings(auth),
    encryption,
    velocity,
    retentionDays: service.retentionDays,
    transactionsKeptDays: service.transactionsKeptDays,
    databaseMaxBytes: service.databaseMaxGigabytes * BYTES_PER_GIGABYTE,
    statusFromReplica: service.statusFromReplica,
    publishDisputes: service.publishDisputes,
    corsOrigins: service.corsOrigins,
    returnUrlOrigins: service.returnUrlOrigins,
    holdMinutes: service.holdMinutes,
    authenticationMinutes: service.authenticationMinutes,
    rateLimit,
    access: isComplete(access, ['teamDomain', 'audience']) ? access : null,
    alerts,
  };
}

function isComplete<Area, Field extends keyof Area>(
  area: Area,
  fields: readonly Field[],
): area is Area & { [Needed in Field]: NonNullable<Area[Needed]> } {
  return fields.every((field) => area[field] !== null);
}

function authSettings(auth: Values['auth']): AuthSettings {
  const { mode, apiKeySecret, previousApiKeySecret, tenantClaim, issuer, audience, ...keys } = auth;
  const signedWith = signatureOf(keys);
  const takesTokens = mode === 'jwt' || mode === 'both';
  return {
    newKeySecret: apiKeySecret,
    apiKeySecrets:
      mode === 'api_key' || mode === 'both' ? [apiKeySecret, previousApiKeySecret].filter((one) => one !== null) : [],
    jwt:
      takesTokens && signedWith !== null && issuer !== null && audience !== null
        ? { issuer, audience, tenantClaim, signedWith }
        : null,
  };
}

function signatureOf({
  jwtSecret: secret,
  jwksUrl,
  algorithm,
}: Pick<Values['auth'], 'jwtSecret' | 'jwksUrl' | 'algorithm'>): JwtSettings['signedWith'] | null {
  if (secret !== null) return { algorithm: 'HS256', secret };
  return jwksUrl === null ? null : { algorithm, jwksUrl };
}

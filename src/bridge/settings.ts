/** The one place that reads the bridge's environment. Every mistake is named, all of them at once. */
import { BlockList, isIP } from 'node:net';
import * as z from 'zod/mini';
import { isSecret, SECRET_MIN_BYTES, secretBytes } from '../contract/secret.ts';
import type { SettingsReading } from '../contract/setting-names.ts';
import { withCredentials, withoutBrackets } from './broker-address.ts';

export interface BridgeSettings {
  /** The address to listen on. */
  host: string;
  port: number;
  /** Standard Webhooks: base64, with or without `whsec_`. */
  signingSecret: string;
  /** The one before it, while both are valid. */
  previousSigningSecret: string | null;
  rabbitmqUrl: string;
  exchange: string;
  queue: string;
  logLevel: string;
}

export const DEFAULT_RABBITMQ_URL = 'amqp://localhost:5672/';
export const DEFAULT_EXCHANGE = 'movie_app_events';

const RANDOM_BYTES = `must be at least ${SECRET_MIN_BYTES} random bytes in base64, such as openssl rand -base64 32 prints`;

/** AMQP's short strings have at most 255 bytes. */
const NAME = z.string().check(z.regex(/^[^\s]{1,255}$/, 'must be 1 to 255 characters without spaces'));

const variables = z.object({
  BRIDGE_HOST: z._default(
    z.pipe(z.string().check(z.minLength(1, 'must be an address')), z.transform(withoutBrackets)),
    '0.0.0.0',
  ),
  BRIDGE_PORT: z._default(
    z.coerce
      .number({ error: 'must be a port' })
      .check(z.int('must be a port'), z.minimum(1, 'must be a port'), z.maximum(65_535, 'must be a port')),
    8004,
  ),
  BRIDGE_SIGNING_SECRET: z
    .string({ error: 'is missing: it is the same as the Worker’s' })
    .check(z.refine(isSecret, RANDOM_BYTES)),
  /** Empty, as compose.yaml hands it over where there is none, is none. */
  BRIDGE_SIGNING_SECRET_PREVIOUS: z.pipe(
    z.pipe(
      z.optional(z.string()),
      z.transform((secret) => secret || null),
    ),
    z.nullable(z.string().check(z.refine(isSecret, RANDOM_BYTES))),
  ),
  RABBITMQ_URL: z._default(
    z.string().check(z.refine(isAmqpUrl, `must be an address such as ${DEFAULT_RABBITMQ_URL}`)),
    DEFAULT_RABBITMQ_URL,
  ),
  RABBITMQ_PLAINTEXT_ALLOWED: z._default(z.enum(['true', 'false'], { error: 'must be true or false' }), 'false'),
  RABBITMQ_EXCHANGE: z._default(NAME, DEFAULT_EXCHANGE),
  RABBITMQ_QUEUE: z._default(NAME, 'payment.processing_queue'),
  LOG_LEVEL: z._default(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
      error: 'must be trace, debug, info, warn, error or fatal',
    }),
    'info',
  ),
});

/** The names of all settings. */
export const BRIDGE_SETTINGS: ReadonlySet<string> = new Set(Object.keys(variables.shape));

/** The settings, or every reason why there are none, each as `NAME what is wrong`. */
export function readBridgeSettings(env: Record<string, string | undefined>): SettingsReading<BridgeSettings> {
  const parsed = variables.safeParse(env);
  const issues = parsed.error?.issues ?? [];
  const problems = [
    ...issues.map(({ path, message }) => `${path.join('.')} ${message}`),
    ...plaintextProblems(env),
    ...rotationProblems(env),
  ];
  if (!parsed.success || problems.length > 0) return { kind: 'invalid', problems };

  const values = parsed.data;
  return {
    kind: 'valid',
    settings: {
      host: values.BRIDGE_HOST,
      port: values.BRIDGE_PORT,
      signingSecret: values.BRIDGE_SIGNING_SECRET,
      previousSigningSecret: values.BRIDGE_SIGNING_SECRET_PREVIOUS,
      rabbitmqUrl: withCredentials(values.RABBITMQ_URL),
      exchange: values.RABBITMQ_EXCHANGE,
      queue: values.RABBITMQ_QUEUE,
      logLevel: values.LOG_LEVEL,
    },
  };
}

/** Events and the broker's password cross no network in the clear unawares. Asked of the raw values, so that every mistake is told at once. */
function plaintextProblems({ RABBITMQ_URL, RABBITMQ_PLAINTEXT_ALLOWED }: Record<string, string | undefined>): string[] {
  if (RABBITMQ_URL === undefined || !isAmqpUrl(RABBITMQ_URL) || RABBITMQ_PLAINTEXT_ALLOWED === 'true') return [];
  const { protocol, hostname } = new URL(RABBITMQ_URL);
  if (protocol === 'amqps:' || isLoopback(hostname)) return [];
  return [
    'RABBITMQ_URL must be an amqps: address, because its broker is not on this machine: to go without TLS in a private network, set RABBITMQ_PLAINTEXT_ALLOWED to true',
  ];
}

/** A rotation that changes nothing was meant to change something. */
function rotationProblems(env: Record<string, string | undefined>): string[] {
  const key = secretBytes(env.BRIDGE_SIGNING_SECRET ?? '');
  const isSame = key !== null && key === secretBytes(env.BRIDGE_SIGNING_SECRET_PREVIOUS ?? '');
  return isSame ? ['BRIDGE_SIGNING_SECRET_PREVIOUS must be another secret than BRIDGE_SIGNING_SECRET'] : [];
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4'); // also as ::ffff:127.0.0.1
LOOPBACK.addAddress('::1', 'ipv6');

function isLoopback(hostname: string): boolean {
  const host = withoutBrackets(hostname);
  const version = isIP(host);
  return host === 'localhost' || (version !== 0 && LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4'));
}

function isAmqpUrl(url: string): boolean {
  return URL.canParse(url) && /^amqps?:$/.test(new URL(url).protocol) && new URL(url).hostname !== '';
}

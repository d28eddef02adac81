/** The one place that reads the bridge's environment. It reports all mistakes at once. */
import { BlockList, isIP } from 'node:net';
import * as z from 'zod/mini';
import type { SettingsReading } from '../contract/misspelled-settings.ts';
import { isSecret, SECRET_MIN_BYTES, secretBytes } from '../contract/secret.ts';
import { withCredentials, withoutBrackets } from './broker-address.ts';

export const DEFAULT_RABBITMQ_URL = 'amqp://localhost:5672/';
export const DEFAULT_EXCHANGE = 'movie_app_events';

const RANDOM_BYTES = `must be at least ${SECRET_MIN_BYTES} random bytes in base64, such as openssl rand -base64 32 prints`;

/** AMQP's short strings have at most 255 bytes. */
const NAME = z.string().check(z.regex(/^[^\s]{1,255}$/, 'must be 1 to 255 characters without spaces'));

const PORT = { error: 'must be a port' };
const port = z.coerce.number(PORT).check(z.int(PORT), z.minimum(1, PORT), z.maximum(65_535, PORT));
const optionalPort = z.pipe(
  z.transform((text: unknown): unknown => text || null),
  z.nullable(port),
);
const API_ID = /^[0-9a-f]{32}$/;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** Every variable of the bridge, stated once: its name, its form and its default, by the field of the settings. */
export const BRIDGE_VARIABLES = {
  /** The address to listen on. */
  host: variable('BRIDGE_HOST', z._default(z.string().check(z.minLength(1, 'must be an address')), '0.0.0.0')),
  port: variable('BRIDGE_PORT', z._default(port, 8004)),
  /** Standard Webhooks: base64, with or without `whsec_`. */
  signingSecret: variable(
    'BRIDGE_SIGNING_SECRET',
    z.string({ error: 'is missing: it is the same as the Worker’s' }).check(z.refine(isSecret, RANDOM_BYTES)),
  ),
  /** The previous secret, during a rotation. */
  previousSigningSecret: variable('BRIDGE_SIGNING_SECRET_PREVIOUS', optional(z.refine<string>(isSecret, RANDOM_BYTES))),
  rabbitmqUrl: variable(
    'RABBITMQ_URL',
    z._default(
      z.string().check(z.refine(isAmqpUrl, `must be an address such as ${DEFAULT_RABBITMQ_URL}`)),
      DEFAULT_RABBITMQ_URL,
    ),
  ),
  plaintextAllowed: variable(
    'RABBITMQ_PLAINTEXT_ALLOWED',
    z._default(z.enum(['true', 'false'], { error: 'must be true or false' }), 'false'),
  ),
  exchange: variable('RABBITMQ_EXCHANGE', z._default(NAME, DEFAULT_EXCHANGE)),
  queue: variable('RABBITMQ_QUEUE', z._default(NAME, 'payment.processing_queue')),
  logLevel: variable(
    'LOG_LEVEL',
    z._default(z.enum(LEVELS, { error: `must be ${LEVELS.slice(0, -1).join(', ')} or ${LEVELS.at(-1)}` }), 'info'),
  ),
  /** Whether the Worker sends events to the bridge, or the bridge takes them from a queue. */
  source: variable('BRIDGE_SOURCE', z._default(z.enum(['http', 'pull'], { error: 'must be http or pull' }), 'http')),
  /** Of the queue. Cloudflare's ids are 32 hexadecimal digits. */
  accountId: variable(
    'CLOUDFLARE_ACCOUNT_ID',
    optional(z.regex(API_ID, 'must be the id of the account, 32 hex digits')),
  ),
  queueId: variable('CLOUDFLARE_QUEUE_ID', optional(z.regex(API_ID, 'must be the id of the queue, 32 hex digits'))),
  apiToken: variable('CLOUDFLARE_API_TOKEN', optional(z.regex(/^[\x21-\x7e]+$/, 'must be a token without spaces'))),
  apiUrl: variable(
    'CLOUDFLARE_API_URL',
    z._default(z.string().check(encryptedAddress()), 'https://api.cloudflare.com/client/v4'),
  ),
  /** Where the bridge reports what became of events. */
  serviceUrl: variable('PAYMENT_SERVICE_URL', optional(encryptedAddress())),
  /** Of /metrics. Null: it is not served. */
  metricsPort: variable('BRIDGE_METRICS_PORT', optionalPort),
  metricsHost: variable(
    'BRIDGE_METRICS_HOST',
    z._default(z.string().check(z.minLength(1, 'must be an address')), '127.0.0.1'),
  ),
};

type Table = typeof BRIDGE_VARIABLES;
export type BridgeSettings = { [Field in keyof Table]: z.output<Table[Field]['form']> } & {
  /** Null where the Worker sends the events. */
  pull: PullSettings | null;
};

/** What it takes to take events from a queue. */
const NEEDED_TO_PULL = ['accountId', 'queueId', 'apiToken', 'serviceUrl'] as const;
export type PullSettings = Record<(typeof NEEDED_TO_PULL)[number] | 'apiUrl', string>;

/** compose.yaml passes an empty value where there is none. */
function optional(...checks: Parameters<z.ZodMiniString['check']>) {
  return z.pipe(
    z.pipe(
      z.optional(z.string()),
      z.transform((text) => text || null),
    ),
    z.nullable(z.string().check(...checks)),
  );
}

function encryptedAddress() {
  return z.refine<string>(isEncrypted, 'must be an https address');
}

/** Or on this machine. */
function isEncrypted(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

function variable<Form extends z.ZodMiniType>(name: string, form: Form): { name: string; form: Form } {
  return { name, form };
}

/** The names of all settings. */
export const BRIDGE_SETTINGS: ReadonlySet<string> = new Set(Object.values(BRIDGE_VARIABLES).map(({ name }) => name));

const environment = z.object(Object.fromEntries(Object.values(BRIDGE_VARIABLES).map(({ name, form }) => [name, form])));

/** The settings, or every reason why there are none, each as `NAME what is wrong`. */
export function readBridgeSettings(env: Record<string, string | undefined>): SettingsReading<BridgeSettings> {
  const parsed = environment.safeParse(env);
  const issues = parsed.error?.issues ?? [];
  const problems = [
    ...issues.map(({ path, message }) => `${path.join('.')} ${message}`),
    ...plaintextProblems(env),
    ...rotationProblems(env),
    ...pullProblems(env),
  ];
  if (!parsed.success || problems.length > 0) return { kind: 'invalid', problems };

  const values = Object.entries(BRIDGE_VARIABLES).map(([field, { name }]) => [field, parsed.data[name]]);
  const settings = Object.fromEntries(values) as Omit<BridgeSettings, 'pull'>;
  const { host, metricsHost, rabbitmqUrl, source } = settings;
  return {
    kind: 'valid',
    settings: {
      ...settings,
      host: withoutBrackets(host),
      metricsHost: withoutBrackets(metricsHost),
      rabbitmqUrl: withCredentials(rabbitmqUrl),
      pull: source === 'pull' ? (settings as PullSettings) : null,
    },
  };
}

/** Guards against sending events or the broker's password unencrypted by mistake. Checks the raw values, so that all mistakes are reported at once. */
function plaintextProblems({ RABBITMQ_URL, RABBITMQ_PLAINTEXT_ALLOWED }: Record<string, string | undefined>): string[] {
  if (RABBITMQ_URL === undefined || !isAmqpUrl(RABBITMQ_URL) || RABBITMQ_PLAINTEXT_ALLOWED === 'true') return [];
  const { protocol, hostname } = new URL(RABBITMQ_URL);
  if (protocol === 'amqps:' || isLoopback(hostname)) return [];
  return [
    'RABBITMQ_URL must be an amqps: address, because its broker is not on this machine: to go without TLS in a private network, set RABBITMQ_PLAINTEXT_ALLOWED to true',
  ];
}

/** Two equal secrets are a mistake: a rotation needs a new one. */
function rotationProblems(env: Record<string, string | undefined>): string[] {
  const key = secretBytes(env.BRIDGE_SIGNING_SECRET ?? '');
  const isSame = key !== null && key === secretBytes(env.BRIDGE_SIGNING_SECRET_PREVIOUS ?? '');
  return isSame ? ['BRIDGE_SIGNING_SECRET_PREVIOUS must be another secret than BRIDGE_SIGNING_SECRET'] : [];
}

/** What pulling needs is missing. */
function pullProblems(env: Record<string, string | undefined>): string[] {
  if (env.BRIDGE_SOURCE !== 'pull') return [];
  return NEEDED_TO_PULL.map((field) => BRIDGE_VARIABLES[field].name)
    .filter((name) => !env[name])
    .map((name) => `${name} is missing, and BRIDGE_SOURCE is pull`);
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

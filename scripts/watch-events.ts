/**
 * `npm run watch-events`: prints each event as it arrives from the exchange, on a temporary queue of its own. Other
 * queues still receive every message.
 */
import { once } from 'node:events';
import { Connection } from 'rabbitmq-client';
import { connectionTo } from '../src/bridge/broker-address.ts';
import { DEFAULT_EXCHANGE, DEFAULT_RABBITMQ_URL } from '../src/bridge/settings.ts';
import { misspelledSettings } from '../src/contract/misspelled-settings.ts';
import { askBroker } from './ask-broker.ts';
import { clock } from './dev-output.ts';
import { whenNpmIsGone } from './processes.ts';

const RECONNECT_FIRST_MS = 200;
const RECONNECT_MAX_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** A silently lost broker is detected after twice this time. */
const HEARTBEAT_SECONDS = 10;
const CLOSE_DEADLINE_MS = 2_000;

const url = process.env.RABBITMQ_URL ?? DEFAULT_RABBITMQ_URL;
const exchange = process.env.RABBITMQ_EXCHANGE ?? DEFAULT_EXCHANGE;
for (const warning of misspelledSettings(
  process.env,
  new Set(['RABBITMQ_URL', 'RABBITMQ_EXCHANGE', 'RABBITMQ_QUEUE']),
)) {
  console.error(`Warning: ${warning}`);
}
if (!URL.canParse(url) || !/^amqps?:$/.test(new URL(url).protocol)) {
  console.error(`RABBITMQ_URL must be an address such as ${DEFAULT_RABBITMQ_URL}`);
  process.exit(1);
}
// Without the credentials.
const shownUrl = url.replace(/\/\/[^/]*@/, '//');
// One that is not there may come; one that refuses will refuse again.
const answer = await askBroker(url);
if (answer.state === 'refuses') {
  console.error(`The broker at ${shownUrl} refuses the connection (${answer.reason}): check RABBITMQ_URL`);
  process.exit(1);
}

const connection = new Connection({
  ...connectionTo(url),
  connectionName: 'watch-events',
  retryLow: RECONNECT_FIRST_MS,
  retryHigh: RECONNECT_MAX_MS,
  connectionTimeout: CONNECT_TIMEOUT_MS,
  heartbeat: HEARTBEAT_SECONDS,
});

/** One line for each state, however often it is reached. */
let said = '';
function say(line: string): void {
  if (line !== said) console.log(line);
  said = line;
}

connection.on('error', (error) => say(`No broker at ${shownUrl} (${reasonOf(error)}); trying on`));
connection.on('connection', () => {
  // Where the exchange is not there yet, the consumer below tries again until this has made it.
  void ensureExchange().catch((error: unknown) => say(`The exchange ${exchange} can't be used: ${reasonOf(error)}`));
});

const consumer = connection.createConsumer(
  {
    queueOptions: { exclusive: true, autoDelete: true },
    queueBindings: [{ exchange, routingKey: '#' }],
    noAck: true,
  },
  ({ routingKey, body }) => {
    const text = Buffer.isBuffer(body) ? body.toString() : body;
    console.log(`${clock(new Date())}  ${routingKey}  ${JSON.stringify(text)}`);
  },
);
consumer.on('ready', () => say(`Listening to the exchange ${exchange} at ${shownUrl}; Ctrl-C ends it`));
consumer.on('error', () => {
  // Errors of the connection and the exchange are reported above, and the consumer tries again by itself.
});

const { promise: npmIsGone, resolve: endWithNpm } = Promise.withResolvers<void>();
whenNpmIsGone(endWithNpm);
await Promise.race([npmIsGone, ...['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal))]);
setTimeout(() => process.exit(0), CLOSE_DEADLINE_MS).unref();
await consumer.close();
await connection.close();
process.exit(0);

/** An exchange that is there is taken as it is; else it is made as the bridge makes it. */
async function ensureExchange(): Promise<void> {
  try {
    await connection.exchangeDeclare({ exchange, passive: true });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'NOT_FOUND')) throw error;
    await connection.exchangeDeclare({ exchange, type: 'topic', durable: true });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}

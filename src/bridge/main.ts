/** The bridge's process: takes signed batches of events over HTTP and publishes them to RabbitMQ. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { pino } from 'pino';
import { misspelledSettings } from '../contract/misspelled-settings.ts';
import { RELAY_CONFIRM_DEADLINE_MS } from '../contract/relay.ts';
import { connectPublisher } from './publisher.ts';
import { createRelayServer } from './relay-server.ts';
import { BRIDGE_SETTINGS, readBridgeSettings } from './settings.ts';

/** An accepted batch is answered within this time. compose.yaml makes Docker wait for it; Kubernetes waits for 30 s. */
const SHUTDOWN_DEADLINE_MS = RELAY_CONFIRM_DEADLINE_MS + 2_000;
/** Time for the last answers to be sent. */
const LAST_ANSWERS_MS = 500;
/** A slower sender would occupy a connection and memory; the Worker sends a batch in milliseconds. */
const RECEIVE_LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 };

const read = readBridgeSettings(process.env);
if (read.kind === 'invalid') {
  for (const problem of read.problems) console.error(`bridge: ${problem}`);
  process.exit(1);
}
const { settings } = read;
const log = pino({ level: settings.logLevel, base: { service: 'payment-bridge' } });

// No error: the environment has variables of other programs, too, and Kubernetes adds some that are named after services.
const misspelled = misspelledSettings(process.env, BRIDGE_SETTINGS);
if (misspelled.length > 0) log.warn({ misspelled }, 'settings.misspelled');

const publisher = connectPublisher(settings, log);
const secrets = [settings.signingSecret, settings.previousSigningSecret].filter((secret) => secret !== null);
const relay = createRelayServer(publisher, secrets, log);
const server = serve(
  { fetch: relay.app.fetch, port: settings.port, hostname: settings.host, serverOptions: RECEIVE_LIMITS },
  () => log.info({ port: settings.port, exchange: settings.exchange }, 'bridge.listening'),
);
server.on('error', (error: NodeJS.ErrnoException) => {
  console.error(error.code === 'EADDRINUSE' ? `bridge: port ${settings.port} is in use` : `bridge: ${error.message}`);
  process.exit(1);
});

const signal = await Promise.race(['SIGTERM', 'SIGINT'].map((name) => once(process, name).then(() => name)));
log.info({ signal }, 'bridge.stopping');
setTimeout(() => {
  log.error('bridge.stopped_late');
  process.exit(1);
}, SHUTDOWN_DEADLINE_MS).unref();
await relay.drain();
const closed = once(server, 'close');
server.close();
if ('closeIdleConnections' in server) server.closeIdleConnections();
await publisher.close();
// Accepted batches are answered. A closed server no longer enforces its time limits on open connections.
await Promise.race([closed, sleep(LAST_ANSWERS_MS, undefined, { ref: false })]);
if ('closeAllConnections' in server) server.closeAllConnections();
log.info('bridge.stopped');

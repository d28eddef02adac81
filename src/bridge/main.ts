/** The bridge's process: takes events over HTTP or from a queue, and publishes them to RabbitMQ. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { pino } from 'pino';
import { misspelledSettings } from '../contract/misspelled-settings.ts';
import { createMetrics, serveMetrics } from './metrics.ts';
import type { Publishing } from './publish-batch.ts';
import { connectPublisher } from './publisher.ts';
import { createRelayServer, type Source } from './relay-server.ts';
import { BRIDGE_SETTINGS, readBridgeSettings } from './settings.ts';

/** Behind the last accepted batch. compose.yaml makes Docker wait for both; docs/deploying.md has what to set elsewhere. */
const SHUTDOWN_RESERVE_MS = 2_000;
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

const metrics = createMetrics();
const publisher = connectPublisher(settings, metrics, log);
metrics.watchBroker(publisher);
const secrets = [settings.signingSecret, settings.previousSigningSecret].filter((secret) => secret !== null);
const { source: from, pull, exchange, port, metricsPort, metricsHost } = settings;
const source = await sourceOf({ publisher, metrics, log });
const server = serve({ fetch: source.app.fetch, port, hostname: settings.host, serverOptions: RECEIVE_LIMITS }, () =>
  log.info({ port, exchange, source: from }, 'bridge.listening'),
);
server.on('error', (error) => exitBecause(error, port));
if (metricsPort !== null) {
  serveMetrics(metrics, { port: metricsPort, hostname: metricsHost })
    .on('error', (error) => exitBecause(error, metricsPort))
    .on('listening', () => log.info({ port: metricsPort }, 'metrics.listening'))
    .unref();
}

const signal = await Promise.race(['SIGTERM', 'SIGINT'].map((name) => once(process, name).then(() => name)));
log.info({ signal }, 'bridge.stopping');
setTimeout(() => {
  log.error('bridge.stopped_late');
  process.exit(1);
}, source.drainDeadlineMs + SHUTDOWN_RESERVE_MS).unref();
await source.drain();
const closed = once(server, 'close');
server.close();
if ('closeIdleConnections' in server) server.closeIdleConnections();
await publisher.close();
// Accepted batches are answered. A closed server no longer enforces its time limits on open connections.
await Promise.race([closed, sleep(LAST_ANSWERS_MS, undefined, { ref: false })]);
if ('closeAllConnections' in server) server.closeAllConnections();
log.info('bridge.stopped');

async function sourceOf(publishing: Publishing): Promise<Source> {
  if (pull === null) return createRelayServer(publishing, secrets);
  // Loaded late: Cloudflare's client takes a third of a second, and few bridges need it.
  const [{ startPulling }, { connectQueue }, { deliveriesReporter }] = await Promise.all([
    import('./pull-source.ts'),
    import('./pull-queue.ts'),
    import('./report-deliveries.ts'),
  ]);
  return startPulling(publishing, connectQueue(pull), deliveriesReporter(pull.serviceUrl, secrets, log));
}

function exitBecause(error: NodeJS.ErrnoException, ofPort: number): never {
  console.error(error.code === 'EADDRINUSE' ? `bridge: port ${ofPort} is in use` : `bridge: ${error.message}`);
  process.exit(1);
}

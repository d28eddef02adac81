/** What the bridge counts and measures, for Prometheus. No label has personal data, and each has few values. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { Counter, collectDefaultMetrics, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import type { RelayResult } from '../contract/relay.ts';
import type { Publisher, PublisherState } from './publisher.ts';

const PREFIX = 'payment_bridge_';
/** Seconds. A broker nearby confirms within milliseconds; after ten seconds an event counts as not confirmed. */
const CONFIRM_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BROKER_STATES: readonly PublisherState[] = ['ready', 'no broker', 'not set up'];
/** Of the label of events that are not of the contract: which fields they lack would be a value of its own for each combination. */
const INVALID = 'not an event of the contract';

export type BatchResult =
  | 'published'
  | 'unsigned'
  | 'too large'
  | 'invalid'
  | 'stopping'
  | Exclude<PublisherState, 'ready'>;

export type BridgeMetrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  // prom-client has one format a registry. Prometheus reads this one since version 2.5.
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: PREFIX });

  const published = new Counter({
    name: `${PREFIX}events_published_total`,
    help: 'Events that the broker has confirmed.',
    registers,
  });
  const undelivered = new Counter({
    name: `${PREFIX}events_undelivered_total`,
    help: 'Events that were not published, by the reason; the service sends them again.',
    labelNames: ['reason'],
    registers,
  });
  return {
    registry,
    batches: new Counter<'result'>({
      name: `${PREFIX}batches_total`,
      help: 'Batches of events, by what became of them.',
      labelNames: ['result'],
      registers,
    }),
    confirmSeconds: new Histogram({
      name: `${PREFIX}confirm_duration_seconds`,
      help: 'From publishing an event to its confirmation by the broker.',
      buckets: CONFIRM_BUCKETS,
      registers,
    }),
    inFlight: new Gauge({
      name: `${PREFIX}events_in_flight`,
      help: 'Events that have been published and are not confirmed yet.',
      registers,
    }),
    pulls: new Counter<'result'>({
      name: `${PREFIX}pulls_total`,
      help: 'Requests for messages of the queue, by what they brought.',
      labelNames: ['result'],
      registers,
    }),
    dropped: new Counter<'reason'>({
      name: `${PREFIX}messages_dropped_total`,
      help: 'Messages of the queue that were acknowledged and not published, by the reason.',
      labelNames: ['reason'],
      registers,
    }),
    reports: new Counter<'result'>({
      name: `${PREFIX}reports_total`,
      help: 'Reports of deliveries to the payment service, by whether it recorded them.',
      labelNames: ['result'],
      registers,
    }),
    queueBacklog: new Gauge({
      name: `${PREFIX}queue_backlog_messages`,
      help: 'Messages in the queue when it was last asked, as Cloudflare estimates it.',
      registers,
    }),
    countResult(result: RelayResult): void {
      if (result.delivered) published.inc();
      else undelivered.inc({ reason: result.invalid ? INVALID : result.reason });
    },
    /** One of the states is 1. */
    watchBroker(publisher: Pick<Publisher, 'state'>): void {
      new Gauge({
        name: `${PREFIX}broker_state`,
        help: 'Whether the broker is connected and set up: 1 for the current state.',
        labelNames: ['state'],
        registers,
        collect() {
          for (const state of BROKER_STATES) this.set({ state }, publisher.state() === state ? 1 : 0);
        },
      });
    },
  };
}

/** Answers Prometheus, and nobody else: the port is not the one that the payment service calls. */
export function serveMetrics({ registry }: BridgeMetrics, { port, hostname }: { port: number; hostname: string }) {
  const app = new Hono();
  app.get('/metrics', async (c) => c.body(await registry.metrics(), 200, { 'Content-Type': registry.contentType }));
  return serve({ fetch: app.fetch, port, hostname });
}

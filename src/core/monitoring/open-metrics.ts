/** What was measured, in the text format of OpenMetrics 1.0: https://prometheus.io/docs/specs/om/open_metrics_spec/ */

import { ALERTS } from '../../contract/console.ts';
import { gatewayKind } from '../domain/gateway-kind.ts';
import {
  BUCKETS_MS,
  COUNTED,
  type Counted,
  type Counts,
  type Gauges,
  LABEL_SEPARATOR,
} from '../ledger/metrics/measured.ts';
import type { Installation } from '../ledger/metrics/read-installation.ts';
import type { Measured } from '../ledger/metrics/read-measured.ts';
import { addAll } from './counts.ts';

export const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const PREFIX = 'payment_';

export interface Exposed {
  /** In the order of the databases; null: the cron has not measured it yet. */
  databases: readonly (Measured | null)[];
  installation: Installation;
  databaseMaxBytes: number;
}

/** Counters are summed over the databases. */
export function openMetrics({ databases, installation, databaseMaxBytes }: Exposed): string {
  const counts: Counts = {};
  for (const database of databases) if (database !== null) addAll(counts, database.counts);
  const families = [
    counter('payments', 'Payments that ended.', samplesOf(counts, 'payments')),
    counter(
      'captured_minor_units',
      "What was captured, in the currency's minor unit.",
      samplesOf(counts, 'captured_minor'),
    ),
    counter('refunds', 'Refunds that ended, without those of late charges.', samplesOf(counts, 'refunds')),
    counter(
      'refunded_minor_units',
      "What was refunded, in the currency's minor unit.",
      samplesOf(counts, 'refunded_minor'),
    ),
    counter(
      'challenges',
      'Payments that ended after their payer had been sent to authenticate.',
      samplesOf(counts, 'challenges'),
    ),
    counter(
      'disputes',
      'Reports of disputes by providers, by the status that each gave the dispute.',
      samplesOf(counts, 'disputes'),
    ),
    histogram(
      'processing_seconds',
      'From the request to the outcome, of payments that waited for no payer and were not held.',
      counts,
      'processing_ms',
    ),
    histogram('gateway_seconds', 'How long the gateway took to answer, while a caller waited.', counts, 'gateway_ms'),
    counter('rate_limited_requests', 'Requests that the rate limiter refused.', [
      { labels: {}, value: counts.rate_limited?.[''] ?? 0 },
    ]),
    ...gaugesOfShards(databases),
    gauge('open_cases', 'What needs a person.', sumOfCases(databases)),
    gauge('open_disputes', 'Disputes that their provider has not decided.', [
      { labels: {}, value: sum(databases, ({ openDisputes }) => openDisputes) },
    ]),
    gauge('breaker_open', 'Gateways that an isolate has stopped calling.', breakersOf(installation)),
    gauge(
      'database_max_bytes',
      'The size at which a database is full.',
      [{ labels: {}, value: databaseMaxBytes }],
      'bytes',
    ),
    ...reconciliationOf(installation),
    gauge(
      'alert_active',
      'Whether the alert is active.',
      ALERTS.map((alert) => ({ labels: { alert }, value: installation.alerts.includes(alert) ? 1 : 0 })),
    ),
  ];
  return `${families.flat().join('\n')}\n# EOF\n`;
}

interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

type Unit = 'seconds' | 'bytes';

function counter(name: string, help: string, samples: readonly Sample[]): string[] {
  return family(
    name,
    'counter',
    help,
    null,
    samples.map((sample) => line(`${name}_total`, sample)),
  );
}

function gauge(name: string, help: string, samples: readonly Sample[], unit: Unit | null = null): string[] {
  return family(
    name,
    'gauge',
    help,
    unit,
    samples.map((sample) => line(name, sample)),
  );
}

/** Buckets are cumulative here, and in seconds. Those of one set of labels stand together. */
function histogram(name: string, help: string, counts: Counts, metric: 'processing_ms' | 'gateway_ms'): string[] {
  const found = samplesOf(counts, metric);
  const sums = samplesOf(counts, `${metric}_sum`);
  const lines = sums.flatMap(({ labels, value: sumMs }) => {
    const own = found.filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    const inBucket = (le: string) => own.find((sample) => sample.labels.le === le)?.value ?? 0;
    let below = 0;
    const buckets = [...BUCKETS_MS, null].map((boundMs) => {
      below += inBucket(boundMs === null ? '+Inf' : String(boundMs));
      const le = boundMs === null ? '+Inf' : canonicalFloat(boundMs / 1000);
      return line(`${name}_bucket`, { labels: { ...labels, le }, value: below });
    });
    return [
      ...buckets,
      line(`${name}_count`, { labels, value: below }),
      line(`${name}_sum`, { labels, value: sumMs / 1000 }),
    ];
  });
  return family(name, 'histogram', help, 'seconds', lines);
}

function family(name: string, type: string, help: string, unit: Unit | null, lines: string[]): string[] {
  return [
    `# HELP ${PREFIX}${name} ${help}`,
    `# TYPE ${PREFIX}${name} ${type}`,
    ...(unit === null ? [] : [`# UNIT ${PREFIX}${name} ${unit}`]),
    ...lines,
  ];
}

function line(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${PREFIX}${name}${pairs.length === 0 ? '' : `{${pairs.join()}}`} ${value}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** As OpenMetrics wants the bound of a bucket. */
function canonicalFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function samplesOf(counts: Counts, metric: Counted): Sample[] {
  return Object.entries(counts[metric] ?? {}).map(([key, value]) => {
    const values = key.split(LABEL_SEPARATOR);
    return { labels: Object.fromEntries(COUNTED[metric].map((label, index) => [label, values[index] ?? ''])), value };
  });
}

/** One sample for each database that has been measured; a value of null has none. */
function gaugesOfShards(databases: readonly (Measured | null)[]): string[][] {
  const measured = databases.flatMap((database, shard) =>
    database === null ? [] : [{ ...database, labels: { shard: String(shard) } }],
  );
  const each = (of: (one: Measured) => number | null): Sample[] =>
    measured.flatMap(({ labels, ...one }) => {
      const value = of(one);
      return value === null ? [] : [{ labels, value }];
    });
  const ofJobs = (of: (job: Gauges['jobs'][keyof Gauges['jobs']]) => number | null): Sample[] =>
    measured.flatMap(({ labels, gauges }) =>
      Object.entries(gauges.jobs).flatMap(([job, one]) => {
        const value = of(one);
        return value === null ? [] : [{ labels: { job, ...labels }, value }];
      }),
    );
  return [
    gauge(
      'events_waiting',
      'Events that wait to be delivered.',
      each(({ gauges }) => gauges.events.waiting),
    ),
    gauge(
      'events_oldest_waiting_seconds',
      'Age of the oldest event that waits; 0 where none does.',
      each(({ gauges, writtenAtMs }) => ageSeconds(gauges.events.oldestMs, writtenAtMs)),
      'seconds',
    ),
    gauge(
      'pending',
      'Payments and refunds without an outcome.',
      each(({ gauges }) => gauges.pending.count),
    ),
    gauge(
      'oldest_pending_seconds',
      'Age of the oldest of them; 0 where there is none.',
      each(({ gauges, writtenAtMs }) => ageSeconds(gauges.pending.oldestMs, writtenAtMs)),
      'seconds',
    ),
    gauge(
      'challenged',
      'Payments that wait for their payer.',
      each(({ gauges }) => gauges.challenged),
    ),
    gauge(
      'authorized',
      'Payments whose money is held.',
      each(({ gauges }) => gauges.authorized),
    ),
    gauge(
      'database_size_bytes',
      'Size of the database.',
      each(({ gauges }) => gauges.databaseBytes),
      'bytes',
    ),
    gauge(
      'job_backlog',
      'What the job has to do.',
      ofJobs(({ backlog }) => backlog),
    ),
    gauge(
      'job_last_run_timestamp_seconds',
      'When the job last did its work.',
      ofJobs(({ endedAtMs }) => (endedAtMs === null ? null : endedAtMs / 1000)),
      'seconds',
    ),
    gauge(
      'cron_last_run_timestamp_seconds',
      'When the cron last measured the database.',
      each(({ writtenAtMs }) => writtenAtMs / 1000),
      'seconds',
    ),
  ];
}

/** As it was when it was measured: what has happened since is not known here. */
function ageSeconds(sinceMs: number | null, nowMs: number): number {
  return sinceMs === null ? 0 : Math.max(0, nowMs - sinceMs) / 1000;
}

function sum(databases: readonly (Measured | null)[], of: (gauges: Gauges) => number): number {
  return databases.reduce((total, database) => total + (database === null ? 0 : of(database.gauges)), 0);
}

function sumOfCases(databases: readonly (Measured | null)[]): Sample[] {
  const kinds = new Set(databases.flatMap((database) => Object.keys(database?.gauges.cases ?? {})));
  return [...kinds].map((kind) => ({
    labels: { kind },
    value: sum(databases, ({ cases }) => cases[kind as keyof Gauges['cases']] ?? 0),
  }));
}

/** Of several accounts at one provider, one that is open is enough. */
function breakersOf({ breakers }: Installation): Sample[] {
  const open = new Map(
    breakers.map(({ gateway, operation }) => [
      `${gatewayKind(gateway)} ${operation}`,
      { gateway: gatewayKind(gateway), operation },
    ]),
  );
  return [...open.values()].map((labels) => ({ labels, value: 1 }));
}

function reconciliationOf({ reconciliation }: Installation): string[][] {
  const samples = (of: (one: NonNullable<Installation['reconciliation']>) => number): Sample[] =>
    reconciliation === null ? [] : [{ labels: {}, value: of(reconciliation) }];
  return [
    gauge(
      'reconciliation_differences',
      'Differences that the last reconciliation found.',
      samples(({ differences }) => differences),
    ),
    gauge(
      'reconciliation_last_run_timestamp_seconds',
      'When the last reconciliation ended.',
      samples(({ endedAtMs }) => endedAtMs / 1000),
      'seconds',
    ),
  ];
}

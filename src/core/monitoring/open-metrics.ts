/**
 * What is measured, as OpenMetrics 1.0: https://prometheus.io/docs/specs/om/open_metrics_spec/. Each database has series of its own: where one does
 * not answer, its series are missing, and no sum goes down. Times are seconds, money is the currency's minor unit.
 */
import { gatewayKind } from '../domain/gateway-kind.ts';
import { BUCKETS_MS, type Counted, type Counts, type Gauges } from '../ledger/metrics/measured.ts';
import type { Measured } from '../ledger/metrics/read-measured.ts';
import type { OfInstallation } from '../ledger/metrics/read-scrape.ts';
import { measuredBy } from './measured-sums.ts';
import { CRON_ALERTS } from './rules.ts';

export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const SECOND_MS = 1_000;

export interface ScrapedDatabase {
  shard: number;
  /** Null: it does not answer, or the cron has not measured it yet. */
  measured: Measured | null;
  answers: boolean;
}

export interface Scraped {
  databases: readonly ScrapedDatabase[];
  /** Null where the first database does not answer. */
  ofInstallation: OfInstallation | null;
  databaseMaxBytes: number;
  nowMs: number;
}

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [suffix: string, labels: Labels, value: number];

interface Family {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  unit?: 'seconds' | 'bytes';
  help: string;
  samples: Sample[];
}

/** The text, with all families, also those that have no sample yet. */
export function openMetrics(scraped: Scraped): string {
  return [...families(scraped).map(textOf), '# EOF\n'].join('');
}

function families(scraped: Scraped): Family[] {
  const { databases } = scraped;
  const measured = databases.flatMap(({ shard, measured }) => (measured === null ? [] : [{ shard, ...measured }]));
  return [
    ...countersOf(measured),
    ...histogramsOf(measured),
    ...gaugesOf(measured, scraped.nowMs),
    ...othersOf(scraped),
  ];
}

type OfShard = Measured & { shard: number };

/** Counts under the names that they have outside. */
const COUNTERS = [
  ['payments', 'payment_payments', 'Payments that completed or failed.'],
  ['captured_minor', 'payment_captured_minor_units', 'Money that was captured, in the minor unit of its currency.'],
  ['refunds', 'payment_refunds', 'Refunds that completed or failed, without those of late charges.'],
  ['refunded_minor', 'payment_refunded_minor_units', 'Money that was refunded, in the minor unit of its currency.'],
  [
    'challenges',
    'payment_challenges',
    'Payments that ended after their payer was sent to authenticate, by whether the payer did.',
  ],
  ['disputes', 'payment_disputes', 'Reports of disputes by providers.'],
  ['rate_limited', 'payment_rate_limited_requests', 'Requests that the rate limit refused.'],
] as const satisfies readonly (readonly [Counted, string, string])[];

function countersOf(measured: readonly OfShard[]): Family[] {
  return COUNTERS.map(([metric, name, help]) => ({
    name,
    type: 'counter',
    help,
    samples: measured.flatMap(({ shard, counts }) =>
      measuredBy(counts, metric).map(({ labels, value }): Sample => ['_total', { ...labels, shard }, value]),
    ),
  }));
}

const HISTOGRAMS = [
  [
    'processing_ms',
    'payment_processing_seconds',
    'From request to outcome, of payments that waited for no payer and were not held.',
  ],
  ['gateway_ms', 'payment_gateway_seconds', 'How long the gateway took to answer while a caller waited.'],
] as const;

function histogramsOf(measured: readonly OfShard[]): Family[] {
  return HISTOGRAMS.map(([metric, name, help]) => ({
    name,
    type: 'histogram',
    unit: 'seconds',
    help,
    samples: measured.flatMap(({ shard, counts }) => histogramSamples(counts, metric, shard)),
  }));
}

/** Of each combination of the other labels: cumulative buckets, the count, and the sum. */
function histogramSamples(counts: Counts, metric: (typeof HISTOGRAMS)[number][0], shard: number): Sample[] {
  const buckets = Map.groupBy(measuredBy(counts, metric), ({ labels: { le: _, ...others } }) => JSON.stringify(others));
  const sums = new Map(measuredBy(counts, `${metric}_sum`).map(({ labels, value }) => [JSON.stringify(labels), value]));
  return [...buckets].flatMap(([key, series]): Sample[] => {
    const labels = { ...JSON.parse(key), shard };
    const countOf = new Map(series.map(({ labels: { le }, value }) => [le, value]));
    let count = 0;
    const cumulative = [...BUCKETS_MS.map(String), '+Inf'].map((le): Sample => {
      count += countOf.get(le) ?? 0;
      return ['_bucket', { ...labels, le: le === '+Inf' ? le : openMetricsFloat(Number(le) / SECOND_MS) }, count];
    });
    return [...cumulative, ['_count', labels, count], ['_sum', labels, (sums.get(key) ?? 0) / SECOND_MS]];
  });
}

/** The specification has bounds written as floats. */
function openMetricsFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function gaugesOf(measured: readonly OfShard[], nowMs: number): Family[] {
  const gauge = (
    name: string,
    help: string,
    read: (gauges: Gauges, writtenAtMs: number) => [Labels, number | null][] | number | null,
    unit?: Family['unit'],
  ): Family => ({
    name,
    type: 'gauge',
    ...(unit !== undefined && { unit }),
    help,
    samples: measured.flatMap(({ shard, gauges, writtenAtMs }) => {
      const found = read(gauges, writtenAtMs);
      const values: [Labels, number | null][] = Array.isArray(found) ? found : [[{}, found]];
      return values.flatMap(([labels, value]): Sample[] => (value === null ? [] : [['', { ...labels, shard }, value]]));
    }),
  });
  /** 0 where nothing waits: a series that comes and goes is hard to draw. */
  const ageSeconds = (sinceMs: number | null) => (sinceMs === null ? 0 : Math.max(0, nowMs - sinceMs) / SECOND_MS);
  // Prometheus has a label `job` of its own, by which it knows who was scraped.
  const byJob = (value: (job: Gauges['jobs'][keyof Gauges['jobs']]) => number | null) => (gauges: Gauges) =>
    Object.entries(gauges.jobs).map(([job, state]): [Labels, number | null] => [{ job_name: job }, value(state)]);
  const seconds = (ms: number | null) => (ms === null ? null : ms / SECOND_MS);
  return [
    gauge('payment_events_waiting', 'Events that RabbitMQ has not confirmed.', ({ events }) => events.waiting),
    gauge(
      'payment_events_oldest_waiting_seconds',
      'How long the event that has waited longest has waited. 0: none waits.',
      ({ events }) => ageSeconds(events.oldestMs),
      'seconds',
    ),
    gauge('payment_pending', 'Payments and refunds whose outcome is not known yet.', ({ pending }) => pending.count),
    gauge(
      'payment_pending_overdue',
      'Payments and refunds whose outcome has not been known for 15 minutes or more.',
      ({ pending }) => pending.overdue,
    ),
    gauge(
      'payment_oldest_pending_seconds',
      'Age of the oldest payment or refund whose outcome is not known yet. 0: there is none.',
      ({ pending }) => ageSeconds(pending.oldestMs),
      'seconds',
    ),
    gauge('payment_challenged', 'Payments that wait for their payer to authenticate.', ({ challenged }) => challenged),
    gauge('payment_authorized', 'Payments whose money is held.', ({ authorized }) => authorized),
    gauge('payment_open_cases', 'What needs a person.', ({ cases }) =>
      Object.entries(cases).map(([kind, count]): [Labels, number] => [{ kind }, count]),
    ),
    gauge('payment_open_disputes', 'Disputes that the provider has not decided.', ({ openDisputes }) => openDisputes),
    gauge('payment_database_size_bytes', 'Size of the database.', ({ databaseBytes }) => databaseBytes, 'bytes'),
    gauge(
      'payment_job_backlog',
      'Rows that a job has due, as far as they were counted.',
      byJob(({ backlog }) => backlog),
    ),
    gauge(
      'payment_job_last_run_timestamp_seconds',
      'When a job last did some of its work.',
      byJob(({ endedAtMs }) => seconds(endedAtMs)),
      'seconds',
    ),
    gauge(
      'payment_cron_last_run_timestamp_seconds',
      'When the cron last measured the database.',
      (_, writtenAtMs) => seconds(writtenAtMs),
      'seconds',
    ),
  ];
}

/** What is not of the cron's gauges: what there is once in an installation, and what this scrape itself has found. */
function othersOf({ databases, ofInstallation, databaseMaxBytes }: Scraped): Family[] {
  const { breakers, alerts, reconciliation } = ofInstallation ?? { breakers: [], alerts: null, reconciliation: null };
  const samples = (found: readonly [Labels, number][]): Sample[] => found.map(([labels, value]) => ['', labels, value]);
  return [
    {
      name: 'payment_database_up',
      type: 'gauge',
      help: 'Whether the database answered this scrape.',
      samples: samples(databases.map(({ shard, answers }) => [{ shard }, answers ? 1 : 0])),
    },
    {
      name: 'payment_database_max_bytes',
      type: 'gauge',
      unit: 'bytes',
      help: 'What a database may hold, DATABASE_MAX_GB.',
      samples: samples([[{}, databaseMaxBytes]]),
    },
    {
      name: 'payment_breaker_open',
      type: 'gauge',
      help: 'Gateways that are not called, because they did not answer.',
      samples: samples(
        // Two accounts of a provider are one gateway here.
        [...new Map(breakers.map((one) => [`${gatewayKind(one.gateway)} ${one.operation}`, one])).values()].map(
          ({ gateway, operation }) => [{ gateway: gatewayKind(gateway), operation }, 1],
        ),
      ),
    },
    {
      name: 'payment_alert_active',
      type: 'gauge',
      help: 'Whether one of the alerts that the cron finds is active.',
      samples: samples(alerts === null ? [] : CRON_ALERTS.map((alert) => [{ alert }, alerts.includes(alert) ? 1 : 0])),
    },
    {
      name: 'payment_reconciliation_differences',
      type: 'gauge',
      help: 'Differences that reconciliation found in the last nights, and when it was last ordered.',
      samples: samples(reconciliation === null ? [] : [[{}, reconciliation.differences]]),
    },
    {
      name: 'payment_reconciliation_last_run_timestamp_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'When the last reconciliation ended.',
      samples: samples(reconciliation === null ? [] : [[{}, reconciliation.endedAtMs / SECOND_MS]]),
    },
  ];
}

function textOf({ name, type, unit, help, samples }: Family): string {
  const about = [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${help}`,
  ];
  const lines = samples.map(([suffix, labels, value]) => `${name}${suffix}${labelsText(labels)} ${value}`);
  return `${[...about, ...lines].join('\n')}\n`;
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** The console's overview of all databases: what ended in the last hours, what waits now, and the active alerts. */
import type { ActiveAlert, ConsoleOverview, OverviewHours } from '../../contract/console.ts';
import { decimalAmount } from '../domain/money.ts';
import { isoSeconds, timeOrNull } from '../domain/timestamp.ts';
import { type Episode, listActiveAlerts } from '../ledger/alerts/read-episodes.ts';
import { type Readiness, readReadiness } from '../ledger/alerts/read-readiness.ts';
import { sumOf } from '../ledger/metrics/add-counts.ts';
import type { Counts, Gauges } from '../ledger/metrics/measured.ts';
import { type Measured, readTotals } from '../ledger/metrics/read-measured.ts';
import { type Buckets, sumMinutes } from '../ledger/metrics/sum-minutes.ts';
import type { Shards } from '../shards.ts';
import { type Labels, measuredBy, percentileOf, sumsBy, sumWhere } from './measured-sums.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { answersOf, readEach } from './read-each.ts';
import { cronSilentSinceMs } from './readiness.ts';
import { durationText } from './rules.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What one bucket of the charts covers. */
const BUCKET_MS: Readonly<Record<OverviewHours, number>> = {
  1: MINUTE_MS,
  24: 15 * MINUTE_MS,
  168: 2 * HOUR_MS,
  720: 6 * HOUR_MS,
};
/** Statements of one overview, over all databases: well below what an invocation may send. */
const STATEMENTS_MAX = 600;

/** The buckets of the time shown. The last one contains now. */
export function bucketsUpTo(nowMs: number, hours: OverviewHours): Buckets {
  const lengthMs = BUCKET_MS[hours];
  const count = (hours * HOUR_MS) / lengthMs;
  return { fromMs: (Math.floor(nowMs / lengthMs) + 1 - count) * lengthMs, lengthMs, count };
}

/** The figures of one database. */
interface ReadDatabase {
  buckets: Counts[];
  totals: Measured | null;
  readiness: Readiness;
  /** Alerts are kept in the first database: empty for the others. */
  alerts: Episode[];
}

/** @throws LedgerUnavailable where no database answers; those that do not are in `not_read` */
export async function readOverview(shards: Shards, hours: OverviewHours, nowMs: number): Promise<ConsoleOverview> {
  const buckets = bucketsUpTo(nowMs, hours);
  const stepMs = DAY_MS * Math.ceil((Math.ceil((hours * HOUR_MS) / DAY_MS) * shards.count) / STATEMENTS_MAX);
  const reads = await readEach(
    shards,
    async ({ db, shard }): Promise<ReadDatabase> => ({
      alerts: shard === 0 ? await listActiveAlerts(db) : [],
      readiness: await readReadiness(db),
      totals: await readTotals(db),
      buckets: await sumMinutes(db, buckets, stepMs),
    }),
  );
  const { answers, notRead } = answersOf(reads);
  return { ...overviewOf(answers, buckets, nowMs), hours, not_read: notRead };
}

/** What has ended in the last 24 hours, in the databases that answer. */
export async function measuredInDay(shards: Shards, nowMs: number): Promise<Counts> {
  const day = { fromMs: Math.floor(nowMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS - DAY_MS, lengthMs: DAY_MS, count: 1 };
  const reads = await readEach(shards, ({ db }) => sumMinutes(db, day, DAY_MS));
  return sumOf(answersOf(reads).answers.flat());
}

function overviewOf(
  databases: readonly ReadDatabase[],
  { fromMs, lengthMs, count }: Buckets,
  nowMs: number,
): Omit<ConsoleOverview, 'hours' | 'not_read'> {
  const series = Array.from({ length: count }, (_, bucket) =>
    sumOf(databases.map(({ buckets }) => buckets[bucket] ?? {})),
  );
  const counts = sumOf(series);
  const totals = databases.flatMap(({ totals }) => totals ?? []);
  const countedAtMs = totals.length === 0 ? null : Math.min(...totals.map(({ writtenAtMs }) => writtenAtMs));
  const [completed, failed] = [endedIn(counts, 'completed'), endedIn(counts, 'failed')];
  return {
    now: isoSeconds(nowMs),
    counted_at: timeOrNull(countedAtMs),
    completed,
    failed,
    voided: endedIn(counts, 'voided'),
    success_rate: completed + failed === 0 ? null : percentOf(completed, completed + failed),
    volume: volumeOf(counts),
    refunds: {
      completed: refundsIn(counts),
      failed: sumWhere(counts, 'refunds', ({ status }) => status === 'failed'),
    },
    processing_ms: percentilesOf(counts, 'processing_ms'),
    gateway_ms: percentilesOf(counts, 'gateway_ms'),
    failures: [...sumsBy(counts, 'payments', (labels) => (outcomeOf(labels) === 'failed' ? labels.error_code : ''))]
      .flatMap(([error_code, count]) => (error_code === '' ? [] : { error_code, count }))
      .toSorted((a, b) => b.count - a.count),
    gateways: outcomesBy(counts, ({ gateway }) => gateway).map(([gateway, ended]) => ({
      gateway,
      ...ended,
    })),
    methods: outcomesBy(counts, ({ payment_method }) => payment_method).map(([payment_method, ended]) => ({
      payment_method,
      ...ended,
    })),
    challenges: {
      completed: sumWhere(counts, 'challenges', ({ result }) => result === 'completed'),
      failed: sumWhere(counts, 'challenges', ({ result }) => result === 'failed'),
    },
    rate_limited: sumWhere(counts, 'rate_limited'),
    now_waiting: waitingOf(
      totals.map(({ gauges }) => gauges),
      nowMs,
    ),
    alerts: alertsOf(databases, nowMs),
    series: {
      bucket_seconds: lengthMs / SECOND_MS,
      at: series.map((_, bucket) => (fromMs + bucket * lengthMs) / SECOND_MS),
      completed: series.map((one) => endedIn(one, 'completed')),
      failed: series.map((one) => endedIn(one, 'failed')),
      refunds: series.map(refundsIn),
      processing_p95_ms: series.map((one) => percentileOf(95, one, 'processing_ms')),
      gateway_p95_ms: series.map((one) => percentileOf(95, one, 'gateway_ms')),
    },
  };
}

const endedIn = (counts: Counts, outcome: Outcome) =>
  sumWhere(counts, 'payments', (labels) => outcomeOf(labels) === outcome);
const refundsIn = (counts: Counts) => sumWhere(counts, 'refunds', ({ status }) => status === 'completed');

function percentilesOf(counts: Counts, metric: 'processing_ms' | 'gateway_ms') {
  return { p50: percentileOf(50, counts, metric), p95: percentileOf(95, counts, metric) };
}

/** With one decimal. 100 means all of them: the value is rounded down. */
function percentOf(part: number, whole: number): number {
  return Math.floor((part / whole) * 1_000) / 10;
}

function volumeOf(counts: Counts): ConsoleOverview['volume'] {
  const captured = sumsBy(counts, 'captured_minor', ({ currency }) => currency);
  const refunded = sumsBy(counts, 'refunded_minor', ({ currency }) => currency);
  return [...new Set([...captured.keys(), ...refunded.keys()])].toSorted().map((currency) => ({
    currency,
    captured: decimalAmount(captured.get(currency) ?? 0, currency),
    refunded: decimalAmount(refunded.get(currency) ?? 0, currency),
  }));
}

/** The most frequent first, without voided payments. */
function outcomesBy(
  counts: Counts,
  by: (labels: Labels<'payments'>) => string,
): [name: string, ended: { completed: number; failed: number }][] {
  const ended = new Map<string, { completed: number; failed: number }>();
  for (const { labels, value } of measuredBy(counts, 'payments')) {
    const { completed, failed } = ended.get(by(labels)) ?? { completed: 0, failed: 0 };
    const outcome = outcomeOf(labels);
    if (outcome === 'voided') continue;
    ended.set(by(labels), {
      completed: completed + (outcome === 'completed' ? value : 0),
      failed: failed + (outcome === 'failed' ? value : 0),
    });
  }
  const numberOf = ({ completed, failed }: { completed: number; failed: number }) => completed + failed;
  return [...ended].toSorted(([, a], [, b]) => numberOf(b) - numberOf(a));
}

function waitingOf(all: readonly Gauges[], nowMs: number): ConsoleOverview['now_waiting'] {
  const sum = (of: (gauges: Gauges) => number) => all.reduce((total, gauges) => total + of(gauges), 0);
  const oldestSeconds = (of: (gauges: Gauges) => number | null) => {
    const times = all.flatMap((gauges) => of(gauges) ?? []);
    return times.length === 0 ? null : Math.max(0, Math.floor((nowMs - Math.min(...times)) / SECOND_MS));
  };
  return {
    events: sum(({ events }) => events.waiting),
    events_oldest_seconds: oldestSeconds(({ events }) => events.oldestMs),
    pending: sum(({ pending }) => pending.count),
    pending_oldest_seconds: oldestSeconds(({ pending }) => pending.oldestMs),
    challenged: sum(({ challenged }) => challenged),
    authorized: sum(({ authorized }) => authorized),
    cases: sum(({ cases }) => Object.values(cases).reduce((total, count) => total + count, 0)),
    disputes: sum(({ openDisputes }) => openDisputes),
  };
}

/** The alerts that the cron found, and `cron_not_run`, which the cron itself cannot find. */
function alertsOf(databases: readonly ReadDatabase[], nowMs: number): ActiveAlert[] {
  const found = databases.flatMap(({ alerts }) =>
    alerts.map(({ alert, startedAtMs, message }) => ({ alert, since: isoSeconds(startedAtMs), message })),
  );
  const sinceMs = cronSilentSinceMs(
    databases.map(({ readiness }) => readiness),
    nowMs,
  );
  if (sinceMs === null) return found;
  const message = `The cron has not run for ${durationText(nowMs - sinceMs)}: nothing is looked up, swept or counted. Check its Cron Trigger and the Worker's log.`;
  return [{ alert: 'cron_not_run', since: isoSeconds(sinceMs), message }, ...found];
}

/**
 * The rules of the alerts: which ones are due, each with a sentence that has the figures. Pure. A sentence has figures of the installation only: no
 * id of a payment and no personal data.
 */
import { ALERTS, type AlertName } from '../../contract/console.ts';
import { isoSeconds } from '../domain/timestamp.ts';
import type { CaseKind } from '../ledger/by-hand/list-open-cases.ts';
import { JOBS, type Job } from '../ledger/jobs/job-names.ts';
import { BRIDGE_PROBLEMS } from '../outbox/probe-bridge.ts';
import type { Situation } from './situation.ts';

/** Alerts that the cron can find: it cannot find that it does not run. */
export type CronAlert = Exclude<AlertName, 'cron_not_run'>;
export const CRON_ALERTS = ALERTS.filter((alert): alert is CronAlert => alert !== 'cron_not_run');

export interface DueAlert {
  alert: CronAlert;
  message: string;
}

const MINUTE_MS = 60_000;
/** An event is delivered within a second, and by the sweep within two minutes. */
const EVENT_WAITS_MS = 5 * MINUTE_MS;
/** A bridge that pulls cannot be asked: it counts as not ready when leased events have waited for so long, and nothing is reported of them. */
const PULL_WAITS_MS = 10 * MINUTE_MS;
/** A single payment can be pending for days, such as at a bank. So many that are overdue at once are an outage. */
const OVERDUE_COUNT = 5;
const JOB_NOT_RUN_MS = 15 * MINUTE_MS;

/** The rate of fewer payments means nothing. */
const RATED_PAYMENTS = 20;
/** Percentage points above its limit at which the rate is good again. */
const RATE_MARGIN = 5;
const FILLING_FROM = 0.7;
const FILLING_UNTIL = 0.65;

/**
 * @param open alerts that have begun. Some have a stricter limit for their end than for their beginning, so that they do not flap
 */
export function dueAlerts(situation: Situation, open: ReadonlySet<AlertName>): DueAlert[] {
  const due: DueAlert[] = [];
  for (const [alert, rule] of Object.entries(RULES) as [CronAlert, Rule][]) {
    const message = rule(situation, open.has(alert));
    if (message !== null) due.push({ alert, message });
  }
  return due;
}

/** What is wrong; null: nothing. */
type Rule = (situation: Situation, isOpen: boolean) => string | null;

const RULES: Readonly<Record<CronAlert, Rule>> = {
  events_waiting({ databases, nowMs }) {
    const events = databases.map(({ gauges }) => gauges.events);
    const oldestMs = oldestOf(events.map(({ oldestMs }) => oldestMs));
    if (oldestMs === null || nowMs - oldestMs <= EVENT_WAITS_MS) return null;
    return `${counted(
      sum(events, ({ waiting }) => waiting),
      'event waits',
      'events wait',
    )} for delivery, the oldest for ${durationText(nowMs - oldestMs)}.`;
  },

  pending_growing({ databases, nowMs }) {
    const pending = databases.map(({ gauges }) => gauges.pending);
    const overdue = sum(pending, ({ overdue }) => overdue);
    if (overdue < OVERDUE_COUNT) return null;
    const oldestMs = oldestOf(pending.map(({ oldestMs }) => oldestMs)) ?? nowMs;
    return `${overdue} payments and refunds have waited for the outcome from their gateway for 15 minutes or more, the oldest for ${durationText(nowMs - oldestMs)}.`;
  },

  success_rate_low({ recent, limits: { successRatePercent } }, isOpen) {
    const { completed, failed, failures } = recent;
    const ended = completed + failed;
    if (successRatePercent === null || ended === 0 || (!isOpen && ended < RATED_PAYMENTS)) return null;
    const limit = isOpen ? Math.min(100, successRatePercent + RATE_MARGIN) : successRatePercent;
    const rate = (100 * completed) / ended;
    if (rate >= limit) return null;
    const [[cause, count] = ['', 0]] = Object.entries(failures).toSorted(([, one], [, other]) => other - one);
    return `${Math.floor(rate)} % of ${ended} payments in 15 minutes succeeded, and the limit is ${successRatePercent} %. ${count} failed with ${cause}.`;
  },

  database_filling({ databases, limits: { databaseMaxBytes } }, isOpen) {
    const share = (bytes: number | null) => (bytes ?? 0) / databaseMaxBytes;
    const filling = databases.filter(
      ({ gauges }) => share(gauges.databaseBytes) >= (isOpen ? FILLING_UNTIL : FILLING_FROM),
    );
    if (filling.length === 0) return null;
    const each = filling.map(
      ({ shard, gauges }) => `database ${shard} holds ${Math.floor(100 * share(gauges.databaseBytes))} %`,
    );
    return `${capitalized(listed(each))} of DATABASE_MAX_GB. From 95 % on no payment is accepted.`;
  },

  reconciliation_differs({ reconciliations }) {
    const [first, ...later] = reconciliations.filter(({ differences }) => differences > 0);
    if (first === undefined) return null;
    const differences = sum([first, ...later], ({ differences }) => differences);
    const others =
      later.length === 0 ? '' : ` and ${counted(later.length, 'later reconciliation', 'later reconciliations')}`;
    return `Reconciliation of ${isoSeconds(first.fromMs)} to ${isoSeconds(first.toMs)}${others} found ${counted(differences, 'difference', 'differences')} between gateway, ledger and events.`;
  },

  bridge_away({ bridge, databases, nowMs }) {
    if (bridge !== null) return bridge === 'ready' ? null : BRIDGE_PROBLEMS[bridge];
    const sinceMs = oldestOf(databases.map(({ gauges }) => gauges.events.unansweredMs));
    if (sinceMs === null || nowMs - sinceMs <= PULL_WAITS_MS) return null;
    return `The bridge takes no events from its queue or cannot publish them, or the queue accepts none: one has waited for ${durationText(nowMs - sinceMs)} without a result.`;
  },

  job_not_run({ databases, nowMs }) {
    const late = databases.flatMap(({ shard, gauges }) =>
      JOBS.flatMap((job: Job) => {
        // Figures of a former version lack the jobs that it did not have.
        const { backlog = 0, endedAtMs = null } = gauges.jobs[job] ?? {};
        if (backlog === 0 || (endedAtMs !== null && nowMs - endedAtMs <= JOB_NOT_RUN_MS)) return [];
        const last = endedAtMs === null ? 'never ran' : `last ran ${durationText(nowMs - endedAtMs)} ago`;
        return [`the job ${job}${databases.length === 1 ? '' : ` of database ${shard}`} ${last}`];
      }),
    );
    return late.length === 0 ? null : `${capitalized(listed(late))}, and has work to do.`;
  },

  needs_person({ databases }) {
    const kinds = Object.entries(CASES) as [CaseKind, readonly [string, string]][];
    const open = kinds
      .map(([kind, [one, more]]) => ({ one, more, count: sum(databases, ({ gauges }) => gauges.cases[kind] ?? 0) }))
      .filter(({ count }) => count > 0);
    if (open.length === 0) return null;
    const each = open.map(({ one, more, count }) => counted(count, one, more));
    return `${counted(
      sum(open, ({ count }) => count),
      'case needs',
      'cases need',
    )} a person: ${listed(each)}.`;
  },
};

/** One of them, and several. */
const CASES: Readonly<Record<CaseKind, readonly [one: string, more: string]>> = {
  payment_undetermined: ['payment without a known outcome', 'payments without a known outcome'],
  refund_undetermined: ['refund without a known outcome', 'refunds without a known outcome'],
  late_charge_kept: ['late charge that could not be refunded', 'late charges that could not be refunded'],
  refund_reversed: ['refund returned by the bank', 'refunds returned by the bank'],
  external_refund_unbooked: ['external refund larger than the balance', 'external refunds larger than the balance'],
};

function oldestOf(all: readonly (number | null)[]): number | null {
  const times = all.flatMap((timeMs) => timeMs ?? []);
  return times.length === 0 ? null : Math.min(...times);
}

function sum<One>(all: readonly One[], of: (one: One) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

function counted(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}

/** Whole minutes; from two hours on, whole hours; from two days on, whole days. */
export function durationText(ms: number): string {
  const minutes = Math.max(1, Math.floor(ms / MINUTE_MS));
  if (minutes < 120) return counted(minutes, 'minute', 'minutes');
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}

/** Chats truncate long messages. */
const LISTED_MAX = 5;

function listed(all: readonly string[]): string {
  const parts = all.length <= LISTED_MAX ? all : [...all.slice(0, LISTED_MAX), `${all.length - LISTED_MAX} more`];
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

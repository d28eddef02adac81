/**
 * Whether the service is ready, for an uptime monitor. It asks from outside, so it also notices a cron that does not run, which the cron itself
 * cannot report. Everybody may ask, so no answer has an id, a figure or an address.
 */
import type { READY_PROBLEMS } from '../../contract/responses.ts';
import { type Readiness, readReadiness } from '../ledger/alerts/read-readiness.ts';
import { LedgerUnavailable } from '../ledger/database.ts';
import { takesNothingNew } from '../ledger/fill-level.ts';
import { allContexts, type Shards } from '../shards.ts';
import { readEach } from './read-each.ts';

/** `database_away` is found only here: alerts are kept in the first database, so there is none of it. */
export type ReadyProblemName = (typeof READY_PROBLEMS)[number];

export interface ReadyProblem {
  alert: ReadyProblemName;
  sinceMs: number;
  message: string;
  /** Whether it stops payments or events, so that it should wake somebody. Other problems are listed, and the service is ready. */
  isUrgent: boolean;
}

const MINUTE_MS = 60_000;
/** The cron runs each minute. */
const CRON_NOT_RUN_MS = 5 * MINUTE_MS;
/** With many databases, one run of the cron measures only some of them. */
const NOT_MEASURED_MS = 15 * MINUTE_MS;

/** Asks each database once. @throws LedgerNotMigrated */
export async function findReadyProblems(shards: Shards): Promise<ReadyProblem[]> {
  const nowMs = shards.at(0).nowMs();
  const reads = await readEach(shards, ({ db }) => readReadiness(db));
  const answers = reads.map((read) => {
    if (read.kind === 'read') return read.value;
    if (!(read.error instanceof LedgerUnavailable)) throw read.error;
    return null;
  });
  const isFull = allContexts(shards).some(({ db }) => takesNothingNew(db));
  return readyProblems(answers, { nowMs, isFull });
}

/**
 * Pure.
 *
 * @param answers of each database; null: it did not answer
 */
export function readyProblems(
  answers: readonly (Readiness | null)[],
  { nowMs, isFull }: { nowMs: number; isFull: boolean },
): ReadyProblem[] {
  const problems: ReadyProblem[] = [];
  if (answers.includes(null)) problems.push(problem('database_away', nowMs));
  const silentSinceMs = cronSilentSinceMs(answers, nowMs);
  if (silentSinceMs !== null) problems.push(problem('cron_not_run', silentSinceMs));
  const active = answers.flatMap((answer) => answer?.alerts ?? []);
  problems.push(...active.map(({ alert, startedAtMs }) => problem(alert, startedAtMs)));
  if (!isFull) return problems;
  const filling = active.find(({ alert }) => alert === 'database_filling');
  const full = { ...problem('database_filling', filling?.startedAtMs ?? nowMs), message: FULL, isUrgent: true };
  return [...problems.filter(({ alert }) => alert !== 'database_filling'), full];
}

/**
 * Since when the cron has not run; null: it runs. A database needs no cron before its first payment is that old: a new deployment is ready.
 *
 * @param answers of each database; null: it did not answer
 */
export function cronSilentSinceMs(
  answers: readonly (Pick<Readiness, 'measuredAtMs' | 'oldestPaymentMs'> | null)[],
  nowMs: number,
): number | null {
  const sinceMs = answers.flatMap((answer) => answer?.measuredAtMs ?? answer?.oldestPaymentMs ?? []);
  if (sinceMs.length === 0) return null;
  const [first, last] = [Math.min(...sinceMs), Math.max(...sinceMs)];
  if (nowMs - last > CRON_NOT_RUN_MS) return last;
  return nowMs - first > NOT_MEASURED_MS ? first : null;
}

function problem(alert: ReadyProblemName, sinceMs: number): ReadyProblem {
  return { alert, sinceMs, ...PROBLEMS[alert] };
}

const FULL = 'A database is full: no payment is accepted.';

const PROBLEMS: Readonly<Record<ReadyProblemName, Pick<ReadyProblem, 'message' | 'isUrgent'>>> = {
  events_waiting: { isUrgent: true, message: 'Events have been waiting for delivery for more than five minutes.' },
  pending_growing: {
    isUrgent: true,
    message: 'Several payments or refunds have been pending for more than 15 minutes.',
  },
  success_rate_low: { isUrgent: true, message: 'Fewer payments succeed than usual.' },
  bridge_away: { isUrgent: true, message: 'The bridge or RabbitMQ does not accept events.' },
  job_not_run: { isUrgent: true, message: 'A background job has not run for more than 15 minutes.' },
  cron_not_run: { isUrgent: true, message: 'The cron has not run for more than five minutes.' },
  database_away: { isUrgent: true, message: 'A database does not answer.' },
  database_filling: { isUrgent: false, message: 'A database is filling up.' },
  reconciliation_differs: { isUrgent: false, message: 'Reconciliation found differences.' },
  needs_person: { isUrgent: false, message: 'A case needs a person.' },
};

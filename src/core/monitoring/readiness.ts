/**
 * What an uptime monitor is to know: it asks from outside, so that it also notices what the cron cannot report, which is that it does not run.
 * Everybody may ask, so that no answer has an id, a figure or an address.
 */
import type { READY_PROBLEMS } from '../../contract/responses.ts';
import { type Readiness, readReadiness } from '../ledger/alerts/read-readiness.ts';
import { LedgerUnavailable } from '../ledger/database.ts';
import { takesNothingNew } from '../ledger/fill-level.ts';
import { errorFields } from '../log.ts';
import { allContexts, type Shards } from '../shards.ts';

/** That a database does not answer is found here alone: without the first one, no alert is kept. */
export type ReadyProblemName = (typeof READY_PROBLEMS)[number];

export interface ReadyProblem {
  alert: ReadyProblemName;
  sinceMs: number;
  message: string;
  /** Whether payments or events stop by it, so that somebody is woken. What can wait for the morning is listed, and the service is ready. */
  isUrgent: boolean;
}

const MINUTE_MS = 60_000;
/** The cron runs each minute. */
const CRON_NOT_RUN_MS = 5 * MINUTE_MS;
/** Of many databases, a minute measures some. */
const NOT_MEASURED_MS = 15 * MINUTE_MS;
/** As many connections as Workers hold open at once: https://developers.cloudflare.com/workers/platform/limits/ */
const DATABASES_AT_ONCE = 6;

/** Asks each database once. @throws LedgerNotMigrated */
export async function findReadyProblems(shards: Shards): Promise<ReadyProblem[]> {
  const contexts = allContexts(shards);
  const nowMs = shards.at(0).nowMs();
  const answers: (Readiness | null)[] = [];
  const waiting = contexts.values();
  const askOneByOne = async () => {
    for (const { db, shard, log } of waiting) {
      answers[shard] = await readReadiness(db).catch((error: unknown) => {
        if (!(error instanceof LedgerUnavailable)) throw error;
        log('error', 'ledger.unavailable', errorFields(error));
        return null;
      });
    }
  };
  await Promise.all(Array.from({ length: DATABASES_AT_ONCE }, askOneByOne));
  const isFull = contexts.some(({ db }) => takesNothingNew(db));
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
 * Null: it runs, in all databases. One without a payment needs no cron yet, and one that has not been measured waits for it since its first: a
 * service that was just deployed is ready.
 */
function cronSilentSinceMs(answers: readonly (Readiness | null)[], nowMs: number): number | null {
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
  bridge_away: { isUrgent: true, message: 'The bridge or its broker does not take events.' },
  job_not_run: { isUrgent: true, message: 'A job in the background has not run for more than 15 minutes.' },
  cron_not_run: { isUrgent: true, message: 'The cron has not run for more than five minutes.' },
  database_away: { isUrgent: true, message: 'A database does not answer.' },
  database_filling: { isUrgent: false, message: 'A database fills up.' },
  reconciliation_differs: { isUrgent: false, message: 'The last reconciliation has found differences.' },
  needs_person: { isUrgent: false, message: 'Something needs a person.' },
};

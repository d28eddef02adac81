/** Every minute: wakes the jobs that have something due, measures what has happened, in each database, and sends alerts. */

import type { Context } from '../context.ts';
import { LedgerNotMigrated, statementsLeft } from '../ledger/database.ts';
import { errorFields } from '../log.ts';
import { measure, STATEMENTS_OF_STEP } from '../monitoring/measure.ts';
import { statementsToWatch, watch } from '../monitoring/watch.ts';
import { allContexts, type Shards } from '../shards.ts';
import { doJob, type Woken, wakeJobs } from './jobs.ts';

/** As many connections as Workers hold open at once: https://developers.cloudflare.com/workers/platform/limits/ */
const DATABASES_AT_ONCE = 6;
/** In an installation of 64, beside what wakes the jobs, there are statements for as many. */
const MEASURED_AT_LEAST = 16;

const MINUTE_MS = 60_000;

/** Each minute another one is the first: where jobs are done here, without their queue, the last ones find no statements left. */
function inTurn(contexts: Context[]): Context[] {
  const first = Math.floor((contexts[0]?.nowMs() ?? 0) / MINUTE_MS) % contexts.length;
  return [...contexts.slice(first), ...contexts.slice(0, first)];
}

/** The same of databases that are measured, of which one minute may not reach all. */
function measuredInTurn(woken: readonly Woken[]): Woken[] {
  const byShard = woken.toSorted((one, other) => one.context.shard - other.context.shard);
  const minute = Math.floor((byShard[0]?.context.nowMs() ?? 0) / MINUTE_MS);
  const first = (minute * MEASURED_AT_LEAST) % Math.max(1, byShard.length);
  return [...byShard.slice(first), ...byShard.slice(0, first)];
}

/**
 * What fails keeps nothing else from being done.
 *
 * @throws the error of a database whose jobs could not be woken or done, or that could not be measured, or an AggregateError of several
 */
export async function runCron(shards: Shards): Promise<void> {
  const failures: unknown[] = [];
  const failed = ({ log }: Context, error: unknown) => {
    // Alert on this: it does not resolve itself.
    if (error instanceof LedgerNotMigrated) log('error', error.alarm, errorFields(error));
    failures.push(error);
  };

  const woken: Woken[] = [];
  const waiting = inTurn(allContexts(shards)).values();
  const wakeOneByOne = async () => {
    for (const context of waiting) {
      const one = await wakeJobs(context).catch((error: unknown) => failed(context, error));
      if (one === undefined) continue;
      woken.push(one);
      // Without its queue a job is done here, by one invocation a minute.
      for (const wakeUp of one.notSent) await doJob(context, wakeUp).catch((error: unknown) => failed(context, error));
    }
  };
  await Promise.all(Array.from({ length: DATABASES_AT_ONCE }, wakeOneByOne));

  // One after the other: each knows what is left of the statements.
  const reserved = statementsToWatch(shards.count);
  for (const { context, backlogs } of measuredInTurn(woken)) {
    if (statementsLeft(context.db) < STATEMENTS_OF_STEP + reserved) break;
    await measure(context, backlogs, reserved).catch((error: unknown) => {
      context.log('warn', 'metrics.not_measured', errorFields(error));
      failed(context, error);
    });
  }
  await watch(shards).catch((error: unknown) => failed(shards.at(0), error));
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'the cron failed');
}

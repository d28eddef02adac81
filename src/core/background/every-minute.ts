/**
 * Every minute: wakes the jobs that have something due, measures what has happened, in each database, and sends alerts. Then it does the jobs that
 * their queue has not taken.
 */

import type { Context } from '../context.ts';
import { LedgerNotMigrated, statementsLeft } from '../ledger/database.ts';
import { errorFields } from '../log.ts';
import { measure, STATEMENTS_OF_STEP } from '../monitoring/measure.ts';
import { statementsToWatch, watch } from '../monitoring/watch.ts';
import { allContexts, forEachDatabase, type Shards } from '../shards.ts';
import { doJob, type Woken, wakeJobs } from './jobs.ts';

const GOLDEN_SECTION = (Math.sqrt(5) - 1) / 2;

/** Of the databases, a part that is measured in a minute whose jobs are done here, where they need the statements. Each comes within 15 minutes. */
const PART_BESIDE_JOBS = 1 / 8;

const MINUTE_MS = 60_000;

/** Each minute begins further on, so that those which find no statements left are not always the same. @param each how far a minute moves the start */
function inTurn<One>(all: readonly One[], each: number, nowMs: number): One[] {
  const first = Math.floor((Math.floor(nowMs / MINUTE_MS) * each) % Math.max(1, all.length));
  return [...all.slice(first), ...all.slice(0, first)];
}

/**
 * In a large installation, a minute has statements to measure a few databases, and how many varies. By the golden section, each start falls into a
 * wide gap between the last ones, so none is left out: where a minute reaches six of 64, each is measured every 15 minutes or sooner.
 */
export function inTurnToMeasure<One>(all: readonly One[], nowMs: number): One[] {
  return inTurn(all, GOLDEN_SECTION * all.length, nowMs);
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
  const nowMs = shards.at(0).nowMs();
  await forEachDatabase(allContexts(shards), async (context) => {
    const one = await wakeJobs(context).catch((error: unknown) => failed(context, error));
    if (one !== undefined) woken.push(one);
  });

  // One after the other: each knows what is left of the statements.
  const reserved = statementsToWatch(shards.count);
  const byShard = woken.toSorted((one, other) => one.context.shard - other.context.shard);
  const hasJobs = byShard.some(({ notSent }) => notSent.length > 0);
  const measured = hasJobs ? Math.ceil(byShard.length * PART_BESIDE_JOBS) : byShard.length;
  for (const { context, backlogs } of inTurnToMeasure(byShard, nowMs).slice(0, measured)) {
    if (statementsLeft(context.db) < STATEMENTS_OF_STEP + reserved) break;
    await measure(context, backlogs, reserved).catch((error: unknown) => {
      context.log('warn', 'metrics.not_measured', errorFields(error));
      failed(context, error);
    });
  }
  await watch(shards).catch((error: unknown) => failed(shards.at(0), error));

  // Without its queue a job is done here, by one invocation a minute. It takes long, and one database may take all statements that are left.
  await forEachDatabase(inTurn(byShard, 1, nowMs), async ({ context, notSent }) => {
    for (const wakeUp of notSent) await doJob(context, wakeUp).catch((error: unknown) => failed(context, error));
  });
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'the cron failed');
}

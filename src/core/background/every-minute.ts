/** Every minute: wakes the jobs that have something due, in each database. */

import { LedgerNotMigrated } from '../ledger/database.ts';
import { errorFields } from '../log.ts';
import { allContexts, type Shards } from '../shards.ts';
import { wakeJobs } from './jobs.ts';

/** As many connections as Workers hold open at once: https://developers.cloudflare.com/workers/platform/limits/ */
const DATABASES_AT_ONCE = 6;

/** @throws AggregateError of what has failed in some database; the others' jobs are awake all the same */
export async function runCron(shards: Shards): Promise<void> {
  const failures: unknown[] = [];
  const waiting = allContexts(shards).values();
  const wakeOneByOne = async () => {
    for (const context of waiting) {
      await wakeJobs(context).catch((error: unknown) => {
        // An alarm: somebody has to do something.
        const failed = error instanceof AggregateError ? error.errors : [error];
        const notMigrated = failed.find((one) => one instanceof LedgerNotMigrated);
        if (notMigrated !== undefined) {
          context.log('error', 'ledger.not_migrated', { shard: context.shard, ...errorFields(notMigrated) });
        }
        failures.push(...failed);
      });
    }
  };
  await Promise.all(Array.from({ length: DATABASES_AT_ONCE }, wakeOneByOne));
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'jobs failed');
}

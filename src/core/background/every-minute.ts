/** Every minute: wakes the jobs that have something due, in each database, and alerts those who look after the service. */

import type { Context } from '../context.ts';
import { LedgerNotMigrated } from '../ledger/database.ts';
import { errorFields } from '../log.ts';
import { watch } from '../monitoring/watch.ts';
import { allContexts, type Shards } from '../shards.ts';
import { wakeJobs } from './jobs.ts';

/** As many connections as Workers hold open at once: https://developers.cloudflare.com/workers/platform/limits/ */
const DATABASES_AT_ONCE = 6;

const MINUTE_MS = 60_000;

/** Each minute another one is the first: where jobs are done here, without their queue, the last ones find no statements left. */
function inTurn(contexts: Context[]): Context[] {
  const first = Math.floor((contexts[0]?.nowMs() ?? 0) / MINUTE_MS) % contexts.length;
  return [...contexts.slice(first), ...contexts.slice(0, first)];
}

/** @throws the error of a database whose jobs could not be woken, or an AggregateError of several; the other databases' jobs are woken all the same */
export async function runCron(shards: Shards): Promise<void> {
  const failures: unknown[] = [];
  const waiting = inTurn(allContexts(shards)).values();
  const wakeOneByOne = async () => {
    for (const context of waiting) {
      await wakeJobs(context).catch((error: unknown) => {
        // Alert on this: it does not resolve itself.
        const failed = error instanceof AggregateError ? error.errors : [error];
        const notMigrated = failed.find((one) => one instanceof LedgerNotMigrated);
        if (notMigrated !== undefined) {
          context.log('error', notMigrated.alarm, errorFields(notMigrated));
        }
        failures.push(...failed);
      });
    }
  };
  await Promise.all(Array.from({ length: DATABASES_AT_ONCE }, wakeOneByOne));
  await watch(shards).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'jobs failed');
}

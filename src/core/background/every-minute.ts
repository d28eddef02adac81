/** Every minute: wakes the jobs that have something due. */

import type { Context } from '../context.ts';
import { LedgerNotMigrated } from '../ledger/database.ts';
import { errorFields } from '../log.ts';
import { wakeJobs } from './jobs.ts';

export async function runCron(context: Context): Promise<void> {
  try {
    await wakeJobs(context);
  } catch (error) {
    // An alarm: the migrations have to be applied.
    const notMigrated = error instanceof AggregateError ? error.errors.find(isNotMigrated) : error;
    if (isNotMigrated(notMigrated)) context.log('error', 'ledger.not_migrated', errorFields(notMigrated));
    throw error;
  }
}

function isNotMigrated(error: unknown): boolean {
  return error instanceof LedgerNotMigrated;
}

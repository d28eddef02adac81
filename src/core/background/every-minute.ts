/** Every minute: wakes the jobs that have something due, purges what has expired, and seals the audit log. */

import type { Context } from '../context.ts';
import { LedgerNotMigrated } from '../ledger/database.ts';
import { purgeExpired } from '../ledger/purge-expired.ts';
import { errorFields } from '../log.ts';
import { wakeJobs } from './recovery-jobs.ts';
import { sealAudit } from './seal-audit.ts';

/** Rows that are thrown away in one go: eighty new ones a second are kept up with. */
const PURGED_AT_ONCE = 5_000;

/** One after the other, because a Worker may have few requests open at once. Each is done, whatever becomes of the others. */
export async function runCron(context: Context): Promise<void> {
  const { db, nowMs, chainHash } = context;
  const failures: unknown[] = [];
  const work = [
    () => wakeJobs(context),
    () => purgeExpired(db, 'idempotency_keys', nowMs(), PURGED_AT_ONCE),
    () => sealAudit(db, chainHash),
    () => purgeExpired(db, 'velocity_counters', nowMs(), PURGED_AT_ONCE),
    () => purgeExpired(db, 'provider_events', nowMs(), PURGED_AT_ONCE),
  ];
  for (const part of work) await part().catch((error: unknown) => failures.push(error));
  // An alarm: the migrations have to be applied.
  const notMigrated = failures.find((failure) => failure instanceof LedgerNotMigrated);
  if (notMigrated !== undefined) context.log('error', 'ledger.not_migrated', errorFields(notMigrated));
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'the cron failed');
}

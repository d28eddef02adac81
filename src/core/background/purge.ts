/** Deletes expired rows, table by table, in bounded steps. */

import { JOB_MAX_DURATION_MS } from '../invocation-limits.ts';
import { type Database, statementsLeft } from '../ledger/database.ts';
import { EXPIRING_TABLES, purgeExpired } from '../ledger/purge-expired.ts';

/** Rows of one statement: it is over within some ten milliseconds, for which D1's one writer does nothing else. */
const ROWS_AT_ONCE = 5_000;
/** A statement a step; once more the same for connections that break, and what is left to the caller. */
const STATEMENTS_NEEDED = 3 + 10;

/** Deletes until nothing is expired, or it has been enough for one invocation. Answers with whether it was the last. */
export async function purge({ db, nowMs }: { db: Database; nowMs: () => number }): Promise<boolean> {
  const startedAtMs = nowMs();
  for (const table of EXPIRING_TABLES) {
    let purged = ROWS_AT_ONCE;
    while (purged === ROWS_AT_ONCE) {
      if (nowMs() - startedAtMs >= JOB_MAX_DURATION_MS || statementsLeft(db) < STATEMENTS_NEEDED) return true;
      purged = await purgeExpired(db, table, nowMs(), ROWS_AT_ONCE);
    }
  }
  return false;
}

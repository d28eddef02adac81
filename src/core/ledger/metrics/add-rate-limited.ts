/** Adds up what isolates have counted in memory. */

import { type Database, runBatch } from '../database.ts';

const ADD = `
  INSERT INTO counted_in_memory (metric, labels, value) VALUES ('rate_limited', '', ?1)
  ON CONFLICT (metric, labels) DO UPDATE SET value = value + excluded.value`;

/**
 * Adds refused requests. It is sent once: a number without a row of its own could be added twice where an answer is lost, and is rather missing.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function addRateLimited(db: Database, requests: number): Promise<void> {
  await runBatch(db, { added: db.d1.prepare(ADD).bind(requests) }, 0);
}

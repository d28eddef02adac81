import { audit } from '../audit/insert-entry.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import type { TimeRange } from '../id-range.ts';
import { DAY_MS, IS_NIGHT } from './nights.ts';

/** One of them runs at a time. */
const ORDER = `
  INSERT INTO reconciliations (from_ms, to_ms, compared_until_ms, started_at_ms, next_step_at_ms, patient_until_ms)
  SELECT ?1, ?2, ?1, ?3, ?3, ?3
  WHERE NOT EXISTS (SELECT 1 FROM reconciliations WHERE ended_at_ms IS NULL AND NOT ${IS_NIGHT})
  ON CONFLICT DO NOTHING`;
const RUNNING = `
  SELECT from_ms AS fromMs FROM reconciliations WHERE ended_at_ms IS NULL AND NOT ${IS_NIGHT} LIMIT 1`;

/**
 * Orders a reconciliation of the last 24 hours, unless one of them is running already.
 *
 * @returns the time of the one that is running now
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function orderLast24Hours(db: Database, nowMs: number): Promise<Pick<TimeRange, 'fromMs'> | null> {
  const { running } = await runBatch(db, {
    ordered: db.d1.prepare(ORDER).bind(nowMs - DAY_MS, nowMs, nowMs),
    // It is of all organisations.
    audited: audit(db, '*', {
      atMs: nowMs,
      action: 'reconciliation.ordered',
      subject: 'the last 24 hours',
      outcome: 'asked',
    }),
    running: db.d1.prepare(RUNNING),
  });
  return rowOf<Pick<TimeRange, 'fromMs'>>(running);
}

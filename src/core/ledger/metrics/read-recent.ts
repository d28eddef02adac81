/** What the cron judges by each minute: what it has just measured, and what has ended in the last minutes. */
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { Counts, Gauges } from './measured.ts';

export interface Recent {
  /** Of the last run of the cron. */
  gauges: Gauges;
  writtenAtMs: number;
  minutes: Counts[];
}

const GAUGES = 'SELECT gauges, written_at_ms AS writtenAtMs FROM metric_totals';
const MINUTES = 'SELECT counts FROM metric_minutes WHERE minute_ms >= ?1';

/** Null: the cron has not measured yet. @throws LedgerUnavailable, LedgerNotMigrated */
export async function readRecent(db: Database, fromMs: number): Promise<Recent | null> {
  const { totals, minutes } = await runBatch(db, {
    totals: db.d1.prepare(GAUGES),
    minutes: db.d1.prepare(MINUTES).bind(fromMs),
  });
  const row = rowOf<{ gauges: string; writtenAtMs: number }>(totals);
  return (
    row && {
      gauges: JSON.parse(row.gauges),
      writtenAtMs: row.writtenAtMs,
      minutes: rowsOf<{ counts: string }>(minutes).map(({ counts }) => JSON.parse(counts)),
    }
  );
}

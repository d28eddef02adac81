/** What the cron judges by each minute: what it has just measured, and what has ended in the last minutes. */
import { type Database, rowOf, runBatch } from '../database.ts';
import type { Counts, Gauges } from './measured.ts';

export interface Recent {
  /** Of the last run of the cron. */
  gauges: Gauges;
  /** Of each of the minutes in which something has ended. */
  minutes: Counts[];
}

// One statement, since it is sent to each database, and D1 allows an invocation no more than a thousand.
const RECENT = `
  SELECT gauges, (SELECT json_group_array(json(counts)) FROM metric_minutes WHERE minute_ms >= ?1) AS minutes
  FROM metric_totals WHERE one = 1`;

/** Null: the cron has not measured yet. @throws LedgerUnavailable, LedgerNotMigrated */
export async function readRecent(db: Database, fromMs: number): Promise<Recent | null> {
  const { recent } = await runBatch(db, { recent: db.d1.prepare(RECENT).bind(fromMs) });
  const row = rowOf<{ gauges: string; minutes: string }>(recent);
  return row && { gauges: JSON.parse(row.gauges), minutes: JSON.parse(row.minutes) };
}

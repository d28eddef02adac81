/** Reads what the cron has measured: a row of the database for the totals and gauges, and a row for each minute. */
import type { D1Database, D1PreparedStatement, D1Result } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { Counts, Gauges } from './measured.ts';

export interface Measured {
  /** Since counting began. */
  counts: Counts;
  gauges: Gauges;
  writtenAtMs: number;
}

const READ_TOTALS = 'SELECT counts, gauges, written_at_ms AS writtenAtMs FROM metric_totals WHERE one = 1';

/** Null: the cron has not run yet. @throws LedgerUnavailable, LedgerNotMigrated */
export async function readTotals(db: Database): Promise<Measured | null> {
  const { totals } = await runBatch(db, { totals: totalsStatement(db.d1) });
  return totalsIn(totals);
}

/** The statement of `readTotals`. */
export function totalsStatement(d1: D1Database): D1PreparedStatement {
  return d1.prepare(READ_TOTALS);
}

export function totalsIn(totals: D1Result): Measured | null {
  const row = rowOf<{ counts: string; gauges: string; writtenAtMs: number }>(totals);
  return row && { counts: JSON.parse(row.counts), gauges: JSON.parse(row.gauges), writtenAtMs: row.writtenAtMs };
}

export interface MeasuredMinute {
  minuteMs: number;
  counts: Counts;
}

const READ_MINUTES =
  'SELECT minute_ms AS minuteMs, counts FROM metric_minutes WHERE minute_ms >= ?1 AND minute_ms < ?2 ORDER BY minute_ms';

/** The minutes of this time in which something ended. @throws LedgerUnavailable, LedgerNotMigrated */
export async function readMinutes(db: Database, fromMs: number, toMs: number): Promise<MeasuredMinute[]> {
  const { minutes } = await runBatch(db, { minutes: db.d1.prepare(READ_MINUTES).bind(fromMs, toMs) });
  return rowsOf<{ minuteMs: number; counts: string }>(minutes).map(measuredMinute);
}

const READ_SOME_MINUTES = `
  SELECT minute_ms AS minuteMs, counts FROM metric_minutes WHERE minute_ms IN (SELECT value FROM json_each(?1))`;

/** Those of these minutes in which something ended. */
export async function readTheseMinutes(db: Database, minutesMs: readonly number[]): Promise<MeasuredMinute[]> {
  const { minutes } = await runBatch(db, { minutes: db.d1.prepare(READ_SOME_MINUTES).bind(JSON.stringify(minutesMs)) });
  return rowsOf<{ minuteMs: number; counts: string }>(minutes).map(measuredMinute);
}

function measuredMinute({ minuteMs, counts }: { minuteMs: number; counts: string }): MeasuredMinute {
  return { minuteMs, counts: JSON.parse(counts) };
}

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { IS_NIGHT } from './nights.ts';

/** A night's result counts until that of the next night. Days that are caught up can end within minutes of each other: each counts for so long. */
const COUNTS_FOR_MS = 12 * 60 * 60_000;

export interface CurrentResult {
  fromMs: number;
  toMs: number;
  endedAtMs: number;
  differences: number;
}

// It compares a part of a day only, so one that was ordered replaces another one, and no night.
const lastEndOf = (which: string) =>
  `SELECT ended_at_ms FROM reconciliations WHERE ended_at_ms IS NOT NULL AND ${which} ORDER BY ended_at_ms DESC LIMIT 1`;

/** The results that alert, and that metrics show: of the last nights, and of the last one that a person has ordered. */
export const CURRENT_RESULTS = `
  SELECT from_ms AS fromMs, to_ms AS toMs, ended_at_ms AS endedAtMs, differences
  FROM reconciliations INDEXED BY reconciliations_ended
  WHERE ended_at_ms > coalesce((${lastEndOf(IS_NIGHT)}), 0) - ${COUNTS_FOR_MS}
    AND (${IS_NIGHT} OR ended_at_ms = (${lastEndOf(`NOT ${IS_NIGHT}`)}))
  ORDER BY from_ms`;

/** The statement that gives each `CurrentResult`, by their time. */
export function currentResults(d1: D1Database): D1PreparedStatement {
  return d1.prepare(CURRENT_RESULTS);
}

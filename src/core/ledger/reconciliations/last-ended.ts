import type { D1Database, D1PreparedStatement } from '../d1.ts';

export const LAST_ENDED = `
  SELECT from_ms AS fromMs, to_ms AS toMs, ended_at_ms AS endedAtMs, differences FROM reconciliations
  WHERE ended_at_ms IS NOT NULL ORDER BY ended_at_ms DESC LIMIT 1`;

/** The statement that gives the reconciliation which ended last. */
export function lastEnded(d1: D1Database): D1PreparedStatement {
  return d1.prepare(LAST_ENDED);
}

/** Which gateways isolates have stopped calling. Only changes are written. */

import type { BreakerChange } from '../../circuit-breaker.ts';
import { type Database, runBatch } from '../database.ts';

export interface BreakerReport {
  gateway: string;
  operation: 'charge' | 'refund';
  change: BreakerChange;
}

/** An isolate that gets no more payments reports nothing: after this time, what it has opened counts as closed. */
export const BREAKER_REPORT_LIFETIME_MS = 60_000;

// The latest report counts, of whichever isolate. One of which nothing was heard for long begins anew.
const OPEN = `
  INSERT INTO open_breakers (gateway, operation, opened_at_ms, until_ms) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (gateway, operation) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms),
    opened_at_ms = CASE WHEN until_ms + ${BREAKER_REPORT_LIFETIME_MS} < excluded.opened_at_ms THEN excluded.opened_at_ms ELSE opened_at_ms END`;
const CLOSE = 'DELETE FROM open_breakers WHERE gateway = ?1 AND operation = ?2';

export async function recordBreaker(db: Database, report: BreakerReport, nowMs: number): Promise<void> {
  const { gateway, operation, change } = report;
  const changed =
    change.kind === 'open'
      ? db.d1.prepare(OPEN).bind(gateway, operation, nowMs, change.untilMs)
      : db.d1.prepare(CLOSE).bind(gateway, operation);
  await runBatch(db, { changed });
}

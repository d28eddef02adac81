/** Gateways that isolates have stopped calling, as the first database keeps them. */
import { type Database, rowsOf, runBatch } from '../database.ts';
import { BREAKER_REPORT_LIFETIME_MS } from './record-breaker.ts';

export interface OpenBreaker {
  gateway: string;
  operation: 'charge' | 'refund';
  openedAtMs: number;
  /** When a probe is allowed. */
  untilMs: number;
}

/** The condition of those that are open at the time `?1`. */
export const OPEN_BREAKERS_SINCE = `until_ms > ?1 - ${BREAKER_REPORT_LIFETIME_MS}`;

const OPEN = `
  SELECT gateway, operation, opened_at_ms AS openedAtMs, until_ms AS untilMs FROM open_breakers WHERE ${OPEN_BREAKERS_SINCE}`;

/** @throws LedgerUnavailable, LedgerNotMigrated */
export async function openBreakers(db: Database, nowMs: number): Promise<OpenBreaker[]> {
  const { open } = await runBatch(db, { open: db.d1.prepare(OPEN).bind(nowMs) });
  return rowsOf<OpenBreaker>(open);
}

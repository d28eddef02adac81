/** Gateways that isolates have stopped calling, as the first database keeps them. */
import { type Database, rowsOf, runBatch } from '../database.ts';

export interface OpenBreaker {
  gateway: string;
  operation: 'charge' | 'refund';
  openedAtMs: number;
  /** When a probe is allowed. */
  untilMs: number;
}

/** An isolate without payments reports nothing: after this time, its open breakers count as closed. */
const REPORT_LIFETIME_MS = 60_000;

/** The condition of breakers that are open at the time `?1`. */
export const OPEN_BREAKERS_SINCE = `until_ms > ?1 - ${REPORT_LIFETIME_MS}`;

const OPEN = `
  SELECT gateway, operation, opened_at_ms AS openedAtMs, until_ms AS untilMs FROM open_breakers WHERE ${OPEN_BREAKERS_SINCE}`;

/** @throws LedgerUnavailable, LedgerNotMigrated */
export async function openBreakers(db: Database, nowMs: number): Promise<OpenBreaker[]> {
  const { open } = await runBatch(db, { open: db.d1.prepare(OPEN).bind(nowMs) });
  return rowsOf<OpenBreaker>(open);
}

/** What reconciliation found, for people. */
import { type Database, rowsOf, runBatch } from '../database.ts';
import type { KeptDifference } from './record-step.ts';

export interface ListedReconciliation {
  fromMs: number;
  toMs: number;
  comparedUntilMs: number;
  startedAtMs: number;
  /** Null while it runs. */
  endedAtMs: number | null;
  payments: number;
  refunds: number;
  movements: number | null;
  differences: KeptDifference[];
}

const NEWEST = `
  SELECT from_ms AS fromMs, to_ms AS toMs, compared_until_ms AS comparedUntilMs, started_at_ms AS startedAtMs, ended_at_ms AS endedAtMs,
    payments, refunds, movements
  FROM reconciliations WHERE from_ms > 0 ORDER BY from_ms DESC LIMIT ?1`;
const DIFFERENCES = `
  SELECT from_ms AS fromMs, kind, subject, detail AS message, transaction_id AS transactionId FROM reconciliation_differences
  WHERE from_ms IN (SELECT from_ms FROM reconciliations WHERE from_ms > 0 ORDER BY from_ms DESC LIMIT ?1) ORDER BY from_ms, kind, subject`;

/** The newest ones, newest first, with their differences. @throws LedgerUnavailable, LedgerNotMigrated */
export async function listReconciliations(db: Database, limit: number): Promise<ListedReconciliation[]> {
  const { newest, differences } = await runBatch(db, {
    newest: db.d1.prepare(NEWEST).bind(limit),
    differences: db.d1.prepare(DIFFERENCES).bind(limit),
  });
  const all = Map.groupBy(rowsOf<KeptDifference & { fromMs: number }>(differences), ({ fromMs }) => fromMs);
  return rowsOf<Omit<ListedReconciliation, 'differences'>>(newest).map((one) => ({
    ...one,
    differences: (all.get(one.fromMs) ?? []).map(({ fromMs: _, ...difference }) => difference),
  }));
}

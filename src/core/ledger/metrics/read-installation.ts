/** What the first database knows of the whole installation: open circuit breakers, alerts, and the last reconciliation. */

import { type Database, rowOf, runBatch } from '../database.ts';
import { type Measured, totalsIn, totalsStatement } from './read-measured.ts';
import { BREAKER_REPORT_LIFETIME_MS } from './record-breaker.ts';

export interface Installation {
  breakers: { gateway: string; operation: 'charge' | 'refund' }[];
  /** The names of those that are active. */
  alerts: string[];
  /** The last one that has ended; null: none has. */
  reconciliation: { endedAtMs: number; differences: number } | null;
}

const LAST_RECONCILIATION = `
  SELECT json_object('endedAtMs', ended_at_ms, 'differences', differences) FROM reconciliations
  WHERE from_ms > 0 AND ended_at_ms IS NOT NULL ORDER BY from_ms DESC LIMIT 1`;
const READ = `
  SELECT
    (SELECT json_group_array(json_object('gateway', gateway, 'operation', operation)) FROM open_breakers
      WHERE gateway > '' AND until_ms > ?1) AS breakers,
    (SELECT json_group_array(alert) FROM alert_episodes WHERE ended_at_ms IS NULL AND alert > '') AS alerts,
    (${LAST_RECONCILIATION}) AS reconciliation`;

/** With what is measured of the first database itself, in one round trip. @throws LedgerUnavailable, LedgerNotMigrated */
export async function readInstallation(
  db: Database,
  nowMs: number,
): Promise<{ totals: Measured | null; installation: Installation }> {
  const { totals, read } = await runBatch(db, {
    totals: totalsStatement(db.d1),
    read: db.d1.prepare(READ).bind(nowMs - BREAKER_REPORT_LIFETIME_MS),
  });
  const row = rowOf<{ breakers: string; alerts: string; reconciliation: string | null }>(read);
  if (row === null) throw new Error('a statement without a condition has given no row');
  return {
    totals: totalsIn(totals),
    installation: {
      breakers: JSON.parse(row.breakers),
      alerts: JSON.parse(row.alerts),
      reconciliation: row.reconciliation === null ? null : JSON.parse(row.reconciliation),
    },
  };
}

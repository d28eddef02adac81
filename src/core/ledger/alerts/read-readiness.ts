import type { AlertName } from '../../../contract/console.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { IS_ACTIVE } from './read-episodes.ts';

/** What readiness needs of one database. */
export interface Readiness {
  /** When the cron last measured there; null: never. */
  measuredAtMs: number | null;
  /** When its oldest payment was made; null: it has none. */
  oldestPaymentMs: number | null;
  /** Active alerts: empty except in the first database. */
  alerts: { alert: AlertName; startedAtMs: number }[];
}

const READINESS = `
  SELECT (SELECT written_at_ms FROM metric_totals) AS measuredAtMs,
    (SELECT created_at_ms FROM transactions ORDER BY transaction_id LIMIT 1) AS oldestPaymentMs,
    (SELECT json_group_array(json_object('alert', alert, 'startedAtMs', started_at_ms)) FROM alert_episodes
      WHERE ${IS_ACTIVE}) AS alerts`;

/** @throws LedgerUnavailable, LedgerNotMigrated */
export async function readReadiness(db: Database): Promise<Readiness> {
  const { readiness } = await runBatch(db, { readiness: db.d1.prepare(READINESS) });
  const row = rowOf<Omit<Readiness, 'alerts'> & { alerts: string }>(readiness);
  return {
    measuredAtMs: row?.measuredAtMs ?? null,
    oldestPaymentMs: row?.oldestPaymentMs ?? null,
    alerts: JSON.parse(row?.alerts ?? '[]'),
  };
}

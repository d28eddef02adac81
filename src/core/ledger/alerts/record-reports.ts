import type { AlertName } from '../../../contract/console.ts';
import { type Database, runBatch } from '../database.ts';

/** A message that the webhook accepted. */
export interface Report {
  alert: AlertName;
  startedAtMs: number;
  message: 'begin' | 'end';
}

const which = (message: Report['message']) =>
  `(alert, started_at_ms) IN (SELECT value ->> 'alert', value ->> 'startedAtMs' FROM json_each(?1) WHERE value ->> 'message' = '${message}')`;
const BEGAN = `UPDATE alert_episodes SET reported_at_ms = ?2 WHERE ${which('begin')} AND reported_at_ms IS NULL`;
const ENDED = `UPDATE alert_episodes SET end_reported_at_ms = ?2 WHERE ${which('end')} AND end_reported_at_ms IS NULL`;
const RELEASE = 'UPDATE alert_episodes SET leased_until_ms = 0 WHERE lease_id = ?1 AND leased_until_ms > 0';

/** Records the accepted messages, and releases the lease. @throws LedgerUnavailable, LedgerNotMigrated */
export async function recordReports(
  db: Database,
  leaseId: string,
  reports: readonly Report[],
  nowMs: number,
): Promise<void> {
  const list = JSON.stringify(reports);
  await runBatch(db, {
    began: db.d1.prepare(BEGAN).bind(list, nowMs),
    ended: db.d1.prepare(ENDED).bind(list, nowMs),
    released: db.d1.prepare(RELEASE).bind(leaseId),
  });
}

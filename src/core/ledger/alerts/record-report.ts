import type { AlertName } from '../../../contract/console.ts';
import { type Database, runBatch } from '../database.ts';
import { UNREPORTED } from './lease-unreported.ts';

/** A message that the webhook accepted. */
export interface Report {
  alert: AlertName;
  startedAtMs: number;
  message: 'begin' | 'end';
}

const RECORD: Readonly<Record<Report['message'], string>> = {
  begin: `UPDATE alert_episodes SET reported_at_ms = ?3, leased_until_ms = CASE WHEN ended_at_ms IS NULL THEN 0 ELSE leased_until_ms END
    WHERE alert = ?1 AND started_at_ms = ?2 AND reported_at_ms IS NULL`,
  end: `UPDATE alert_episodes SET end_reported_at_ms = ?3 WHERE alert = ?1 AND started_at_ms = ?2 AND end_reported_at_ms IS NULL`,
};

/** Records an accepted message. Of an episode that has ended, the other one is posted next, so it stays leased. @throws LedgerUnavailable, LedgerNotMigrated */
export async function recordReport(
  db: Database,
  { alert, startedAtMs, message }: Report,
  nowMs: number,
): Promise<void> {
  await runBatch(db, { recorded: db.d1.prepare(RECORD[message]).bind(alert, startedAtMs, nowMs) });
}

const RELEASE = `UPDATE alert_episodes SET leased_until_ms = 0 WHERE ${UNREPORTED} AND lease_id = ?1`;

/** Releases the episodes that still have a message to post. @throws LedgerUnavailable, LedgerNotMigrated */
export async function releaseUnreported(db: Database, leaseId: string): Promise<void> {
  await runBatch(db, { released: db.d1.prepare(RELEASE).bind(leaseId) });
}

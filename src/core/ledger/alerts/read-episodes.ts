/** Episodes of alerts: each lasts from when the alert was first due until it ended. They are in the first database. */
import type { AlertName } from '../../../contract/console.ts';
import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';

export interface Episode {
  alert: AlertName;
  startedAtMs: number;
  /** A sentence with figures. */
  message: string;
  /** When it had been due for long enough to be an alert; null: not yet, so it may be dropped. */
  confirmedAtMs: number | null;
  /** Since when it is no longer due; null: it is due. */
  clearSinceMs: number | null;
  endedAtMs: number | null;
  /** When the webhook accepted the message that it began. */
  reportedAtMs: number | null;
}

export const EPISODE_COLUMNS = `alert, started_at_ms AS startedAtMs, message, confirmed_at_ms AS confirmedAtMs, clear_since_ms AS clearSinceMs,
  ended_at_ms AS endedAtMs, reported_at_ms AS reportedAtMs`;

const OPEN = `SELECT ${EPISODE_COLUMNS} FROM alert_episodes WHERE ended_at_ms IS NULL`;

/** The statement that reads the episodes that have not ended, including unconfirmed ones. */
export function openEpisodes(d1: D1Database): D1PreparedStatement {
  return d1.prepare(OPEN);
}

/** The condition of an alert of this moment: it has been confirmed, and is not over. */
export const IS_ACTIVE = 'ended_at_ms IS NULL AND confirmed_at_ms IS NOT NULL';
const ACTIVE = `SELECT ${EPISODE_COLUMNS} FROM alert_episodes WHERE ${IS_ACTIVE} ORDER BY started_at_ms`;

/** The active alerts, the oldest first. @throws LedgerUnavailable, LedgerNotMigrated */
export async function listActiveAlerts(db: Database): Promise<Episode[]> {
  const { active } = await runBatch(db, { active: db.d1.prepare(ACTIVE) });
  return rowsOf<Episode>(active);
}

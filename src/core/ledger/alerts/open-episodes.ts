/** Alerts that are not over. They are kept in the first database of an installation. */
import { type Database, rowsOf, runBatch } from '../database.ts';

export interface OpenEpisode {
  alert: string;
  startedAtMs: number;
  message: string;
}

const OPEN = `
  SELECT alert, started_at_ms AS startedAtMs, message FROM alert_episodes WHERE ended_at_ms IS NULL ORDER BY started_at_ms`;

/** The oldest first. @throws LedgerUnavailable, LedgerNotMigrated */
export async function openEpisodes(db: Database): Promise<OpenEpisode[]> {
  const { open } = await runBatch(db, { open: db.d1.prepare(OPEN) });
  return rowsOf<OpenEpisode>(open);
}

/** Episodes with messages that the webhook has not accepted yet. A run leases them while it posts. */
import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import { EPISODE_COLUMNS, type Episode } from './read-episodes.ts';

// Must be the exact condition of the index.
const UNREPORTED = `confirmed_at_ms IS NOT NULL AND (reported_at_ms IS NULL OR (ended_at_ms IS NOT NULL AND end_reported_at_ms IS NULL))`;

const COUNT = `SELECT count(*) AS unreported FROM alert_episodes WHERE ${UNREPORTED}`;

/** The statement that counts, as `unreported`, the episodes with a message to post. */
export function countUnreported(d1: D1Database): D1PreparedStatement {
  return d1.prepare(COUNT);
}

const LEASE = `
  UPDATE alert_episodes SET lease_id = ?1, leased_until_ms = ?3 WHERE ${UNREPORTED} AND (leased_until_ms <= ?2 OR lease_id = ?1)`;
const LEASED = `SELECT ${EPISODE_COLUMNS} FROM alert_episodes WHERE ${UNREPORTED} AND lease_id = ?1 ORDER BY started_at_ms`;

/** Leases the episodes that no other run holds, oldest first. @throws LedgerUnavailable, LedgerNotMigrated */
export async function leaseUnreported(
  db: Database,
  leaseId: string,
  { nowMs, untilMs }: { nowMs: number; untilMs: number },
): Promise<Episode[]> {
  const { episodes } = await runBatch(db, {
    leased: db.d1.prepare(LEASE).bind(leaseId, nowMs, untilMs),
    episodes: db.d1.prepare(LEASED).bind(leaseId),
  });
  return rowsOf<Episode>(episodes);
}

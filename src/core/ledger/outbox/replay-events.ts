/** Has events sent again that were delivered before. */

import type { EventType } from '../../../contract/events.ts';
import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { idRange } from '../id-range.ts';

/** Which events are to be sent again. */
export type Replay =
  | { kind: 'event'; eventId: string }
  /** Those created in this time, `toMs` excluded; of all types where it is null. */
  | { kind: 'range'; fromMs: number; toMs: number; eventType: EventType | null; afterId: string | null };

const REPLAYED_EVENT = `SELECT event_id AS eventId FROM events WHERE event_id = ?1`;
const REPLAYED_RANGE = `
  SELECT event_id AS eventId FROM events
  WHERE event_id > ?1 AND event_id < ?2 AND created_at_ms >= ?3 AND created_at_ms < ?4 AND (?5 IS NULL OR event_type = ?5)
  ORDER BY event_id LIMIT ?6`;

const MAKE_UNDELIVERED = `
  UPDATE events SET delivered_at_ms = NULL, attempts = 0, next_attempt_at_ms = 0, last_error = NULL, lease_id = NULL,
    leased_until_ms = NULL, replayed_at_ms = ?2
  WHERE event_id IN (SELECT value FROM json_each(?1)) AND delivered_at_ms IS NOT NULL`;
// An event that waits already is due from now on, and so are the others of its booking, before and behind it. It stays live if it was:
// it has not been delivered yet. What is being sent now stays as it is.
const MAKE_DUE = `
  UPDATE events SET next_attempt_at_ms = 1
  WHERE sequence IN (
    SELECT waiting.sequence FROM (SELECT DISTINCT tenant, booking_id FROM events
      WHERE event_id IN (SELECT value FROM json_each(?1))) booking
    CROSS JOIN events waiting USING (tenant, booking_id)
    WHERE waiting.delivered_at_ms IS NULL AND waiting.next_attempt_at_ms > 0
      AND (waiting.leased_until_ms IS NULL OR waiting.leased_until_ms <= ?2))`;
const COUNT_REPLAYED = `
  SELECT count(*) AS waiting, count(CASE WHEN replayed_at_ms = ?2 THEN 1 END) AS replayed FROM events
  WHERE event_id IN (SELECT value FROM json_each(?1)) AND delivered_at_ms IS NULL`;

/**
 * Has up to `limit` events sent again, those behind `afterId`: the sweep sends them, behind live ones, under the ids that they
 * have and in their bookings' order. Those that wait already are due at once. Answers with how many of each, and with the id to
 * go on behind; null where none is left.
 */
export async function replayEvents(
  db: Database,
  which: Replay,
  limit: number,
  nowMs: number,
): Promise<{ replayed: number; waiting: number; lastId: string | null }> {
  const { page } = await runBatch(db, { page: replayedPage(db.d1, which, limit) });
  const eventIds = rowsOf<{ eventId: string }>(page).map(({ eventId }) => eventId);
  if (eventIds.length === 0) return { replayed: 0, waiting: 0, lastId: null };
  const list = JSON.stringify(eventIds);
  const { counted } = await runBatch(db, {
    due: db.d1.prepare(MAKE_DUE).bind(list, nowMs),
    undelivered: db.d1.prepare(MAKE_UNDELIVERED).bind(list, nowMs),
    counted: db.d1.prepare(COUNT_REPLAYED).bind(list, nowMs),
  });
  const { waiting = 0, replayed = 0 } = rowOf<{ waiting: number; replayed: number }>(counted) ?? {};
  return { replayed, waiting: waiting - replayed, lastId: eventIds.at(-1) ?? null };
}

function replayedPage(d1: D1Database, which: Replay, limit: number): D1PreparedStatement {
  if (which.kind === 'event') return d1.prepare(REPLAYED_EVENT).bind(which.eventId);
  const { after, before } = idRange('evt_', which);
  return d1
    .prepare(REPLAYED_RANGE)
    .bind(which.afterId ?? after, before, which.fromMs, which.toMs, which.eventType, limit);
}

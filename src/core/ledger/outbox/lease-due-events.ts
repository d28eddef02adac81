/** Leases the events of the outbox that are due, in their bookings' order (invariant 4). */

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import { FREE, LEASED, LEASED_EVENT, type Lease, type LeasedEvent, leaseParameters } from './lease-events.ts';

// `e` may be sent: it is free, it is due, and no earlier event of its booking still waits.
const LEASABLE = `
  e.delivered_at_ms IS NULL AND ${FREE} AND e.next_attempt_at_ms <= ?1
  AND NOT EXISTS (
    SELECT 1 FROM events earlier
    WHERE earlier.tenant = e.tenant AND earlier.booking_id = e.booking_id AND earlier.sequence < e.sequence
      AND earlier.delivered_at_ms IS NULL)`;

// Each by its own partial index, so that events of one kind cost the other no reads. A live event that was never put off is not in it:
// FIND_WAITING puts it there if it still waits.
const LIVE = 'e.replayed_at_ms IS NULL AND e.next_attempt_at_ms > 0';
const REPLAYED = 'e.replayed_at_ms IS NOT NULL';
const due = (kind: string, rank: number) => `
  SELECT * FROM (SELECT e.sequence, e.next_attempt_at_ms, ${rank} AS rank FROM events e
    WHERE ${kind} AND ${LEASABLE} ORDER BY e.next_attempt_at_ms, e.sequence LIMIT ?4)`;
const LEASE_DUE = `
  UPDATE events SET ${LEASED}
  WHERE sequence IN (SELECT sequence FROM (${due(LIVE, 1)} UNION ALL ${due(REPLAYED, 2)}
    ORDER BY rank, next_attempt_at_ms, sequence LIMIT ?4))
  RETURNING ${LEASED_EVENT}`;

/** Leases the events that have been due longest and may be sent now, at most `limit` of them: live ones first, then replayed ones. */
export async function leaseDueEvents(db: Database, lease: Lease, limit: number): Promise<LeasedEvent[]> {
  const { leased } = await runBatch(db, {
    leased: db.d1.prepare(LEASE_DUE).bind(...leaseParameters(lease, limit)),
  });
  return rowsOf<LeasedEvent>(leased);
}

const COUNT_DUE = `
  SELECT count(*) AS due FROM (
    SELECT * FROM (SELECT 1 FROM events e
      WHERE ${LIVE} AND e.delivered_at_ms IS NULL AND e.next_attempt_at_ms <= ?1 LIMIT ?2)
    UNION ALL SELECT * FROM (SELECT 1 FROM events e
      WHERE ${REPLAYED} AND e.delivered_at_ms IS NULL AND e.next_attempt_at_ms <= ?1 LIMIT ?2))`;

/** Events that one run looks at: as many as come in a minute at 500 payments a second, and more. */
const LOOKED_AT_ONCE = 50_000;

// A trigger makes those due that still wait: see migration 0015. What is being delivered is leased, and not sent twice.
const FIND_WAITING = `
  UPDATE job_positions SET position = min(position + ${LOOKED_AT_ONCE}, (SELECT max(sequence) FROM events))
  WHERE job = 'sweep' AND position < (SELECT max(sequence) FROM events)`;

/** Makes new events due for the sweep where they still wait. Each event is looked at once. */
export async function findWaitingEvents(db: Database): Promise<void> {
  await runBatch(db, { found: foundWaitingEvents(db.d1) });
}

/** The statement of `findWaitingEvents`. */
export function foundWaitingEvents(d1: D1Database): D1PreparedStatement {
  return d1.prepare(FIND_WAITING);
}

/** The statement that counts events that are due, as `due`, up to `limit` of live and as many of replayed ones. */
export function countDueEvents(d1: D1Database, nowMs: number, limit: number): D1PreparedStatement {
  return d1.prepare(COUNT_DUE).bind(nowMs, limit);
}

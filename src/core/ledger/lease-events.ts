/**
 * Leases events of the outbox to whoever sends them. A booking's events become leasable one after the other, in their order
 * (invariant 4).
 */

import type { D1Database, D1PreparedStatement } from './d1.ts';
import { type Database, rowsOf, runBatch } from './database.ts';

/** Who sends, and for how long nobody else may. The id is new for each attempt to lease. */
export interface Lease {
  leaseId: string;
  nowMs: number;
  untilMs: number;
}

export interface LeasedEvent {
  eventId: string;
  /** How often it has been sent in vain. */
  attempts: number;
}

// `e` is free, or leased by a first try of this very statement whose answer was lost.
const FREE = `(e.leased_until_ms IS NULL OR e.leased_until_ms <= ?1 OR e.lease_id = ?3)`;

// `e` may be sent: nobody has it, it is due, and no earlier event of its booking still waits.
const LEASABLE = `
  e.delivered_at_ms IS NULL AND ${FREE} AND e.next_attempt_at_ms <= ?1
  AND NOT EXISTS (
    SELECT 1 FROM events earlier
    WHERE earlier.tenant = e.tenant AND earlier.booking_id = e.booking_id AND earlier.sequence < e.sequence
      AND earlier.delivered_at_ms IS NULL)`;

// Of each booking of these events, the first one that waits. A list is one parameter, because D1 binds at most 100.
const LEASE_FIRST_OF_BOOKINGS = `
  UPDATE events AS e SET leased_until_ms = ?2, lease_id = ?3
  WHERE e.sequence IN (
    SELECT min(waiting.sequence) FROM events waiting
    JOIN (SELECT DISTINCT tenant, booking_id FROM events
      WHERE event_id IN (SELECT value FROM json_each(?4))) booking USING (tenant, booking_id)
    WHERE waiting.delivered_at_ms IS NULL GROUP BY waiting.tenant, waiting.booking_id)
  AND ${FREE} AND e.next_attempt_at_ms <= ?1
  RETURNING event_id AS eventId, attempts`;

/**
 * Leases of each of these events' bookings the first one that waits, where it may be sent now: mostly the event itself, or one
 * before it that is being replayed.
 */
export async function leaseEvents(db: Database, lease: Lease, eventIds: string[]): Promise<LeasedEvent[]> {
  const { leased } = await runBatch(db, { leased: leaseFirstOfBookings(db.d1, lease, eventIds) });
  return rowsOf<LeasedEvent>(leased);
}

/** The statement that does it. */
export function leaseFirstOfBookings(d1: D1Database, lease: Lease, eventIds: readonly string[]): D1PreparedStatement {
  const parameters = [lease.nowMs, lease.untilMs, lease.leaseId, JSON.stringify(eventIds)];
  return d1.prepare(LEASE_FIRST_OF_BOOKINGS).bind(...parameters);
}

// Each by its own partial index, so that events of one kind cost the other no reads.
export const LIVE = 'e.replayed_at_ms IS NULL';
export const REPLAYED = 'e.replayed_at_ms IS NOT NULL';
const due = (kind: string, rank: number) => `
  SELECT * FROM (SELECT e.sequence, e.next_attempt_at_ms, ${rank} AS rank FROM events e
    WHERE ${kind} AND ${LEASABLE} ORDER BY e.next_attempt_at_ms, e.sequence LIMIT ?4)`;
const LEASE_DUE = `
  UPDATE events SET leased_until_ms = ?2, lease_id = ?3
  WHERE sequence IN (SELECT sequence FROM (${due(LIVE, 1)} UNION ALL ${due(REPLAYED, 2)}
    ORDER BY rank, next_attempt_at_ms, sequence LIMIT ?4))
  RETURNING event_id AS eventId, attempts`;

/** Leases the events that have been due longest and may be sent now, at most `limit` of them: live ones first, then replayed ones. */
export async function leaseDueEvents(db: Database, lease: Lease, limit: number): Promise<LeasedEvent[]> {
  const { leased } = await runBatch(db, {
    leased: db.d1.prepare(LEASE_DUE).bind(lease.nowMs, lease.untilMs, lease.leaseId, limit),
  });
  return rowsOf<LeasedEvent>(leased);
}

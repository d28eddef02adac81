/**
 * Leases events of the outbox to a sender. A booking's events become leasable one after the other, in their order
 * (invariant 4).
 */

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';

/** A sender's exclusive right to events. The id is new for each attempt to lease. */
export interface Lease {
  leaseId: string;
  nowMs: number;
  /** Of events that have not been sent in vain. */
  untilMs: number;
  /** The duration doubles with each attempt in vain, up to this time. Absent: it does not grow. */
  longestUntilMs?: number;
}

export interface LeasedEvent {
  eventId: string;
  /** How often it has been sent in vain. */
  attempts: number;
  leaseId: string;
  leasedUntilMs: number;
}

// `e` is free, or leased by a first try of this very statement whose answer was lost.
export const FREE = `(e.leased_until_ms IS NULL OR e.leased_until_ms <= ?1 OR e.lease_id = ?3)`;

// A lease that has ended without a result was an attempt in vain.
const ATTEMPTS = '(attempts + (lease_id IS NOT NULL AND lease_id <> ?3))';
const MAX_DOUBLINGS = 20;
export const LEASED = `
  attempts = ${ATTEMPTS}, lease_id = ?3,
  leased_until_ms = ?1 + min(?5 - ?1, (?2 - ?1) << min(${ATTEMPTS}, ${MAX_DOUBLINGS}))`;
export const LEASED_EVENT = 'event_id AS eventId, attempts, lease_id AS leaseId, leased_until_ms AS leasedUntilMs';

// Of each booking of these events, the first one that waits. A list is one parameter, because D1 binds at most 100.
const LEASE_FIRST_OF_BOOKINGS = `
  UPDATE events AS e SET ${LEASED}
  WHERE e.sequence IN (
    SELECT min(waiting.sequence) FROM events waiting
    JOIN (SELECT DISTINCT tenant, booking_id FROM events
      WHERE event_id IN (SELECT value FROM json_each(?4))) booking USING (tenant, booking_id)
    WHERE waiting.delivered_at_ms IS NULL GROUP BY waiting.tenant, waiting.booking_id)
  AND ${FREE} AND e.next_attempt_at_ms <= ?1
  RETURNING ${LEASED_EVENT}`;

/**
 * Leases of each of these events' bookings the first one that waits, where it may be sent now: mostly the event itself, or one
 * before it that is being replayed.
 */
export async function leaseEvents(db: Database, lease: Lease, eventIds: string[]): Promise<LeasedEvent[]> {
  const { leased } = await runBatch(db, { leased: leaseFirstOfBookings(db.d1, lease, eventIds) });
  return rowsOf<LeasedEvent>(leased);
}

/** The statement of `leaseEvents`. */
export function leaseFirstOfBookings(d1: D1Database, lease: Lease, eventIds: readonly string[]): D1PreparedStatement {
  return d1.prepare(LEASE_FIRST_OF_BOOKINGS).bind(...leaseParameters(lease, JSON.stringify(eventIds)));
}

/** `?1` to `?5` of the statements that lease, of which `?4` says what. */
export function leaseParameters({ nowMs, untilMs, leaseId, longestUntilMs = untilMs }: Lease, what: string | number) {
  return [nowMs, untilMs, leaseId, what, longestUntilMs];
}

/** Events for people to look at: those that wait, and those that were delivered last. Of all organisations. */
import type { EventType } from '../../../contract/events.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';

export interface ListedEvent {
  eventId: string;
  eventType: EventType;
  tenant: string;
  bookingId: string;
  transactionId: string;
  createdAtMs: number;
  deliveredAtMs: number | null;
  attempts: number;
  lastError: string | null;
  /** Null where it is not put off, or is being sent now. */
  nextAttemptAtMs: number | null;
  /** The event of the same booking that is delivered before it; null: none waits. */
  behind: string | null;
}

/** So many waiting events and so many of the newest are looked at: pages ask often, and a long outage must not make that expensive. */
const LOOKED_AT_MAX = 1_000;

// Only the report of a dispute names the payment; its event does not.
const LISTED = `
  SELECT e.event_id AS eventId, e.event_type AS eventType, e.tenant, e.booking_id AS bookingId,
    coalesce(e.transaction_id, (SELECT d.transaction_id FROM dispute_reports d WHERE d.event_id = e.event_id)) AS transactionId,
    e.created_at_ms AS createdAtMs, e.delivered_at_ms AS deliveredAtMs, e.attempts, e.last_error AS lastError,`;
// The condition on the tenant is true of every row: with it, SQLite begins in the index.
const WAITING = `
  SELECT sequence FROM events INDEXED BY events_waiting_by_booking WHERE delivered_at_ms IS NULL AND tenant >= '' LIMIT ${LOOKED_AT_MAX}`;
const COUNT_WAITING = `SELECT count(*) AS waiting FROM (${WAITING})`;
const OLDEST_WAITING = `
  ${LISTED}
    CASE WHEN e.next_attempt_at_ms > ?1 AND coalesce(e.leased_until_ms, 0) <= ?1 THEN e.next_attempt_at_ms END AS nextAttemptAtMs,
    (SELECT earlier.event_id FROM events earlier
      WHERE earlier.tenant = e.tenant AND earlier.booking_id = e.booking_id AND earlier.delivered_at_ms IS NULL
        AND earlier.sequence < e.sequence ORDER BY earlier.sequence LIMIT 1) AS behind
  FROM (SELECT sequence FROM (${WAITING}) ORDER BY sequence LIMIT ?2) waiting CROSS JOIN events e USING (sequence) ORDER BY e.sequence`;
// From the newest event on, which has been delivered as a rule, so that few rows are read.
const NEWEST_DELIVERED = `
  ${LISTED} NULL AS nextAttemptAtMs, NULL AS behind
  FROM (SELECT sequence FROM (SELECT sequence, delivered_at_ms FROM events WHERE sequence > 0 ORDER BY sequence DESC LIMIT ${LOOKED_AT_MAX})
    WHERE delivered_at_ms IS NOT NULL LIMIT ?1) delivered CROSS JOIN events e USING (sequence)`;

export interface ListedEvents {
  /** How many wait, as far as they were counted. */
  waiting: number;
  /** Whether more may wait than were counted: `oldest` are the oldest of those. */
  hasMore: boolean;
  /** The oldest first. */
  oldest: ListedEvent[];
  /** Of the newest 1,000 events, in no order. */
  delivered: ListedEvent[];
}

/** @throws LedgerUnavailable, LedgerNotMigrated */
export async function listEvents(
  db: Database,
  { waitingMax, deliveredMax }: { waitingMax: number; deliveredMax: number },
  nowMs: number,
): Promise<ListedEvents> {
  const { counted, oldest, delivered } = await runBatch(db, {
    counted: db.d1.prepare(COUNT_WAITING),
    oldest: db.d1.prepare(OLDEST_WAITING).bind(nowMs, waitingMax),
    delivered: db.d1.prepare(NEWEST_DELIVERED).bind(deliveredMax),
  });
  const { waiting = 0 } = rowOf<{ waiting: number }>(counted) ?? {};
  return {
    waiting,
    hasMore: waiting === LOOKED_AT_MAX,
    oldest: rowsOf<ListedEvent>(oldest),
    delivered: rowsOf<ListedEvent>(delivered),
  };
}

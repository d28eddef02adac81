/** Has events sent again that were delivered before. */

import type { EventType } from '../../../contract/events.ts';
import { audit } from '../audit/insert-entry.ts';
import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { idRange } from '../id-range.ts';

/** Which events are to be sent again. */
export type Replay =
  | { kind: 'event'; eventId: string }
  | { kind: 'events'; eventIds: readonly string[] }
  /** Of the payment itself, of its refunds and of its disputes. */
  | { kind: 'payment'; transactionId: string }
  | { kind: 'refund'; refundId: string }
  /** Of all payments of the booking, also of those that have failed. */
  | { kind: 'booking'; tenant: string; bookingId: string }
  /** Those created in this time, `toMs` excluded; of all types where it is null. */
  | { kind: 'range'; fromMs: number; toMs: number; eventType: EventType | null; afterId: string | null };

const COLUMNS = `
  e.event_id AS eventId, e.event_type AS eventType, e.tenant, e.created_at_ms AS createdAtMs, e.delivered_at_ms AS deliveredAtMs`;
const REPLAYED_EVENT = `SELECT ${COLUMNS} FROM events e WHERE e.event_id = ?1`;
const REPLAYED_EVENTS = `
  SELECT ${COLUMNS} FROM events e WHERE e.event_id IN (SELECT value FROM json_each(?1)) ORDER BY e.sequence`;
const REPLAYED_REFUND = `SELECT ${COLUMNS} FROM events e WHERE e.refund_id = ?1`;
// In parts, because each of them has an index; the last one is of disputes.
const ofPayments = (which: string) => `
  SELECT ${COLUMNS}, e.sequence FROM transactions t JOIN events e ON e.event_id = t.ended_by WHERE ${which}
  UNION ALL
  SELECT ${COLUMNS}, e.sequence FROM transactions t JOIN refunds r USING (transaction_id) JOIN events e ON e.refund_id = r.refund_id
  WHERE ${which}
  UNION ALL
  SELECT ${COLUMNS}, e.sequence FROM transactions t JOIN dispute_reports p USING (transaction_id) JOIN events e USING (event_id)
  WHERE ${which}
  ORDER BY sequence`;
const REPLAYED_PAYMENT = ofPayments('t.transaction_id = ?1');
const REPLAYED_BOOKING = ofPayments('t.tenant = ?1 AND t.booking_id = ?2');
const REPLAYED_RANGE = `
  SELECT ${COLUMNS} FROM events e
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

/** An event that was found. */
export interface FoundEvent {
  eventId: string;
  eventType: EventType;
  tenant: string;
  createdAtMs: number;
  /** Null where it has not been delivered, so that it is due and not replayed. */
  deliveredAtMs: number | null;
}

/** Those that are meant, in the order in which they were written; of a range up to `limit` of them, behind `afterId`. */
export async function findReplayed(db: Database, which: Replay, limit: number): Promise<FoundEvent[]> {
  const { page } = await runBatch(db, { page: replayedPage(db.d1, which, limit) });
  return rowsOf<FoundEvent>(page);
}

/**
 * Has up to `limit` events sent again, those behind `afterId`: the sweep sends them, behind live ones, under the ids that they
 * have and in their bookings' order. Those that wait already are due at once. Answers with how many of each, and with the id to
 * go on behind; null where none is left. Who had it done is in the audit log.
 */
export async function replayEvents(
  db: Database,
  which: Replay,
  limit: number,
  nowMs: number,
): Promise<{ replayed: number; waiting: number; lastId: string | null }> {
  const found = await findReplayed(db, which, limit);
  return { ...(await replayFound(db, which, found, nowMs)), lastId: found.at(-1)?.eventId ?? null };
}

/** The same of events that were found before. */
export async function replayFound(
  db: Database,
  which: Replay,
  found: readonly FoundEvent[],
  nowMs: number,
): Promise<{ replayed: number; waiting: number }> {
  const [first] = found;
  if (first === undefined) return { replayed: 0, waiting: 0 };
  const list = JSON.stringify(found.map(({ eventId }) => eventId));
  const detail = { events: found.length, first: first.eventId, last: found.at(-1)?.eventId ?? first.eventId };
  const { counted } = await runBatch(db, {
    due: db.d1.prepare(MAKE_DUE).bind(list, nowMs),
    undelivered: db.d1.prepare(MAKE_UNDELIVERED).bind(list, nowMs),
    // A time has events of all organisations, and so may a list.
    audited: audit(db, which.kind === 'range' || which.kind === 'events' ? '*' : first.tenant, {
      atMs: nowMs,
      action: 'events.resent',
      subject: subjectOf(which),
      outcome: 'done',
      detail,
    }),
    counted: db.d1.prepare(COUNT_REPLAYED).bind(list, nowMs),
  });
  const { waiting = 0, replayed = 0 } = rowOf<{ waiting: number; replayed: number }>(counted) ?? {};
  return { replayed, waiting: waiting - replayed };
}

function subjectOf(which: Replay): string {
  switch (which.kind) {
    case 'event':
      return which.eventId;
    case 'events':
      return 'events by their ids';
    case 'payment':
      return which.transactionId;
    case 'refund':
      return which.refundId;
    case 'booking':
      return which.bookingId;
    case 'range':
      return 'events of a time';
  }
}

function replayedPage(d1: D1Database, which: Replay, limit: number): D1PreparedStatement {
  switch (which.kind) {
    case 'event':
      return d1.prepare(REPLAYED_EVENT).bind(which.eventId);
    case 'events':
      return d1.prepare(REPLAYED_EVENTS).bind(JSON.stringify(which.eventIds));
    case 'payment':
      return d1.prepare(REPLAYED_PAYMENT).bind(which.transactionId);
    case 'refund':
      return d1.prepare(REPLAYED_REFUND).bind(which.refundId);
    case 'booking':
      return d1.prepare(REPLAYED_BOOKING).bind(which.tenant, which.bookingId);
    case 'range': {
      const { after, before } = idRange('evt_', which);
      return d1
        .prepare(REPLAYED_RANGE)
        .bind(which.afterId ?? after, before, which.fromMs, which.toMs, which.eventType, limit);
    }
  }
}

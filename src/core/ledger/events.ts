/**
 * The outbox in D1 (invariant 4): an event is written in the batch of its outcome, leased while somebody sends it, and
 * done when RabbitMQ has confirmed it. A booking's events become leasable one after the other, in their order.
 */

import type { EventType, PaymentEvent } from '../../contract/events.ts';
import { paymentEvent, refundEvent } from '../domain/event.ts';
import type { Transaction } from '../domain/transaction.ts';
import { CannotOpen } from '../security/cipher.ts';
import { TRANSACTION_COLUMNS } from './columns.ts';
import type { D1Database, D1PreparedStatement } from './d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from './database.ts';
import { emailOf } from './emails.ts';
import { idRange } from './id-range.ts';

// Both right after the statement that records the outcome: where that changed nothing, there is nothing to tell.
const INSERT_PAYMENT_EVENT = `
  INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms)
  SELECT ?1, tenant, booking_id, ?2, transaction_id, ?4 FROM transactions
  WHERE transaction_id = ?3 AND changes() = 1`;
const INSERT_REFUND_EVENT = `
  INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms)
  SELECT ?1, tenant, booking_id, 'payment.refund', transaction_id, ?2, ?4 FROM transactions
  WHERE transaction_id = ?3 AND changes() = 1`;

/** The statement that belongs right behind the one which ends a payment. */
export function newPaymentEvent(
  d1: D1Database,
  event: { eventId: string; eventType: EventType; transactionId: string; createdAtMs: number },
): D1PreparedStatement {
  return d1.prepare(INSERT_PAYMENT_EVENT).bind(event.eventId, event.eventType, event.transactionId, event.createdAtMs);
}

/** The statement that belongs right behind the one which books a refund. */
export function newRefundEvent(
  d1: D1Database,
  event: { eventId: string; refundId: string; transactionId: string; createdAtMs: number },
): D1PreparedStatement {
  return d1.prepare(INSERT_REFUND_EVENT).bind(event.eventId, event.refundId, event.transactionId, event.createdAtMs);
}

/** The statement that finds a row if the event was written, by this batch or by an earlier try of it. */
export function hasEvent(d1: D1Database, eventId: string): D1PreparedStatement {
  return d1.prepare('SELECT 1 FROM events WHERE event_id = ?1').bind(eventId);
}

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

function leaseFirstOfBookings(d1: D1Database, lease: Lease, eventIds: readonly string[]): D1PreparedStatement {
  const parameters = [lease.nowMs, lease.untilMs, lease.leaseId, JSON.stringify(eventIds)];
  return d1.prepare(LEASE_FIRST_OF_BOOKINGS).bind(...parameters);
}

// Each by its own partial index, so that events of one kind cost the other no reads.
const LIVE = 'e.replayed_at_ms IS NULL';
const REPLAYED = 'e.replayed_at_ms IS NOT NULL';
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

const COUNT_DUE = `
  SELECT count(*) AS due FROM (
    SELECT * FROM (SELECT 1 FROM events e
      WHERE ${LIVE} AND e.delivered_at_ms IS NULL AND e.next_attempt_at_ms <= ?1 LIMIT ?2)
    UNION ALL SELECT * FROM (SELECT 1 FROM events e
      WHERE ${REPLAYED} AND e.delivered_at_ms IS NULL AND e.next_attempt_at_ms <= ?1 LIMIT ?2))`;

/** The statement that counts events that are due, as `due`, up to `limit` of live and as many of replayed ones. */
export function countDueEvents(d1: D1Database, nowMs: number, limit: number): D1PreparedStatement {
  return d1.prepare(COUNT_DUE).bind(nowMs, limit);
}

const FIND_EVENTS = `
  SELECT e.event_id AS eventId, e.created_at_ms AS toldAtMs, r.refund_id AS refundId,
    r.amount_minor AS refundAmountMinor, r.reason AS refundReason, ${TRANSACTION_COLUMNS}
  FROM events e JOIN transactions t USING (transaction_id) LEFT JOIN refunds r USING (refund_id)
  WHERE e.event_id IN (SELECT value FROM json_each(?1)) ORDER BY e.sequence`;

type EventRow = Transaction & { eventId: string; toldAtMs: number } & (
    | { refundId: null }
    | { refundId: string; refundAmountMinor: number; refundReason: string }
  );

/**
 * The events with these ids, rendered from the rows that they tell of, oldest first. `unopened` says of which the address can't
 * be opened, and why: they have to wait for the key.
 */
export async function findEvents(
  db: Database,
  eventIds: string[],
): Promise<{ events: PaymentEvent[]; unopened: Map<string, string> }> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_EVENTS).bind(JSON.stringify(eventIds)) });
  const events: PaymentEvent[] = [];
  const unopened = new Map<string, string>();
  for (const row of rowsOf<EventRow>(found)) {
    try {
      events.push(rendered(row, await emailOf(db, row)));
    } catch (error) {
      if (!(error instanceof CannotOpen)) throw error;
      unopened.set(row.eventId, `the address of the payment cannot be opened: ${error.message}`);
    }
  }
  return { events, unopened };
}

function rendered(row: EventRow, userEmail: string | null): PaymentEvent {
  const envelope = { eventId: row.eventId, createdAtMs: row.toldAtMs, userEmail };
  if (row.refundId === null) return paymentEvent(envelope, row);
  const { refundId, refundAmountMinor: amountMinor, refundReason: reason } = row;
  return refundEvent(envelope, row, { refundId, amountMinor, reason });
}

// The broker's confirm is the truth, whoever heard it.
const MARK_DELIVERED = `
  UPDATE events SET delivered_at_ms = ?1, lease_id = NULL, leased_until_ms = NULL, attempts = attempts + 1,
    last_error = NULL
  WHERE event_id IN (SELECT value FROM json_each(?2)) AND delivered_at_ms IS NULL`;

// Only by whoever holds the lease: another one may be sending the event by now.
const MARK_UNDELIVERED = `
  UPDATE events SET lease_id = NULL, leased_until_ms = NULL, attempts = attempts + 1,
    last_error = result.value ->> 'reason', next_attempt_at_ms = result.value ->> 'nextAttemptAtMs'
  FROM json_each(?2) AS result
  WHERE event_id = result.value ->> 'eventId' AND lease_id = ?1 AND delivered_at_ms IS NULL`;

// What waits behind an event that is put off is put off with it: it could not be sent, and the sweep would look at it each time.
const PUT_OFF_BEHIND_UNDELIVERED = `
  UPDATE events SET next_attempt_at_ms = earlier.next_attempt_at_ms
  FROM (SELECT tenant, booking_id, sequence, next_attempt_at_ms FROM events
    WHERE event_id IN (SELECT value ->> 'eventId' FROM json_each(?1)) AND delivered_at_ms IS NULL) AS earlier
  WHERE events.tenant = earlier.tenant AND events.booking_id = earlier.booking_id
    AND events.sequence > earlier.sequence AND events.delivered_at_ms IS NULL
    AND events.next_attempt_at_ms < earlier.next_attempt_at_ms`;

export interface Deliveries {
  /** The lease under which the events were sent. */
  leaseId: string;
  delivered: string[];
  undelivered: { eventId: string; reason: string; nextAttemptAtMs: number }[];
}

/**
 * Writes what became of leased events. Where the caller gives a lease, it gets the events for which the delivered ones
 * made way, the next one of each booking, and is to send them at once.
 */
export async function recordDeliveries(
  db: Database,
  deliveries: Deliveries,
  nowMs: number,
  next: Lease | null,
): Promise<LeasedEvent[]> {
  const { leaseId, delivered, undelivered } = deliveries;
  const putOff = undelivered.length > 0;
  const undeliveredList = JSON.stringify(undelivered);
  const { leased } = await runBatch(db, {
    delivered: db.d1.prepare(MARK_DELIVERED).bind(nowMs, JSON.stringify(delivered)),
    undelivered: putOff ? db.d1.prepare(MARK_UNDELIVERED).bind(leaseId, undeliveredList) : null,
    putOff: putOff ? db.d1.prepare(PUT_OFF_BEHIND_UNDELIVERED).bind(undeliveredList) : null,
    leased: next && leaseFirstOfBookings(db.d1, next, delivered),
  });
  return next === null ? [] : rowsOf<LeasedEvent>(leased);
}

/** Which events are to be sent again. */
export type Replay =
  | { eventId: string }
  /** Those created in this time, `toMs` excluded; of all types where it is null. */
  | { fromMs: number; toMs: number; eventType: EventType | null; afterId: string | null };

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
// nobody has got it yet. What somebody is sending now stays as it is.
const MAKE_DUE = `
  UPDATE events SET next_attempt_at_ms = 0
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
  if ('eventId' in which) return d1.prepare(REPLAYED_EVENT).bind(which.eventId);
  const { after, before } = idRange('evt_', which);
  return d1
    .prepare(REPLAYED_RANGE)
    .bind(which.afterId ?? after, before, which.fromMs, which.toMs, which.eventType, limit);
}

export interface WaitingEvent {
  eventId: string;
  eventType: EventType;
  createdAtMs: number;
  attempts: number;
  lastError: string | null;
}

export interface EventsStatus {
  waiting: number;
  /** Of these, how many somebody is sending now. */
  leased: number;
  /** Of these, how many were delivered before, and are sent again behind the others. */
  replayed: number;
  /** Of these, how many are due now; the others are put off. */
  due: number;
  oldest: WaitingEvent | null;
  /** The one that has been sent in vain most often. */
  mostFailed: WaitingEvent | null;
}

const COUNT_WAITING = `
  SELECT count(*) AS waiting, count(CASE WHEN leased_until_ms > ?1 THEN 1 END) AS leased, count(replayed_at_ms) AS replayed,
    count(CASE WHEN next_attempt_at_ms <= ?1 THEN 1 END) AS due
  FROM events WHERE delivered_at_ms IS NULL`;
const waitingEvent = (which: string) => `
  SELECT event_id AS eventId, event_type AS eventType, created_at_ms AS createdAtMs, attempts, last_error AS lastError
  FROM events WHERE delivered_at_ms IS NULL ${which} LIMIT 1`;
// The sign keeps SQLite from walking through the whole table in its order.
const OLDEST_WAITING = waitingEvent('ORDER BY +sequence');
const MOST_FAILED = waitingEvent('AND attempts > 0 ORDER BY attempts DESC, sequence');

/** What waits to be delivered. */
export async function eventsStatus(db: Database, nowMs: number): Promise<EventsStatus> {
  const results = await runBatch(db, {
    counted: db.d1.prepare(COUNT_WAITING).bind(nowMs),
    oldest: db.d1.prepare(OLDEST_WAITING),
    mostFailed: db.d1.prepare(MOST_FAILED),
  });
  const counted = rowOf<Pick<EventsStatus, 'waiting' | 'leased' | 'replayed' | 'due'>>(results.counted);
  return {
    ...(counted ?? { waiting: 0, leased: 0, replayed: 0, due: 0 }),
    oldest: rowOf<WaitingEvent>(results.oldest),
    mostFailed: rowOf<WaitingEvent>(results.mostFailed),
  };
}

/**
 * The outbox in D1 (invariant 4): an event is written in the batch of its outcome, leased while somebody sends it, and
 * done when RabbitMQ has confirmed it. A booking's events become leasable one after the other, in their order.
 */
import type { EventType, PaymentEvent } from '../../contract/events.ts';
import { paymentEvent, refundEvent } from '../../payments/event.ts';
import type { Transaction } from '../../payments/transaction.ts';
import { TRANSACTION_COLUMNS } from './columns.ts';
import { type Database, rowsOf, runBatch } from './database.ts';

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

// A list is one parameter, because D1 binds at most 100.
const LEASE = `
  UPDATE events AS e SET leased_until_ms = ?2, lease_id = ?3
  WHERE e.event_id IN (SELECT value FROM json_each(?4)) AND ${LEASABLE}
  RETURNING event_id AS eventId, attempts`;

/** Leases those of the events that may be sent now. */
export async function leaseEvents(db: Database, lease: Lease, eventIds: string[]): Promise<LeasedEvent[]> {
  const results = await runBatch(db, [
    db.d1.prepare(LEASE).bind(lease.nowMs, lease.untilMs, lease.leaseId, JSON.stringify(eventIds)),
  ]);
  return rowsOf<LeasedEvent>(results, 0);
}

const LEASE_OLDEST = `
  UPDATE events SET leased_until_ms = ?2, lease_id = ?3
  WHERE sequence IN (SELECT e.sequence FROM events e WHERE ${LEASABLE} ORDER BY e.sequence LIMIT ?4)
  RETURNING event_id AS eventId, attempts`;

/** Leases the oldest events that may be sent now, at most `limit` of them. */
export async function leaseOldestEvents(db: Database, lease: Lease, limit: number): Promise<LeasedEvent[]> {
  const results = await runBatch(db, [
    db.d1.prepare(LEASE_OLDEST).bind(lease.nowMs, lease.untilMs, lease.leaseId, limit),
  ]);
  return rowsOf<LeasedEvent>(results, 0);
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

/** The events with these ids, rendered from the rows that they tell of, oldest first. */
export async function findEvents(db: Database, eventIds: string[]): Promise<PaymentEvent[]> {
  const results = await runBatch(db, [db.d1.prepare(FIND_EVENTS).bind(JSON.stringify(eventIds))]);
  return rowsOf<EventRow>(results, 0).map((row) =>
    row.refundId === null
      ? paymentEvent(row.eventId, row.toldAtMs, row)
      : refundEvent(row.eventId, row.toldAtMs, row, {
          refundId: row.refundId,
          amountMinor: row.refundAmountMinor,
          reason: row.refundReason,
        }),
  );
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

const LEASE_NEXT_OF_BOOKINGS = `
  UPDATE events AS e SET leased_until_ms = ?2, lease_id = ?3
  WHERE e.sequence IN (
    SELECT min(waiting.sequence) FROM events waiting
    JOIN (SELECT DISTINCT tenant, booking_id FROM events
      WHERE event_id IN (SELECT value FROM json_each(?4))) booking USING (tenant, booking_id)
    WHERE waiting.delivered_at_ms IS NULL GROUP BY waiting.tenant, waiting.booking_id)
  AND ${FREE} AND e.next_attempt_at_ms <= ?1
  RETURNING event_id AS eventId, attempts`;

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
  const delivered = JSON.stringify(deliveries.delivered);
  const statements = [
    db.d1.prepare(MARK_DELIVERED).bind(nowMs, delivered),
    db.d1.prepare(MARK_UNDELIVERED).bind(deliveries.leaseId, JSON.stringify(deliveries.undelivered)),
  ];
  if (next === null) {
    await runBatch(db, statements);
    return [];
  }
  statements.push(db.d1.prepare(LEASE_NEXT_OF_BOOKINGS).bind(next.nowMs, next.untilMs, next.leaseId, delivered));
  return rowsOf<LeasedEvent>(await runBatch(db, statements), 2);
}

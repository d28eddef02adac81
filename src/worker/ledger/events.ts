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
  INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms, next_attempt_at_ms)
  SELECT ?1, tenant, booking_id, ?2, transaction_id, ?4, ?4 FROM transactions
  WHERE transaction_id = ?3 AND changes() = 1`;
const INSERT_REFUND_EVENT = `
  INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms, next_attempt_at_ms)
  SELECT ?1, tenant, booking_id, 'payment.refund', transaction_id, ?2, ?4, ?4 FROM transactions
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

// `e` may be sent: nobody has it, and no earlier event of its booking still waits.
const LEASABLE = `
  e.delivered_at_ms IS NULL AND (e.leased_until_ms IS NULL OR e.leased_until_ms <= ?1) AND e.next_attempt_at_ms <= ?1
  AND NOT EXISTS (
    SELECT 1 FROM events earlier
    WHERE earlier.tenant = e.tenant AND earlier.booking_id = e.booking_id AND earlier.sequence < e.sequence
      AND earlier.delivered_at_ms IS NULL)`;

// A list is one parameter, because D1 binds at most 100.
const LEASE = `
  UPDATE events AS e SET leased_until_ms = ?2
  WHERE e.event_id IN (SELECT value FROM json_each(?3)) AND ${LEASABLE}
  RETURNING event_id AS eventId, attempts`;

export interface LeasedEvent {
  eventId: string;
  /** How often it has been sent in vain. */
  attempts: number;
}

/** Leases those of the events that may be sent now. */
export async function leaseEvents(
  db: Database,
  lease: { eventIds: string[]; nowMs: number; untilMs: number },
): Promise<LeasedEvent[]> {
  const results = await runBatch(db, [
    db.d1.prepare(LEASE).bind(lease.nowMs, lease.untilMs, JSON.stringify(lease.eventIds)),
  ]);
  return rowsOf<LeasedEvent>(results, 0);
}

const LEASE_OLDEST = `
  UPDATE events SET leased_until_ms = ?2
  WHERE sequence IN (SELECT e.sequence FROM events e WHERE ${LEASABLE} ORDER BY e.sequence LIMIT ?3)
  RETURNING event_id AS eventId, attempts`;

/** Leases the oldest events that may be sent now, at most `limit` of them. */
export async function leaseOldestEvents(
  db: Database,
  lease: { limit: number; nowMs: number; untilMs: number },
): Promise<LeasedEvent[]> {
  const results = await runBatch(db, [db.d1.prepare(LEASE_OLDEST).bind(lease.nowMs, lease.untilMs, lease.limit)]);
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

const MARK_DELIVERED = `
  UPDATE events SET delivered_at_ms = ?1, leased_until_ms = NULL, attempts = attempts + 1, last_error = NULL
  WHERE event_id IN (SELECT value FROM json_each(?2)) AND delivered_at_ms IS NULL`;

const MARK_UNDELIVERED = `
  UPDATE events SET leased_until_ms = NULL, attempts = attempts + 1, last_error = result.value ->> 'reason',
    next_attempt_at_ms = result.value ->> 'nextAttemptAtMs'
  FROM json_each(?1) AS result
  WHERE event_id = result.value ->> 'eventId' AND delivered_at_ms IS NULL`;

const LEASE_NEXT_OF_BOOKINGS = `
  UPDATE events SET leased_until_ms = ?2
  WHERE sequence IN (
    SELECT min(e.sequence) FROM events e
    JOIN (SELECT DISTINCT tenant, booking_id FROM events
      WHERE event_id IN (SELECT value FROM json_each(?3))) booking USING (tenant, booking_id)
    WHERE e.delivered_at_ms IS NULL GROUP BY e.tenant, e.booking_id)
  AND (leased_until_ms IS NULL OR leased_until_ms <= ?1) AND next_attempt_at_ms <= ?1
  RETURNING event_id AS eventId, attempts`;

export interface Undelivered {
  eventId: string;
  reason: string;
  nextAttemptAtMs: number;
}

/**
 * Writes what became of leased events, and leases the events for which the delivered ones made way: the next one of
 * each booking, which the caller is to send at once.
 */
export async function recordDeliveries(
  db: Database,
  deliveries: { delivered: string[]; undelivered: Undelivered[]; nowMs: number; untilMs: number },
): Promise<LeasedEvent[]> {
  const delivered = JSON.stringify(deliveries.delivered);
  const results = await runBatch(db, [
    db.d1.prepare(MARK_DELIVERED).bind(deliveries.nowMs, delivered),
    db.d1.prepare(MARK_UNDELIVERED).bind(JSON.stringify(deliveries.undelivered)),
    db.d1.prepare(LEASE_NEXT_OF_BOOKINGS).bind(deliveries.nowMs, deliveries.untilMs, delivered),
  ]);
  return rowsOf<LeasedEvent>(results, 2);
}

/** The statements that write an event into the outbox, in the batch of the outcome that it reports (invariant 4). */

import type { EventType } from '../../../contract/events.ts';
import type { D1Database, D1PreparedStatement } from '../d1.ts';

// Only where the row names the event: an attempt that finds the payment ended, or the refund booked by another attempt, writes none. A batch that is repeated finds its own event. Any other event of the same row meets the unique indexes, and the outcome
// is not recorded either.
const INSERT_PAYMENT_EVENT = `
  INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms)
  SELECT ?1, tenant, booking_id, ?2, transaction_id, ?4 FROM transactions
  WHERE transaction_id = ?3 AND ended_by = ?1
    AND NOT EXISTS (SELECT 1 FROM events WHERE event_id = ?1 AND transaction_id = ?3)`;
// A late charge that is paid back has no event: its payment has failed, and that was the event.
const INSERT_REFUND_EVENT = `
  INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, refund_id, created_at_ms)
  SELECT ?1, t.tenant, t.booking_id, 'payment.refund', t.transaction_id, ?2, ?3
  FROM refunds r JOIN transactions t USING (transaction_id)
  WHERE r.refund_id = ?2 AND r.written_by = ?1 AND r.status = 'completed' AND r.kind = 'requested'
    AND NOT EXISTS (SELECT 1 FROM events WHERE event_id = ?1 AND refund_id = ?2)`;

/** The statement that inserts the event of a payment that it ended. It belongs behind the one that records the outcome. */
export function newPaymentEvent(
  d1: D1Database,
  event: { eventId: string; eventType: EventType; transactionId: string; createdAtMs: number },
): D1PreparedStatement {
  return d1.prepare(INSERT_PAYMENT_EVENT).bind(event.eventId, event.eventType, event.transactionId, event.createdAtMs);
}

/** The statement that inserts the event of a refund that was written under its id. It belongs behind the one that writes the refund. */
export function newRefundEvent(
  d1: D1Database,
  event: { eventId: string; refundId: string; createdAtMs: number },
): D1PreparedStatement {
  return d1.prepare(INSERT_REFUND_EVENT).bind(event.eventId, event.refundId, event.createdAtMs);
}

// Both are facts of the dispute's row, so that neither needs the other to come first.
const INSERT_DISPUTE_REPORT = `
  INSERT INTO dispute_reports (event_id, tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor,
    opened_at_ms, reported_at_ms)
  SELECT ?1, tenant, provider, dispute_id, transaction_id, status, reason, currency, amount_minor, opened_at_ms, told_at_ms
  FROM disputes
  WHERE provider = ?2 AND dispute_id = ?3 AND transaction_id = ?4 AND written_by = ?1
    AND NOT EXISTS (SELECT 1 FROM dispute_reports WHERE event_id = ?1)`;
const INSERT_DISPUTE_EVENT = `
  INSERT INTO events (event_id, tenant, booking_id, event_type, created_at_ms)
  SELECT ?1, t.tenant, t.booking_id, 'payment.dispute', ?5
  FROM disputes d JOIN transactions t USING (transaction_id)
  WHERE d.provider = ?2 AND d.dispute_id = ?3 AND d.transaction_id = ?4 AND d.written_by = ?1
    AND NOT EXISTS (SELECT 1 FROM events WHERE event_id = ?1)`;

/** The status of a dispute that was written under the event's id. */
interface DisputeStatus {
  eventId: string;
  provider: string;
  disputeId: string;
  transactionId: string;
  createdAtMs: number;
}

/** The statement that keeps the status, for its event to be rendered from. It belongs behind the one that writes the dispute. */
export function newDisputeReport(d1: D1Database, status: DisputeStatus): D1PreparedStatement {
  return d1
    .prepare(INSERT_DISPUTE_REPORT)
    .bind(status.eventId, status.provider, status.disputeId, status.transactionId);
}

/** The statement that inserts the event of the status. It belongs behind the one that writes the dispute. */
export function newDisputeEvent(d1: D1Database, status: DisputeStatus): D1PreparedStatement {
  const { eventId, provider, disputeId, transactionId, createdAtMs } = status;
  return d1.prepare(INSERT_DISPUTE_EVENT).bind(eventId, provider, disputeId, transactionId, createdAtMs);
}

/** The statement that finds a row if the event was written, by this batch or by an earlier try of it. */
export function hasEvent(d1: D1Database, eventId: string): D1PreparedStatement {
  return d1.prepare('SELECT 1 FROM events WHERE event_id = ?1').bind(eventId);
}

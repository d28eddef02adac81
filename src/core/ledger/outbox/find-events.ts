/** Events of the outbox, rendered from the rows that they are about. */

import type { PaymentEvent } from '../../../contract/events.ts';
import type { RequestIds } from '../../../contract/relay.ts';
import { type DisputeReport, disputeEvent, paymentEvent, refundEvent } from '../../domain/event.ts';
import type { Transaction } from '../../domain/transaction.ts';
import { CannotOpen } from '../../security/cipher.ts';
import { TRANSACTION_COLUMNS } from '../columns.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import { emailOf } from '../payments/find-payment.ts';

// Only the report of a dispute names the payment; its event does not. The request is that of the audit entry which the event's own attempt
// wrote: a row that has been written again names another attempt.
const FIND_EVENTS = `
  SELECT e.event_id AS eventId, e.created_at_ms AS eventCreatedAtMs, r.refund_id AS refundId,
    r.amount_minor AS refundAmountMinor, r.reason AS refundReason, d.dispute_id AS disputeId, d.provider,
    d.status AS disputeStatus, d.reason AS disputeReason, d.currency AS disputeCurrency,
    d.amount_minor AS disputeAmountMinor, d.opened_at_ms AS openedAtMs, d.reported_at_ms AS reportedAtMs,
    a.request_id AS requestId, ${TRANSACTION_COLUMNS}
  FROM events e LEFT JOIN dispute_reports d USING (event_id)
    JOIN transactions t ON t.transaction_id = coalesce(e.transaction_id, d.transaction_id)
    LEFT JOIN refunds r ON r.refund_id = e.refund_id
    LEFT JOIN disputes o ON o.tenant = d.tenant AND o.provider = d.provider AND o.dispute_id = d.dispute_id
    LEFT JOIN audit_entries a ON a.sequence = CASE e.event_id
      WHEN t.ended_by THEN t.ended_entry WHEN r.written_by THEN r.written_entry WHEN o.told_by THEN o.told_entry END
  WHERE e.event_id IN (SELECT value FROM json_each(?1)) ORDER BY e.sequence`;

type OfRefund = { refundId: string; refundAmountMinor: number; refundReason: string };
type OfDispute = Pick<DisputeReport, 'disputeId' | 'provider' | 'openedAtMs' | 'reportedAtMs'> & {
  disputeStatus: string;
  disputeReason: string;
  disputeCurrency: string;
  disputeAmountMinor: number;
};
type Caused = { eventId: string; eventCreatedAtMs: number; requestId: string | null };
type EventRow = Transaction & Caused & (OfRefund | { refundId: null }) & (OfDispute | { disputeId: null });

/**
 * The events with these ids, rendered from the rows that they are about, oldest first. `requestIds`: of those whose audit entry is not
 * packed yet. `unopened`: those whose email address can't be decrypted, and why; they wait for the key.
 */
export async function findEvents(
  db: Database,
  eventIds: string[],
): Promise<{ events: PaymentEvent[]; requestIds: RequestIds; unopened: Map<string, string> }> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_EVENTS).bind(JSON.stringify(eventIds)) });
  const events: PaymentEvent[] = [];
  const requestIds: Record<string, string> = {};
  const unopened = new Map<string, string>();
  for (const row of rowsOf<EventRow>(found)) {
    if (row.requestId) requestIds[row.eventId] = row.requestId;
    try {
      events.push(rendered(row, await emailOf(db, row)));
    } catch (error) {
      if (!(error instanceof CannotOpen)) throw error;
      unopened.set(row.eventId, `the email address cannot be decrypted: ${error.message}`);
    }
  }
  return { events, requestIds, unopened };
}

function rendered(row: EventRow, userEmail: string | null): PaymentEvent {
  const envelope = { eventId: row.eventId, createdAtMs: row.eventCreatedAtMs, userEmail };
  if (row.disputeId !== null) {
    const { disputeId, provider, openedAtMs, reportedAtMs, disputeStatus: status, disputeReason: reason } = row;
    const { disputeCurrency: currency, disputeAmountMinor: amountMinor } = row;
    const report = { disputeId, provider, status, reason, currency, amountMinor, openedAtMs, reportedAtMs };
    return disputeEvent(envelope, row, report);
  }
  if (row.refundId === null) return paymentEvent(envelope, row);
  const { refundId, refundAmountMinor: amountMinor, refundReason: reason } = row;
  return refundEvent(envelope, row, { refundId, amountMinor, reason });
}

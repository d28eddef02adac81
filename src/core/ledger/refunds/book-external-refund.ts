/** Books a refund that was made at the provider, without being asked for here, with its event (invariants 2 and 4). */

import type { Refund, Transaction } from '../../domain/transaction.ts';
import { auditFact, NEXT_ENTRY } from '../audit/insert-entry.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, rowOf, runBatch } from '../database.ts';
import { hasEvent, newRefundEvent } from '../outbox/insert-event.ts';
import { FIND_TRANSACTION } from '../payments/find-payment.ts';
import { FIND_BY_REFERENCE } from './find-refund.ts';
import { setBalance } from './set-balance.ts';

/** An external refund: made at the provider, without being asked for here. */
export interface ExternalRefundBooking {
  refundId: string;
  /** Also names this attempt, in the row that it writes. */
  eventId: string;
  transactionId: string;
  gatewayReference: string;
  /** The provider's name for the refunded charge: it must be the payment's own charge. */
  chargeReference: string;
  currency: string;
  amountMinor: number;
  reason: string;
  movedAtMs: number;
  nowMs: number;
  nextLookupAtMs: number | null;
}

// Invariant 2, and once for each of the provider's refunds, however often it is reported. While a refund of the same amount is
// under way whose name at the provider is not known yet, it may be that one.
const BOOK_EXTERNAL_REFUND = `
  INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, gateway_reference, created_at_ms,
    processed_at_ms, next_lookup_at_ms, created_by, written_by, written_entry)
  SELECT ?1, tenant, transaction_id, 'completed', ?3, ?4, ?5, ?6, ?7, ?8, ?11, ?11, ${NEXT_ENTRY} FROM transactions
  WHERE transaction_id = ?2 AND status = 'completed' AND currency = ?9 AND gateway_reference = ?10
    AND reserved_minor + refunded_minor + ?3 <= amount_minor
    AND NOT EXISTS (
      SELECT 1 FROM refunds WHERE transaction_id = ?2
        AND (gateway_reference = ?5 OR (status = 'pending' AND amount_minor = ?3)))`;
// One that has not been booked, and that no refund under way makes room for.
const NOTE_UNBOOKED = `
  INSERT INTO unbooked_refunds (transaction_id, gateway_reference, amount_minor, found_at_ms, found_by)
  SELECT transaction_id, ?2, ?3, ?4, ?5 FROM transactions
  WHERE transaction_id = ?1 AND status <> 'pending' AND (status <> 'completed' OR reserved_minor = 0)
    AND NOT EXISTS (SELECT 1 FROM refunds WHERE transaction_id = ?1 AND gateway_reference = ?2)
  ON CONFLICT DO NOTHING`;
const HAS_NOTED = `
  SELECT 1 FROM unbooked_refunds WHERE transaction_id = ?1 AND gateway_reference = ?2 AND found_by = ?3`;

/**
 * Books a refund that the provider has paid without being asked by this service, with its event (invariant 4). Answers with
 * the refund's row, which may have been there before; null where the payment has no room for it, or is not paid. `noted`: whether
 * this attempt was the first to find that there is no room.
 */
export async function writeExternalRefund(
  db: Database,
  booking: ExternalRefundBooking,
): Promise<{ refund: Refund | null; transaction: Transaction | null; wroteEvent: boolean; noted: boolean }> {
  const { d1 } = db;
  const { refundId, eventId, transactionId, gatewayReference, amountMinor, nowMs } = booking;
  const results = await runBatch(
    db,
    {
      // First the row. The others are facts of it, in any order; what is read comes last.
      booked: d1
        .prepare(BOOK_EXTERNAL_REFUND)
        .bind(
          refundId,
          transactionId,
          amountMinor,
          booking.reason,
          gatewayReference,
          booking.movedAtMs,
          nowMs,
          booking.nextLookupAtMs,
          booking.currency,
          booking.chargeReference,
          eventId,
        ),
      audited: auditFact(db, 'refund_written', eventId, {
        atMs: nowMs,
        action: 'refund.external',
        subject: refundId,
        outcome: 'completed',
        detail: { amount_minor: amountMinor, currency: booking.currency, gateway_reference: gatewayReference },
      }),
      moved: setBalance(d1, transactionId),
      event: newRefundEvent(d1, { eventId, refundId, createdAtMs: nowMs }),
      unbooked: d1.prepare(NOTE_UNBOOKED).bind(transactionId, gatewayReference, amountMinor, nowMs, eventId),
      noted: d1.prepare(HAS_NOTED).bind(transactionId, gatewayReference, eventId),
      refund: d1.prepare(FIND_BY_REFERENCE).bind(transactionId, gatewayReference),
      transaction: d1.prepare(FIND_TRANSACTION).bind(transactionId),
      wroteEvent: hasEvent(d1, eventId),
    },
    RETRY_OUTCOME_FOR_MS,
  );
  return {
    refund: rowOf<Refund>(results.refund),
    transaction: rowOf<Transaction>(results.transaction),
    wroteEvent: rowOf(results.wroteEvent) !== null,
    noted: rowOf(results.noted) !== null,
  };
}

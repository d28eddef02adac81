/** Records how a refund ended, its effect on the balance, and its event (invariants 2, 4 and 6). */

import type { Outcome, Refund, Transaction } from '../../domain/transaction.ts';
import { auditFact, NEXT_ENTRY } from '../audit/insert-entry.ts';
import type { D1PreparedStatement } from '../d1.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, rowOf, runBatch } from '../database.ts';
import { hasEvent, newRefundEvent } from '../outbox/insert-event.ts';
import { auditedOutcome, outcomeParameters } from '../outcome.ts';
import { writtenRefund, writtenRefundStatements } from './find-refund.ts';
import { setBalance } from './set-balance.ts';

const RECORD_OUTCOME = `
  UPDATE refunds SET status = ?2, gateway_reference = ?3, error_code = ?4, failure_reason = ?5, failure_cause = ?6,
    processed_at_ms = ?7, next_lookup_at_ms = ?8, written_by = ?9, written_entry = ${NEXT_ENTRY}, gateway_ms = ?10
  WHERE refund_id = ?1 AND status = 'pending'`;

// The gateway has paid a refund that failed here. The row keeps its status (invariant 6) and gets the reference, once.
const NOTE_PAID = `
  UPDATE refunds SET gateway_reference = ?2, written_by = ?3
  WHERE refund_id = ?1 AND status = 'failed' AND gateway_reference IS NULL`;

// The provider has paid back more than the ledger knows of: its refunds of the charge are to be listed.
const LOOK_FOR_EXTERNAL_REFUNDS = `
  UPDATE transactions SET next_lookup_at_ms = ?2, lookups = 0
  WHERE transaction_id = ?1 AND status = 'completed'
    AND EXISTS (SELECT 1 FROM refunds WHERE refund_id = ?3 AND written_by = ?4)`;

export interface RefundOutcome {
  refund: Refund;
  /** Also names this attempt, in the row that it writes. */
  eventId: string;
  result: Outcome;
  processedAtMs: number;
  /** When to look again, although it has ended; null: never. */
  nextLookupAtMs: number | null;
  /** Whether the outcome proves that the provider has external refunds: then the payment becomes due for a check of them. */
  provesExternalRefund?: boolean;
  /** How long the gateway took to answer. */
  gatewayMs?: number | null;
  /** Where a person has decided it: the statement that keeps why, if this attempt has recorded it. */
  byHand?: D1PreparedStatement;
}

/**
 * Writes how a refund ended, its effect on the payment, and the event of a refund that was paid, as one (invariant 4).
 * Where it has ended before, nothing is written. Returns the rows as they are now, whether this attempt `wrote` the status, and whether it
 * wrote the event.
 */
export async function recordRefundOutcome(
  db: Database,
  outcome: RefundOutcome,
): Promise<{ refund: Refund; transaction: Transaction; wroteEvent: boolean; wrote: boolean }> {
  const { d1 } = db;
  const { refund, result, eventId, processedAtMs } = outcome;
  const { refundId, transactionId } = refund;
  const isPaid = result.status === 'completed';
  const results = await runBatch(
    db,
    {
      // First the row. The others are facts of it, in any order; what is read comes last.
      recorded: d1
        .prepare(RECORD_OUTCOME)
        .bind(
          refundId,
          ...outcomeParameters(result),
          processedAtMs,
          outcome.nextLookupAtMs,
          eventId,
          outcome.gatewayMs ?? null,
        ),
      noted: isPaid ? d1.prepare(NOTE_PAID).bind(refundId, result.gatewayReference, eventId) : null,
      moved: setBalance(d1, transactionId),
      event: isPaid ? newRefundEvent(d1, { eventId, refundId, createdAtMs: processedAtMs }) : null,
      audited: auditFact(db, 'refund_written', eventId, {
        atMs: processedAtMs,
        action: 'refund.ended',
        subject: refundId,
        ...auditedOutcome(result),
      }),
      lookForExternal:
        outcome.provesExternalRefund === true
          ? d1.prepare(LOOK_FOR_EXTERNAL_REFUNDS).bind(transactionId, processedAtMs, refundId, eventId)
          : null,
      byHand: outcome.byHand ?? null,
      ...writtenRefundStatements(d1, refund, eventId),
      wroteEvent: hasEvent(d1, eventId),
    },
    RETRY_OUTCOME_FOR_MS,
  );
  return { ...writtenRefund(results), wroteEvent: rowOf(results.wroteEvent) !== null };
}

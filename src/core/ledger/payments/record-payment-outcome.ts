/** Records how a payment ended, with its event (invariants 1, 4 and 6). */

import {
  lateRefundId,
  type Outcome,
  type OwedCharge,
  type Refund,
  TAKEN_AT_ONCE,
  type Transaction,
} from '../../domain/transaction.ts';
import { auditFact, NEXT_ENTRY } from '../audit/insert-entry.ts';
import { TRANSACTION_COLUMNS } from '../columns.ts';
import type { D1PreparedStatement, D1Result } from '../d1.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, rowOf, runBatch } from '../database.ts';
import { newPaymentEvent } from '../outbox/insert-event.ts';
import { auditedOutcome, outcomeParameters } from '../outcome.ts';
import { FIND_REFUND } from '../refunds/find-refund.ts';
import type { VelocityCount } from '../velocity/count-attempt.ts';
import { countDecline } from '../velocity/count-decline.ts';

// Invariant 6: only a pending payment can end, and it ends once. The row names the event that ended it. Why it failed follows from the
// row: where a step has begun or the money is held since the row was read, the failure is decided anew, and so is what a person has decided.
const RECORD_OUTCOME = `
  UPDATE transactions SET status = ?2, gateway_reference = ?3, error_code = ?4, failure_reason = ?5,
    failure_cause = ?6, processed_at_ms = ?7, next_lookup_at_ms = ?8,
    ended_by = ?9, ended_entry = ${NEXT_ENTRY}, gateway_ms = coalesce(?13, gateway_ms), sealed_action_url = NULL, sealed_return_url = NULL
  WHERE transaction_id = ?1 AND status = 'pending' AND ((?2 = 'completed' AND NOT ?12) OR (step IS ?10 AND substate IS ?11))`;

// Invariant 1: a charge of a payment that has failed is owed back. It is written down with the first word of it. The payment's
// amount, unless another one was captured. Where the same batch has ended the payment, that has the next entry, and this the one behind it.
const OWE_LATE_CHARGE = `
  INSERT INTO refunds (refund_id, tenant, transaction_id, kind, status, amount_minor, reason, created_at_ms,
    next_lookup_at_ms, created_by, created_entry)
  SELECT ?2, tenant, transaction_id, 'late_charge', 'pending', coalesce(?4, amount_minor), ?5, ?3, ?3, ?6,
    max(${NEXT_ENTRY}, CASE WHEN ended_by = ?6 THEN ended_entry + 1 ELSE 0 END)
  FROM transactions WHERE transaction_id = ?1 AND status = 'failed'
  ON CONFLICT DO NOTHING`;
const KEEP_LATE_REFERENCE = `
  UPDATE transactions SET gateway_reference = ?2, next_lookup_at_ms = NULL
  WHERE transaction_id = ?1 AND status = 'failed'`;
/** The row as it stands, and whether the event was written, by this batch or by an earlier try of it. */
const FIND_RECORDED = `
  SELECT ${TRANSACTION_COLUMNS}, EXISTS (SELECT 1 FROM events WHERE event_id = ?2) AS wroteEvent
  FROM transactions t WHERE t.transaction_id = ?1`;
const HAS_OWED = 'SELECT 1 FROM refunds WHERE refund_id = ?1 AND created_by = ?2';

const CHARGED_LATE = 'Charged after the payment had failed';
const CHARGED_WRONGLY = 'Another amount was captured than the payment has';

export interface PaymentOutcome {
  transactionId: string;
  /** Also names this attempt, in the row that it writes. */
  eventId: string;
  result: Outcome;
  /** The row, as far as the outcome was decided by it. */
  decidedBy?: Pick<Transaction, 'step' | 'substate'>;
  processedAtMs: number;
  /** When to look again, although it has ended; null: never. */
  nextLookupAtMs: number | null;
  /** Of whom it is a decline. */
  declineOf?: readonly VelocityCount[];
  /** How long the gateway took to answer. Null: what the row has stays. */
  gatewayMs?: number | null;
  /** Where a person has decided it: the statement that keeps why, if this attempt has recorded it. */
  byHand?: D1PreparedStatement;
}

export interface RecordedPayment {
  transaction: Transaction;
  /** Whether this attempt wrote the event of the outcome. */
  wroteEvent: boolean;
  /** Where money was charged for a payment that has failed: its refund. */
  lateRefund: Refund | null;
  /** Whether this attempt was the first to find that charge, and wrote the refund. */
  owed: boolean;
}

/**
 * Writes an outcome and its event as one (invariant 4). Where the payment has ended before, it stays as it is, and a
 * charge of one that has failed is written down as owed. A failure is not written where the row is no longer what it was decided by.
 */
export async function recordPaymentOutcome(db: Database, outcome: PaymentOutcome): Promise<RecordedPayment> {
  const { d1 } = db;
  const { transactionId, eventId, result, decidedBy = TAKEN_AT_ONCE, processedAtMs, declineOf = [] } = outcome;
  const { step, substate } = decidedBy;
  // First the row. The others are facts of it, in any order; what is read comes last.
  const outcomeAndEvent = {
    recorded: d1
      .prepare(RECORD_OUTCOME)
      .bind(
        transactionId,
        ...outcomeParameters(result),
        processedAtMs,
        outcome.nextLookupAtMs,
        eventId,
        step,
        substate,
        outcome.byHand === undefined ? 0 : 1,
        outcome.gatewayMs ?? null,
      ),
    event: newPaymentEvent(d1, {
      eventId,
      eventType: result.status === 'completed' ? 'payment.success' : 'payment.failed',
      transactionId,
      createdAtMs: processedAtMs,
    }),
    audited: auditFact(db, 'payment_ended', eventId, {
      atMs: processedAtMs,
      action: 'payment.ended',
      subject: transactionId,
      ...auditedOutcome(result),
    }),
    byHand: outcome.byHand ?? null,
    declined: declineOf.length > 0 ? countDecline(db, outcome, declineOf) : null,
  };
  const asItStands = { transaction: d1.prepare(FIND_RECORDED).bind(transactionId, eventId) };
  const chargedWrongly = result.status === 'failed' ? result.owed : undefined;
  if (chargedWrongly === undefined) {
    const results = await runBatch(db, { ...outcomeAndEvent, ...asItStands }, RETRY_OUTCOME_FOR_MS);
    const recorded = recordedPayment(results);
    if (result.status === 'failed' || recorded.transaction.status !== 'failed') {
      return { ...recorded, lateRefund: null, owed: false };
    }
    // The payment had failed before, so the batch has changed nothing, and a process that dies here leaves what one leaves that dies
    // before it: a charge that the ledger does not know yet, and that is found in the same way.
    const late = owedCharge(db, outcome, { ...result, amountMinor: null }, CHARGED_LATE);
    const lateResults = await runBatch(db, { ...late.written, ...asItStands, ...late.read }, RETRY_OUTCOME_FOR_MS);
    return { ...recordedPayment(lateResults), ...owedOf(lateResults) };
  }
  const wrong = owedCharge(db, outcome, chargedWrongly, CHARGED_WRONGLY);
  const results = await runBatch(
    db,
    { ...outcomeAndEvent, ...wrong.written, ...asItStands, ...wrong.read },
    RETRY_OUTCOME_FOR_MS,
  );
  return { ...recordedPayment(results), ...owedOf(results) };
}

/** Only of a payment that has failed, with this outcome or before it; and the entry behind the refund. */
function owedCharge(
  db: Database,
  { transactionId, eventId, processedAtMs }: PaymentOutcome,
  { gatewayReference, amountMinor }: OwedCharge,
  reason: string,
) {
  const { d1 } = db;
  const refundId = lateRefundId(transactionId);
  return {
    written: {
      owed: d1.prepare(OWE_LATE_CHARGE).bind(transactionId, refundId, processedAtMs, amountMinor, reason, eventId),
      owedAudited: auditFact(db, 'refund_created', eventId, {
        atMs: processedAtMs,
        action: 'refund.owed',
        subject: refundId,
        outcome: 'pending',
        detail: { transaction_id: transactionId, gateway_reference: gatewayReference },
      }),
      reference: d1.prepare(KEEP_LATE_REFERENCE).bind(transactionId, gatewayReference),
    },
    read: {
      lateRefund: d1.prepare(FIND_REFUND).bind(refundId),
      hasOwed: d1.prepare(HAS_OWED).bind(refundId, eventId),
    },
  };
}

function owedOf(results: { lateRefund: D1Result; hasOwed: D1Result }) {
  return { lateRefund: rowOf<Refund>(results.lateRefund), owed: rowOf(results.hasOwed) !== null };
}

function recordedPayment(results: { transaction: D1Result }) {
  const row = rowOf<Transaction & { wroteEvent: number }>(results.transaction);
  if (row === null) throw new Error('an outcome was recorded for a payment that was never claimed');
  const { wroteEvent, ...transaction } = row;
  return { transaction, wroteEvent: wroteEvent === 1 };
}

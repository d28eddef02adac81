/** Refunds in D1: reserve an amount, settle it or give it back, find one again. */
import type { Outcome, Refund, Transaction } from '../../payments/transaction.ts';
import { REFUND_COLUMNS, TRANSACTION_COLUMNS } from './columns.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, rowsOf, runBatch } from './database.ts';
import { hasEvent, newRefundEvent } from './events.ts';
import { outcomeParameters } from './outcome.ts';
import { FIND_TRANSACTION } from './transactions.ts';

export interface NewRefund {
  refundId: string;
  tenant: string;
  transactionId: string;
  bookingId: string;
  userId: string;
  /** Of which currency the amount is: the payment's must be the same. */
  currency: string;
  amountMinor: number;
  reason: string;
  createdAtMs: number;
  nextLookupAtMs: number;
}

// Invariant 2: what is refunded and what is promised stay within what was captured, however many ask at once.
const INSERT_REFUND = `
  INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, created_at_ms, next_lookup_at_ms)
  SELECT ?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7 FROM transactions
  WHERE transaction_id = ?3 AND tenant = ?2 AND booking_id = ?8 AND user_id = ?9 AND currency = ?10
    AND status = 'completed' AND reserved_minor + refunded_minor + ?4 <= amount_minor
  ON CONFLICT DO NOTHING`;

// Right after INSERT_REFUND: a repeated batch inserts nothing, and so reserves nothing twice.
const RESERVE = `UPDATE transactions SET reserved_minor = reserved_minor + ?2 WHERE transaction_id = ?1 AND changes() = 1`;

const FIND_REFUND = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.refund_id = ?1`;

/**
 * Reserves the amount with a pending refund, if the payment allows it. Answers with the refund, or null where there was
 * none to be had, and with the payment as it stands, which tells why.
 */
export async function reserveRefund(
  db: Database,
  claim: NewRefund,
): Promise<{ refund: Refund | null; transaction: Transaction | null }> {
  const results = await runBatch(db, [
    db.d1
      .prepare(INSERT_REFUND)
      .bind(
        claim.refundId,
        claim.tenant,
        claim.transactionId,
        claim.amountMinor,
        claim.reason,
        claim.createdAtMs,
        claim.nextLookupAtMs,
        claim.bookingId,
        claim.userId,
        claim.currency,
      ),
    db.d1.prepare(RESERVE).bind(claim.transactionId, claim.amountMinor),
    db.d1.prepare(FIND_REFUND).bind(claim.refundId),
    db.d1.prepare(`${FIND_TRANSACTION} AND t.tenant = ?2`).bind(claim.transactionId, claim.tenant),
  ]);
  return {
    refund: rowsOf<Refund>(results, 2)[0] ?? null,
    transaction: rowsOf<Transaction>(results, 3)[0] ?? null,
  };
}

const RECORD_OUTCOME = `
  UPDATE refunds SET status = ?2, gateway_reference = ?3, error_code = ?4, failure_reason = ?5, processed_at_ms = ?6,
    next_lookup_at_ms = NULL
  WHERE refund_id = ?1 AND status = 'pending'`;

// Both right after RECORD_OUTCOME: the amount moves from promised to refunded, or back, once.
const MOVE_TO_REFUNDED = `
  UPDATE transactions SET reserved_minor = reserved_minor - ?2, refunded_minor = refunded_minor + ?2,
    status = CASE WHEN refunded_minor + ?2 = amount_minor THEN 'refunded' ELSE status END
  WHERE transaction_id = ?1 AND changes() = 1`;
const GIVE_BACK = `UPDATE transactions SET reserved_minor = reserved_minor - ?2 WHERE transaction_id = ?1 AND changes() = 1`;

/**
 * Writes how a refund ended, its effect on the payment, and the event of a refund that was paid, as one (invariant 4).
 * Where it has ended before, nothing is written. Answers with the rows as they stand now, and with whether this
 * event is the one that tells of it.
 */
export async function recordRefundOutcome(
  db: Database,
  outcome: { refund: Refund; eventId: string; result: Outcome; processedAtMs: number },
): Promise<{ refund: Refund; transaction: Transaction; told: boolean }> {
  const { refund, result } = outcome;
  const recorded = db.d1
    .prepare(RECORD_OUTCOME)
    .bind(refund.refundId, ...outcomeParameters(result), outcome.processedAtMs);
  const effects =
    result.status === 'failed'
      ? [db.d1.prepare(GIVE_BACK).bind(refund.transactionId, refund.amountMinor)]
      : [
          db.d1.prepare(MOVE_TO_REFUNDED).bind(refund.transactionId, refund.amountMinor),
          newRefundEvent(db.d1, {
            eventId: outcome.eventId,
            transactionId: refund.transactionId,
            refundId: refund.refundId,
            createdAtMs: outcome.processedAtMs,
          }),
        ];
  const results = await runBatch(
    db,
    [
      recorded,
      ...effects,
      db.d1.prepare(FIND_REFUND).bind(refund.refundId),
      db.d1.prepare(FIND_TRANSACTION).bind(refund.transactionId),
      hasEvent(db.d1, outcome.eventId),
    ],
    RETRY_OUTCOME_FOR_MS,
  );
  const refundNow = rowsOf<Refund>(results, effects.length + 1)[0];
  const transaction = rowsOf<Transaction>(results, effects.length + 2)[0];
  if (refundNow === undefined || transaction === undefined) throw new Error('an outcome was recorded for no refund');
  return { refund: refundNow, transaction, told: rowsOf(results, effects.length + 3).length === 1 };
}

/** A tenant's refund and the payment that it belongs to, or null. */
export async function findRefund(
  db: Database,
  tenant: string,
  refundId: string,
): Promise<{ refund: Refund; transaction: Transaction } | null> {
  const results = await runBatch(db, [
    db.d1.prepare(`${FIND_REFUND} AND r.tenant = ?2`).bind(refundId, tenant),
    db.d1
      .prepare(
        `SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id)
         WHERE r.refund_id = ?1 AND r.tenant = ?2`,
      )
      .bind(refundId, tenant),
  ]);
  const refund = rowsOf<Refund>(results, 0)[0];
  const transaction = rowsOf<Transaction>(results, 1)[0];
  return refund === undefined || transaction === undefined ? null : { refund, transaction };
}

/** Records that the bank took back a refund that had been paid. */

import type { Failure } from '../../domain/failure.ts';
import type { Refund, Transaction } from '../../domain/transaction.ts';
import { auditFact, NEXT_ENTRY } from '../audit/insert-entry.ts';
import { type Database, RETRY_OUTCOME_FOR_MS, runBatch } from '../database.ts';
import { writtenRefund, writtenRefundStatements } from './find-refund.ts';
import { setBalance } from './set-balance.ts';

const REVERSE = `
  UPDATE refunds SET status = 'reversed', error_code = ?2, failure_reason = ?3, failure_cause = ?4,
    next_lookup_at_ms = NULL, reversed_at_ms = ?6, written_by = ?5, written_entry = ${NEXT_ENTRY}
  WHERE refund_id = ?1 AND status = 'completed'`;

/**
 * Writes that the gateway took a refund back after it had been paid: its amount can be refunded again, unless all of
 * the payment had been. Returns the rows as they are now, and whether this attempt `wrote` it.
 *
 * @param attemptId of this attempt alone
 */
export async function reverseRefund(
  db: Database,
  refund: Refund,
  failure: Failure,
  nowMs: number,
  attemptId: string,
): Promise<{ refund: Refund; transaction: Transaction; wrote: boolean }> {
  const results = await runBatch(
    db,
    {
      // First the row. The others are facts of it, in any order; what is read comes last.
      reversed: db.d1
        .prepare(REVERSE)
        .bind(refund.refundId, failure.code, failure.reason, failure.cause, attemptId, nowMs),
      audited: auditFact(db, 'refund_written', attemptId, {
        atMs: nowMs,
        action: 'refund.reversed',
        subject: refund.refundId,
        outcome: 'reversed',
        detail: { error_code: failure.code },
      }),
      restored: setBalance(db.d1, refund.transactionId),
      ...writtenRefundStatements(db.d1, refund, attemptId),
    },
    RETRY_OUTCOME_FOR_MS,
  );
  return writtenRefund(results);
}

/**
 * Begins a step by one guarded update of the payment's row, before the gateway is asked. The first update decides whether the payment
 * is captured, voided or expired.
 */

import type { Step, Substate, Transaction } from '../../domain/transaction.ts';
import { auditFact, NEXT_ENTRY } from '../audit/insert-entry.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { requireSchema } from '../schema.ts';
import { FIND_TRANSACTION } from './find-payment.ts';

export interface NewStep {
  transactionId: string;
  step: Step;
  /** The substates in which the payment may be. */
  from: readonly Substate[];
  /** Of this attempt alone. */
  attemptId: string;
  nowMs: number;
  /** When recovery may ask the gateway for the outcome of the step. */
  nextLookupAtMs: number;
  /** The payment has to belong to them; null where recovery begins the step. */
  by: { tenant: string; bookingId: string; userId: string } | null;
}

// Only while the payment waits and no step has begun. A hold is captured before the end of its clock; a hold or a challenge expires at it.
const BEGIN = `
  UPDATE transactions SET step = ?2, step_by = ?3, step_entry = ${NEXT_ENTRY}, step_at_ms = ?4, next_lookup_at_ms = ?5, lookups = 0
  WHERE transaction_id = ?1 AND status = 'pending' AND step IS NULL AND substate IN (SELECT value FROM json_each(?6))
    AND CASE WHEN ?2 = 'expire' THEN expires_at_ms <= ?4 WHEN ?2 = 'capture' AND substate = 'authorized' THEN expires_at_ms > ?4 ELSE true END
    AND (?7 IS NULL OR (tenant = ?7 AND booking_id = ?8 AND user_id = ?9))`;
const HAS_BEGUN = 'SELECT 1 FROM transactions WHERE transaction_id = ?1 AND step_by = ?2';

/** Returns the row as it is now and whether this attempt `began` the step; null where there is no such payment of the caller's tenant. */
export async function beginStep(
  db: Database,
  { transactionId, step, from, attemptId, nowMs, nextLookupAtMs, by }: NewStep,
): Promise<{ transaction: Transaction; began: boolean } | null> {
  const { d1 } = db;
  const tenant = by?.tenant ?? null;
  const results = await runBatch(db, {
    schema: requireSchema(d1),
    begun: d1
      .prepare(BEGIN)
      .bind(
        transactionId,
        step,
        attemptId,
        nowMs,
        nextLookupAtMs,
        JSON.stringify(from),
        tenant,
        by?.bookingId ?? null,
        by?.userId ?? null,
      ),
    audited: auditFact(db, 'step_begun', attemptId, {
      atMs: nowMs,
      action: `payment.${step}`,
      subject: transactionId,
      outcome: 'begun',
    }),
    transaction: d1.prepare(`${FIND_TRANSACTION} AND (?2 IS NULL OR t.tenant = ?2)`).bind(transactionId, tenant),
    began: d1.prepare(HAS_BEGUN).bind(transactionId, attemptId),
  });
  const transaction = rowOf<Transaction>(results.transaction);
  return transaction && { transaction, began: rowOf(results.began) !== null };
}

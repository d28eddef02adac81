import { RETURNED_TRANSACTION_COLUMNS } from '../columns.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { type PaymentLookUp, type PaymentRow, paymentLookUp } from './look-up-task.ts';

/** Between two questions about a payment that waits, however often its status is asked for. */
const ASKED_EVERY_MS = 3_000;

// What is due is left as it is: the end of the clock.
const TAKE_WAITING = `
  UPDATE transactions SET asked_at_ms = ?2
  WHERE transaction_id = ?1 AND status = 'pending' AND substate IS NOT NULL AND step IS NULL
    AND coalesce(asked_at_ms, 0) <= ?2 - ${ASKED_EVERY_MS}
  RETURNING ${RETURNED_TRANSACTION_COLUMNS}, lookups AS lookUps`;

/** Takes the look-up of a payment that waits, because its status is asked for; null where it was asked about a moment ago. */
export async function takeWaiting(db: Database, transactionId: string, nowMs: number): Promise<PaymentLookUp | null> {
  const { taken } = await runBatch(db, { taken: db.d1.prepare(TAKE_WAITING).bind(transactionId, nowMs) });
  const row = rowOf<PaymentRow>(taken);
  return row && paymentLookUp(row);
}

/** The look-up of a payment or refund that its provider has reported: due or not, and without putting off the next one. */

import type { Refund, Transaction } from '../../domain/transaction.ts';
import { TRANSACTION_COLUMNS } from '../columns.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { FIND_REFUND } from '../refunds/find-refund.ts';
import { type LookUpTask, type PaymentRow, paymentLookUp } from './look-up-task.ts';

const FIND_PAYMENT = `SELECT ${TRANSACTION_COLUMNS}, t.lookups AS lookUps FROM transactions t WHERE t.transaction_id = ?1`;
const FIND_PAYMENT_OF_REFUND = `
  SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id) WHERE r.refund_id = ?1`;

export async function findLookUp(db: Database, id: string): Promise<LookUpTask | null> {
  if (!id.startsWith('REF-')) {
    const { found } = await runBatch(db, { found: db.d1.prepare(FIND_PAYMENT).bind(id) });
    const row = rowOf<PaymentRow>(found);
    return row && paymentLookUp(row);
  }
  const results = await runBatch(db, {
    refund: db.d1.prepare(FIND_REFUND).bind(id),
    transaction: db.d1.prepare(FIND_PAYMENT_OF_REFUND).bind(id),
  });
  const [refund, transaction] = [rowOf<Refund>(results.refund), rowOf<Transaction>(results.transaction)];
  return refund && transaction && { kind: 'refund', refund, transaction };
}

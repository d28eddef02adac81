/**
 * Which payments and refunds the gateway is to be asked about, and when. Whoever takes a look-up puts off the next one in
 * the same batch, so that however many ask, the gateway is asked at a measured pace.
 */
import type { Refund, Transaction } from '../../payments/transaction.ts';
import {
  REFUND_COLUMNS,
  RETURNED_REFUND_COLUMNS,
  RETURNED_TRANSACTION_COLUMNS,
  TRANSACTION_COLUMNS,
} from './columns.ts';
import { type Database, rowOf, rowsOf, runBatch } from './database.ts';

/** Doubled from look-up to look-up. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** A shift by more than this would say nothing new. */
const MAX_DOUBLINGS = 16;

const PUT_OFF = `
  lookups = lookups + 1,
  next_lookup_at_ms = ?1 + min(${LONGEST_PAUSE_MS}, ${FIRST_PAUSE_MS} << min(lookups, ${MAX_DOUBLINGS}))`;

const ID_IS_DUE = `= ?2 AND next_lookup_at_ms <= ?1`;

/**
 * The ids of the `?2` that have waited longest, but for those of the gateways in `?3`. The id settles the order, so that each
 * statement means the same rows.
 */
const DUE_PAYMENTS = `
  IN (SELECT transaction_id FROM transactions
      WHERE next_lookup_at_ms <= ?1 AND gateway NOT IN (SELECT value FROM json_each(?3))
      ORDER BY next_lookup_at_ms, transaction_id LIMIT ?2)`;
const DUE_REFUNDS = `
  IN (SELECT due.refund_id FROM refunds due JOIN transactions of_due USING (transaction_id)
      WHERE due.next_lookup_at_ms <= ?1 AND of_due.gateway NOT IN (SELECT value FROM json_each(?3))
      ORDER BY due.next_lookup_at_ms, due.refund_id LIMIT ?2)`;

const takePayments = (which: string) =>
  `UPDATE transactions SET ${PUT_OFF} WHERE transaction_id ${which} RETURNING ${RETURNED_TRANSACTION_COLUMNS}`;
const TAKE_PAYMENT = takePayments(ID_IS_DUE);
const TAKE_DUE_PAYMENTS = takePayments(DUE_PAYMENTS);

const takeRefunds = (which: string) => ({
  payments: `
    SELECT ${TRANSACTION_COLUMNS} FROM transactions t
    WHERE t.transaction_id IN (SELECT transaction_id FROM refunds WHERE refund_id ${which})`,
  refunds: `UPDATE refunds SET ${PUT_OFF} WHERE refund_id ${which} RETURNING ${RETURNED_REFUND_COLUMNS}`,
});
const TAKE_REFUND = takeRefunds(ID_IS_DUE);
const TAKE_DUE_REFUNDS = takeRefunds(DUE_REFUNDS);

/** What is to be asked about now. Its `nextLookupAtMs` is when it may be asked about again. */
export type LookUpTask =
  | { kind: 'payment'; transaction: Transaction }
  | { kind: 'refund'; refund: Refund; transaction: Transaction };

/** The look-up of this payment or refund, if it is due. */
export async function takeLookUp(db: Database, id: string, nowMs: number): Promise<LookUpTask | null> {
  const tasks = id.startsWith('REF-')
    ? await takeRefundTasks(db, TAKE_REFUND, nowMs, [id])
    : await takePaymentTasks(db, TAKE_PAYMENT, nowMs, [id]);
  return tasks[0] ?? null;
}

const FIND_PAYMENT = `SELECT ${TRANSACTION_COLUMNS} FROM transactions t WHERE t.transaction_id = ?1`;
const FIND_REFUND = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.refund_id = ?1`;
const FIND_PAYMENT_OF_REFUND = `
  SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id) WHERE r.refund_id = ?1`;

/** The same of a payment or refund of which the provider has told: whether or not it is due, and nothing is put off. */
export async function findLookUp(db: Database, id: string): Promise<LookUpTask | null> {
  if (!id.startsWith('REF-')) {
    const { found } = await runBatch(db, { found: db.d1.prepare(FIND_PAYMENT).bind(id) });
    const transaction = rowOf<Transaction>(found);
    return transaction && { kind: 'payment', transaction };
  }
  const results = await runBatch(db, {
    refund: db.d1.prepare(FIND_REFUND).bind(id),
    transaction: db.d1.prepare(FIND_PAYMENT_OF_REFUND).bind(id),
  });
  const [refund, transaction] = [rowOf<Refund>(results.refund), rowOf<Transaction>(results.transaction)];
  return refund && transaction && { kind: 'refund', refund, transaction };
}

/** Up to `limit` payments and as many refunds whose look-up is due, those that have waited longest, of other gateways than these. */
export async function takeDueLookUps(
  db: Database,
  nowMs: number,
  limit: number,
  notOf: readonly string[] = [],
): Promise<LookUpTask[]> {
  const which = [limit, JSON.stringify(notOf)];
  const payments = await takePaymentTasks(db, TAKE_DUE_PAYMENTS, nowMs, which);
  return [...payments, ...(await takeRefundTasks(db, TAKE_DUE_REFUNDS, nowMs, which))];
}

async function takePaymentTasks(
  db: Database,
  take: string,
  nowMs: number,
  which: readonly (string | number)[],
): Promise<LookUpTask[]> {
  const { taken } = await runBatch(db, { taken: db.d1.prepare(take).bind(nowMs, ...which) });
  return rowsOf<Transaction>(taken).map((transaction) => ({ kind: 'payment', transaction }));
}

async function takeRefundTasks(
  db: Database,
  take: typeof TAKE_REFUND,
  nowMs: number,
  which: readonly (string | number)[],
): Promise<LookUpTask[]> {
  const { payments, refunds } = await runBatch(db, {
    payments: db.d1.prepare(take.payments).bind(nowMs, ...which),
    refunds: db.d1.prepare(take.refunds).bind(nowMs, ...which),
  });
  const byId = new Map(rowsOf<Transaction>(payments).map((transaction) => [transaction.transactionId, transaction]));
  return rowsOf<Refund>(refunds).map((refund) => {
    const transaction = byId.get(refund.transactionId);
    if (transaction === undefined) throw new Error('a refund has no payment');
    return { kind: 'refund', refund, transaction };
  });
}

/** Sets when it is asked about again, if it still has this status; null: never. */
export async function scheduleLookUp(
  db: Database,
  id: string,
  status: Transaction['status'] | Refund['status'],
  nextLookUpAtMs: number | null,
): Promise<void> {
  const [table, column] = id.startsWith('REF-') ? ['refunds', 'refund_id'] : ['transactions', 'transaction_id'];
  await runBatch(db, {
    scheduled: db.d1
      .prepare(`UPDATE ${table} SET next_lookup_at_ms = ?3 WHERE ${column} = ?1 AND status = ?2`)
      .bind(id, status, nextLookUpAtMs),
  });
}

/** Ends the look-ups of a payment, unless it has become due anew since this one was taken. */
export async function endLookUps(
  db: Database,
  transactionId: string,
  takenNextLookUpAtMs: number | null,
): Promise<void> {
  await runBatch(db, {
    ended: db.d1
      .prepare('UPDATE transactions SET next_lookup_at_ms = NULL WHERE transaction_id = ?1 AND next_lookup_at_ms IS ?2')
      .bind(transactionId, takenNextLookUpAtMs),
  });
}

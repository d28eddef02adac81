/** What an operator names by its id: a payment, a refund, or a refund at the provider that the payment had no room for. Of any tenant. */

import type { Refund, Transaction } from '../../domain/transaction.ts';
import { REFUND_COLUMNS, TRANSACTION_COLUMNS } from '../columns.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';

/** Since when it is known that the gateway cannot determine the outcome; null: it is not, or the gateway has never said so. */
interface Determined {
  undeterminedAtMs: number | null;
}

export type FoundPayment = { kind: 'payment'; transaction: Transaction } & Determined;
export type FoundRefund = { kind: 'refund'; refund: Refund; transaction: Transaction } & Determined;
export interface FoundUnbooked {
  kind: 'unbooked';
  gatewayReference: string;
  amountMinor: number;
  foundAtMs: number;
  transaction: Transaction;
}
export type FoundById = FoundPayment | FoundRefund | FoundUnbooked;

const FIND_PAYMENT = `
  SELECT ${TRANSACTION_COLUMNS}, t.undetermined_at_ms AS undeterminedAtMs FROM transactions t WHERE t.transaction_id = ?1`;
const FIND_REFUND = `
  SELECT ${REFUND_COLUMNS}, r.undetermined_at_ms AS undeterminedAtMs FROM refunds r WHERE r.refund_id = ?1`;
const FIND_PAYMENT_OF_REFUND = `
  SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id) WHERE r.refund_id = ?1`;
const FIND_UNBOOKED = `
  SELECT gateway_reference AS gatewayReference, amount_minor AS amountMinor, found_at_ms AS foundAtMs
  FROM unbooked_refunds WHERE transaction_id = ?1 AND gateway_reference = ?2`;

export async function findPayment(db: Database, transactionId: string): Promise<FoundPayment | null> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_PAYMENT).bind(transactionId) });
  const row = rowOf<Transaction & Determined>(found);
  if (row === null) return null;
  const { undeterminedAtMs, ...transaction } = row;
  return { kind: 'payment', transaction, undeterminedAtMs };
}

export async function findRefundWithPayment(db: Database, refundId: string): Promise<FoundRefund | null> {
  const { found, payment } = await runBatch(db, {
    found: db.d1.prepare(FIND_REFUND).bind(refundId),
    payment: db.d1.prepare(FIND_PAYMENT_OF_REFUND).bind(refundId),
  });
  const [row, transaction] = [rowOf<Refund & Determined>(found), rowOf<Transaction>(payment)];
  if (row === null || transaction === null) return null;
  const { undeterminedAtMs, ...refund } = row;
  return { kind: 'refund', refund, transaction, undeterminedAtMs };
}

export async function findUnbookedRefund(
  db: Database,
  transactionId: string,
  gatewayReference: string,
): Promise<FoundUnbooked | null> {
  const { found, payment } = await runBatch(db, {
    found: db.d1.prepare(FIND_UNBOOKED).bind(transactionId, gatewayReference),
    payment: db.d1.prepare(FIND_PAYMENT).bind(transactionId),
  });
  const row = rowOf<Pick<FoundUnbooked, 'gatewayReference' | 'amountMinor' | 'foundAtMs'>>(found);
  const transaction = rowOf<Transaction & Determined>(payment);
  if (row === null || transaction === null) return null;
  const { undeterminedAtMs: _, ...rest } = transaction;
  return { kind: 'unbooked', ...row, transaction: rest };
}

const FIND_OF_REFERENCE = `
  SELECT transaction_id AS id FROM transactions WHERE gateway_reference = ?1 AND gateway_reference IS NOT NULL
  UNION ALL SELECT refund_id FROM refunds WHERE gateway_reference = ?1 AND gateway_reference IS NOT NULL`;

/** Which payments and refunds the provider has under this name. */
export async function idsOfReference(db: Database, gatewayReference: string): Promise<string[]> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_OF_REFERENCE).bind(gatewayReference) });
  return rowsOf<{ id: string }>(found).map(({ id }) => id);
}

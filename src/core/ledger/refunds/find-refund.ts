/** Refunds as they are stored: by id, by idempotency key, and by the name that the provider has for them. */

import type { Refund, Transaction } from '../../domain/transaction.ts';
import { REFUND_COLUMNS, TRANSACTION_COLUMNS } from '../columns.ts';
import type { D1Database, D1Result } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch, type Statements } from '../database.ts';
import { CLAIMED_ID, type FoundKey, findKey, isExpired, type KeyClaim } from '../idempotency-keys/claim-key.ts';
import { FIND_TRANSACTION } from '../payments/find-payment.ts';

/** By its id, of any tenant. */
export const FIND_REFUND = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.refund_id = ?1`;
const FIND_KEYED_REFUND = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.refund_id = ${CLAIMED_ID}`;
const FIND_KEYED_PAYMENT = `
  SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id)
  WHERE r.refund_id = ${CLAIMED_ID}`;

export type ReplayedRefund = { kind: 'replayed'; fingerprint: string; refund: Refund; transaction: Transaction };

/** The statements that find a key and the refund that it claimed; none without a key. */
export function keyedRefundStatements(d1: D1Database, key: KeyClaim | null) {
  const scope = key === null ? [] : [key.tenant, key.path, key.key];
  return {
    key: key && findKey(d1, key),
    keyedRefund: key && d1.prepare(FIND_KEYED_REFUND).bind(...scope),
    keyedPayment: key && d1.prepare(FIND_KEYED_PAYMENT).bind(...scope),
  };
}

export function replayedRefund(
  { fingerprint }: FoundKey,
  results: { keyedRefund: D1Result; keyedPayment: D1Result },
): ReplayedRefund {
  const refund = rowOf<Refund>(results.keyedRefund);
  const transaction = rowOf<Transaction>(results.keyedPayment);
  if (refund === null || transaction === null) throw new Error('an idempotency key has claimed no refund');
  return { kind: 'replayed', fingerprint, refund, transaction };
}

/** The refund that a key has claimed, or null; nothing is reserved. */
export async function findKeyedRefund(db: Database, key: KeyClaim, nowMs: number): Promise<ReplayedRefund | null> {
  const results = await runBatch(db, keyedRefundStatements(db.d1, key));
  const found = rowOf<FoundKey>(results.key);
  return found === null || isExpired(found, nowMs) ? null : replayedRefund(found, results);
}

/** By the provider's name for it. */
export const FIND_BY_REFERENCE = `
  SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.transaction_id = ?1 AND r.gateway_reference = ?2`;
const FIND_REFERENCES = `
  SELECT gateway_reference AS reference FROM refunds WHERE transaction_id = ?1 AND gateway_reference IS NOT NULL
  UNION SELECT gateway_reference FROM unbooked_refunds WHERE transaction_id = ?1`;

/** The provider's names for the refunds of a payment that the ledger has, or that it had no room for. */
export async function findRefundReferences(db: Database, transactionId: string): Promise<Set<string>> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_REFERENCES).bind(transactionId) });
  return new Set(rowsOf<{ reference: string }>(found).map(({ reference }) => reference));
}

/** The refund of a payment that the provider has under this name, or null. */
export async function findRefundByReference(
  db: Database,
  transactionId: string,
  gatewayReference: string,
): Promise<Refund | null> {
  const { found } = await runBatch(db, {
    found: db.d1.prepare(FIND_BY_REFERENCE).bind(transactionId, gatewayReference),
  });
  return rowOf<Refund>(found);
}

/** Finds a row if this attempt wrote the refund's current status, in this batch or in an earlier try of it. */
const HAS_WRITTEN = 'SELECT 1 FROM refunds WHERE refund_id = ?1 AND written_by = ?2';

/** The statements that read a refund behind the one that writes it: both rows, and whether this attempt wrote the status. */
export function writtenRefundStatements(d1: D1Database, { refundId, transactionId }: Refund, attemptId: string) {
  return {
    refund: d1.prepare(FIND_REFUND).bind(refundId),
    transaction: d1.prepare(FIND_TRANSACTION).bind(transactionId),
    wrote: d1.prepare(HAS_WRITTEN).bind(refundId, attemptId),
  };
}

export function writtenRefund(results: Record<'refund' | 'transaction' | 'wrote', D1Result>) {
  const refund = rowOf<Refund>(results.refund);
  const transaction = rowOf<Transaction>(results.transaction);
  if (refund === null || transaction === null) throw new Error('an outcome was recorded for no refund');
  return { refund, transaction, wrote: rowOf(results.wrote) !== null };
}

/** A tenant's refund and the payment that it belongs to, or null; `also` are statements for the same batch. */
export async function findRefund(
  db: Database,
  tenant: string,
  refundId: string,
  also: Statements = {},
): Promise<{ refund: Refund; transaction: Transaction } | null> {
  const results = await runBatch(db, {
    refund: db.d1.prepare(`${FIND_REFUND} AND r.tenant = ?2`).bind(refundId, tenant),
    transaction: db.d1
      .prepare(
        `SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id)
         WHERE r.refund_id = ?1 AND r.tenant = ?2`,
      )
      .bind(refundId, tenant),
    ...also,
  });
  const refund = rowOf<Refund>(results.refund);
  const transaction = rowOf<Transaction>(results.transaction);
  return refund === null || transaction === null ? null : { refund, transaction };
}

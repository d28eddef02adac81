/** Payments as they are stored: by id, and by idempotency key. */

import type { Transaction } from '../../domain/transaction.ts';
import { TRANSACTION_COLUMNS } from '../columns.ts';
import type { D1PreparedStatement } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch, type Statements } from '../database.ts';
import { CLAIMED_ID, type FoundKey, findKey, isExpired, type KeyClaim } from '../idempotency-keys/claim-key.ts';

/** By its id, of any tenant. */
export const FIND_TRANSACTION = `SELECT ${TRANSACTION_COLUMNS} FROM transactions t WHERE t.transaction_id = ?1`;

const FIND_OF_TENANT = `${FIND_TRANSACTION} AND t.tenant = ?2`;

const FIND_KEYED = `SELECT ${TRANSACTION_COLUMNS} FROM transactions t WHERE t.transaction_id = ${CLAIMED_ID}`;

/** The statement that finds the payment that a key has claimed. */
export function findKeyed({ d1 }: Database, key: KeyClaim): D1PreparedStatement {
  return d1.prepare(FIND_KEYED).bind(key.tenant, key.path, key.key);
}

export interface ReplayedPayment {
  kind: 'replayed';
  fingerprint: string;
  transaction: Transaction;
}

export function replayedPayment({ fingerprint }: FoundKey, transaction: Transaction | null): ReplayedPayment {
  if (transaction === null) throw new Error('an idempotency key has claimed no payment');
  return { kind: 'replayed', fingerprint, transaction };
}

/** The payment that a key has claimed, or null; nothing is claimed. */
export async function findKeyedTransaction(db: Database, key: KeyClaim, nowMs: number) {
  const results = await runBatch(db, {
    key: findKey(db.d1, key),
    keyed: findKeyed(db, key),
  });
  const found = rowOf<FoundKey>(results.key);
  return found === null || isExpired(found, nowMs) ? null : replayedPayment(found, rowOf(results.keyed));
}

/**
 * A tenant's payment, or null: another tenant's is as unknown as none.
 *
 * @param also statements for the same batch
 */
export async function findTransaction(
  db: Database,
  tenant: string,
  transactionId: string,
  also: Statements = {},
): Promise<Transaction | null> {
  const { found } = await runBatch(db, {
    found: db.d1.prepare(FIND_OF_TENANT).bind(transactionId, tenant),
    ...also,
  });
  return rowOf<Transaction>(found);
}

const STATUSES_OF_BOOKING = `
  SELECT DISTINCT t.status FROM transactions t WHERE t.tenant = ?1 AND t.booking_id = ?2`;

/** Which statuses the payments of a booking have. */
export async function statusesOfBooking(
  db: Database,
  tenant: string,
  bookingId: string,
): Promise<Transaction['status'][]> {
  const { found } = await runBatch(db, { found: db.d1.prepare(STATUSES_OF_BOOKING).bind(tenant, bookingId) });
  return rowsOf<Pick<Transaction, 'status'>>(found).map(({ status }) => status);
}

/** The email address that a payment was made with: stored encrypted, for this payment alone. @throws CannotOpen */
export async function emailOf(
  { cipher }: Database,
  { transactionId, sealedEmail }: Pick<Transaction, 'transactionId' | 'sealedEmail'>,
): Promise<string | null> {
  return sealedEmail === null ? null : cipher.open(sealedEmail, transactionId);
}

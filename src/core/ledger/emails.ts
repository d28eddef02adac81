/** The address that a payment was made with. It is stored encrypted, and opens only beside its own payment. */
import type { Transaction } from '../domain/transaction.ts';
import type { Database } from './database.ts';

/** @throws CannotOpen */
export async function emailOf(
  { cipher }: Database,
  { transactionId, sealedEmail }: Pick<Transaction, 'transactionId' | 'sealedEmail'>,
): Promise<string | null> {
  return sealedEmail === null ? null : cipher.open(sealedEmail, transactionId);
}

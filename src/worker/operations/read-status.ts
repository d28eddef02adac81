/** How a payment or a refund stands. */
import type { Refund, Transaction } from '../../payments/transaction.ts';
import { findRefund } from '../ledger/refunds.ts';
import { findTransaction } from '../ledger/transactions.ts';
import type { OperationContext } from './context.ts';

/** The payment with this id, or the refund and its payment, or null. */
export async function readStatus(
  { db, tenant }: OperationContext,
  id: string,
): Promise<{ transaction: Transaction; refund: Refund | null } | null> {
  if (isIdentifier(id, 'REF-')) return findRefund(db, tenant, id);
  if (!isIdentifier(id, 'TXN-')) return null;
  const transaction = await findTransaction(db, tenant, id);
  return transaction === null ? null : { transaction, refund: null };
}

/** Crockford's base 32, as ULIDs are written. What is none was never given out, so nobody has to look. */
function isIdentifier(id: string, prefix: 'TXN-' | 'REF-'): boolean {
  return id.startsWith(prefix) && /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id.slice(prefix.length));
}

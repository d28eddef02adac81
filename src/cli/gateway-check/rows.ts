/** What is tried out, as the ledger would have it. */

import { pendingRefund, pendingTransaction } from '../../../test/support/rows.ts';
import type { Refund, Transaction } from '../../core/domain/transaction.ts';

export const AMOUNT_MINOR = 2550;
export const CURRENCY = 'USD';

export function newTransaction(overrides: Partial<Transaction> = {}): Transaction {
  const transaction = pendingTransaction({
    userId: 'gateway-check',
    currency: CURRENCY,
    amountMinor: AMOUNT_MINOR,
    ...overrides,
  });
  return { ...transaction, bookingId: `CHECK-${transaction.transactionId.slice(-8)}` };
}

export function newRefund(transaction: Transaction, amountMinor: number): Refund {
  return pendingRefund(transaction, { amountMinor, reason: 'Tried out by gateway:check' });
}

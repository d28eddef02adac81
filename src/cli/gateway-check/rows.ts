/** Rows as the ledger has them, for adapters that are tried without one. */
import { ulid } from 'ulid';
import { type Refund, TAKEN_AT_ONCE, type Transaction } from '../../core/domain/transaction.ts';

export const AMOUNT_MINOR = 2550;
export const CURRENCY = 'USD';

/** A payment of 25.50 dollars whose outcome is not known, made now. */
export function pendingTransaction(overrides: Partial<Transaction> = {}): Transaction {
  const transactionId = `TXN-${ulid()}`;
  return {
    transactionId,
    tenant: 'default',
    bookingId: `BOOK-${transactionId.slice(-8)}`,
    userId: 'user_123',
    sealedEmail: null,
    status: 'pending',
    currency: CURRENCY,
    amountMinor: AMOUNT_MINOR,
    reservedMinor: 0,
    refundedMinor: 0,
    paymentMethod: 'credit_card',
    cardBrand: null,
    cardLast4: null,
    gateway: 'test',
    gatewayIntent: null,
    gatewayReference: null,
    errorCode: null,
    failureReason: null,
    failureCause: null,
    createdAtMs: Date.now(),
    processedAtMs: null,
    nextLookupAtMs: null,
    ...TAKEN_AT_ONCE,
    ...overrides,
  };
}

/** The same payment, paid under this name of the provider's. */
export function paidTransaction(transaction: Transaction, gatewayReference: string): Transaction {
  return { ...transaction, status: 'completed', gatewayReference, processedAtMs: transaction.createdAtMs };
}

export function pendingRefund({ transactionId }: Transaction, overrides: Partial<Refund> = {}): Refund {
  return {
    refundId: `REF-${ulid()}`,
    tenant: 'default',
    transactionId,
    kind: 'requested',
    status: 'pending',
    amountMinor: 1000,
    reason: 'Customer cancellation',
    gatewayReference: null,
    errorCode: null,
    failureReason: null,
    failureCause: null,
    createdAtMs: Date.now(),
    processedAtMs: null,
    nextLookupAtMs: null,
    ...overrides,
  };
}

export function newTransaction(overrides: Partial<Transaction> = {}): Transaction {
  const transaction = pendingTransaction({ userId: 'gateway-check', ...overrides });
  return { ...transaction, bookingId: `CHECK-${transaction.transactionId.slice(-8)}` };
}

export function newRefund(transaction: Transaction, amountMinor: number): Refund {
  return pendingRefund(transaction, { amountMinor, reason: 'Tried out by gateway-check' });
}

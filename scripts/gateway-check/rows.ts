/** Rows as the ledger would have them, for adapters that are tried without one. */
import { ulid } from 'ulid';
import type { Refund, Transaction } from '../../src/payments/transaction.ts';

export const AMOUNT_MINOR = 2550;
export const CURRENCY = 'USD';

export function newTransaction(overrides: Partial<Transaction> = {}): Transaction {
  const transactionId = `TXN-${ulid()}`;
  return {
    transactionId,
    tenant: 'default',
    bookingId: `CHECK-${transactionId.slice(-8)}`,
    userId: 'gateway-check',
    userEmail: null,
    status: 'pending',
    currency: CURRENCY,
    amountMinor: AMOUNT_MINOR,
    reservedMinor: 0,
    refundedMinor: 0,
    paymentMethod: 'credit_card',
    cardBrand: null,
    cardLast4: null,
    gateway: 'check',
    gatewayIntent: null,
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

export function newRefund({ transactionId }: Transaction, amountMinor: number): Refund {
  return {
    refundId: `REF-${ulid()}`,
    tenant: 'default',
    transactionId,
    kind: 'requested',
    status: 'pending',
    amountMinor,
    reason: 'Tried out by gateway:check',
    gatewayReference: null,
    errorCode: null,
    failureReason: null,
    failureCause: null,
    createdAtMs: Date.now(),
    processedAtMs: null,
    nextLookupAtMs: null,
  };
}

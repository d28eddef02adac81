/** Rows as the ledger has them, for adapters that are tried without one. */
import { ulid } from 'ulid';
import { type Card, readCard } from '../../src/core/domain/card.ts';
import type { Refund, Transaction } from '../../src/core/domain/transaction.ts';
import { redactedDetails, TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';

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
    currency: 'USD',
    amountMinor: 2550,
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

export function card(
  number: string = TEST_CARDS.visa,
  { expiry_month = '11', expiry_year = TEST_EXPIRY_YEAR }: { expiry_month?: string; expiry_year?: string } = {},
): Card {
  const details = { expiry_month, expiry_year, cvv: TEST_CVV, cardholder_name: 'John Doe' };
  const read = readCard(redactedDetails({ card_number: number, ...details }));
  if (read === null) throw new Error('a card of a test is none');
  return read;
}

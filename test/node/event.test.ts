import { describe, expect, it } from 'vitest';
import { paymentEvent as schema } from '../../src/contract/events.ts';
import { paymentEvent, refundEvent } from '../../src/core/domain/event.ts';
import { TAKEN_AT_ONCE, type Transaction } from '../../src/core/domain/transaction.ts';
import { EVENTS } from '../data/contract-examples.ts';

const ROW: Transaction = {
  transactionId: 'TXN-456789',
  tenant: 'default',
  bookingId: 'BOOK-789012',
  userId: 'user_123',
  sealedEmail: null,
  status: 'completed',
  currency: 'USD',
  amountMinor: 2550,
  reservedMinor: 0,
  refundedMinor: 0,
  paymentMethod: 'credit_card',
  cardBrand: 'visa',
  cardLast4: '1111',
  gateway: 'sandbox',
  gatewayIntent: null,
  gatewayReference: 'reference',
  errorCode: null,
  failureCause: null,
  failureReason: null,
  createdAtMs: Date.UTC(2024, 11, 15, 10, 30, 44),
  processedAtMs: Date.UTC(2024, 11, 15, 10, 30, 45),
  nextLookupAtMs: null,
  ...TAKEN_AT_ONCE,
};
const TOLD_AT_MS = Date.UTC(2024, 11, 15, 10, 30, 45, 999);
const envelope = (eventId: string, createdAtMs = TOLD_AT_MS) => ({
  eventId,
  createdAtMs,
  userEmail: 'user@example.com',
});

describe('an event', () => {
  it('of a success is the contract’s, field for field and in the contract’s types', () => {
    const event = paymentEvent(envelope('evt_payment_001'), ROW);
    expect(event).toEqual(EVENTS['payment.success']);
    expect(schema.parse(event)).toEqual(event);
  });

  it('of a failure is the contract’s', () => {
    const row = {
      ...ROW,
      status: 'failed',
      errorCode: 'INSUFFICIENT_FUNDS',
      failureReason: 'Insufficient funds',
    } as const;
    expect(paymentEvent(envelope('evt_payment_002'), row)).toEqual(EVENTS['payment.failed']);
  });

  it('of a refund is the contract’s', () => {
    const refund = { refundId: 'REF-123456', amountMinor: 2550, reason: 'Customer cancellation' };
    const atMs = Date.UTC(2024, 11, 15, 10, 35);
    expect(refundEvent(envelope('evt_payment_003', atMs), ROW, refund)).toEqual(EVENTS['payment.refund']);
  });

  it('of a success is the same after the payment was refunded', () => {
    const refunded = { ...ROW, status: 'refunded', refundedMinor: 2550 } as const;
    expect(paymentEvent(envelope('evt_payment_001'), refunded)).toEqual(EVENTS['payment.success']);
  });
});

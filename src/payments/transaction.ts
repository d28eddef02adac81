/** Payments and refunds as the ledger keeps them. Amounts are in minor units, times in milliseconds since 1970. */
import type { ErrorCode } from '../contract/error-codes.ts';
import type { PaymentMethod } from '../contract/requests.ts';
import type { Failure } from './failure.ts';

/** Legal moves (invariant 6): pending → completed | failed, completed → refunded. The database refuses all others. */
export type TransactionStatus = 'pending' | 'completed' | 'failed' | 'refunded';

export interface Transaction {
  transactionId: string;
  tenant: string;
  bookingId: string;
  userId: string;
  userEmail: string | null;
  status: TransactionStatus;
  currency: string;
  amountMinor: number;
  /** Promised to refunds that are under way. */
  reservedMinor: number;
  /** Paid back, as the gateway has confirmed. */
  refundedMinor: number;
  paymentMethod: PaymentMethod;
  cardBrand: string | null;
  cardLast4: string | null;
  gateway: string;
  gatewayReference: string | null;
  errorCode: ErrorCode | null;
  failureReason: string | null;
  createdAtMs: number;
  processedAtMs: number | null;
}

/** How a payment or a refund ended, as the gateway said, or as was plain without asking it. */
export type Outcome = { status: 'completed'; gatewayReference: string } | { status: 'failed'; failure: Failure };

/** pending → completed | failed, completed → reversed (the gateway took it back afterwards). */
export type RefundStatus = 'pending' | 'completed' | 'failed' | 'reversed';

export interface Refund {
  refundId: string;
  tenant: string;
  transactionId: string;
  status: RefundStatus;
  amountMinor: number;
  reason: string;
  gatewayReference: string | null;
  errorCode: ErrorCode | null;
  failureReason: string | null;
  createdAtMs: number;
  processedAtMs: number | null;
}

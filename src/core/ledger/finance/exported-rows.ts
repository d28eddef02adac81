/** Payments and refunds as finance gets them, without personal data, and what of them counts in a time range. Amounts are in minor units. */

import type { PaymentMethod } from '../../../contract/requests.ts';
import type { RefundKind, RefundStatus, TransactionStatus } from '../../domain/transaction.ts';
import type { TimeRange } from '../id-range.ts';

/** What both have of the payment. */
interface OfPayment {
  transactionId: string;
  tenant: string;
  bookingId: string;
  gateway: string;
  paymentMethod: PaymentMethod;
  currency: string;
}

/** A payment that has ended. */
export interface ExportedPayment extends OfPayment {
  status: Exclude<TransactionStatus, 'pending'>;
  gatewayReference: string | null;
  errorCode: string | null;
  amountMinor: number;
  /** Until now, whenever that was. */
  refundedMinor: number;
  createdAtMs: number;
  /** Of a payment that succeeded: when it was captured. */
  processedAtMs: number;
}

export interface ExportedRefund extends OfPayment {
  refundId: string;
  /** `external`: made at the provider, without being asked for here. */
  kind: RefundKind | 'external';
  status: RefundStatus;
  gatewayReference: string | null;
  errorCode: string | null;
  reason: string;
  amountMinor: number;
  /** Of a late charge: when the charge was found. */
  createdAtMs: number;
  processedAtMs: number | null;
  /** Null also for reversals that a version before migration 0020 has recorded: their time is not known. */
  reversedAtMs: number | null;
}

export function isWithin({ fromMs, toMs }: TimeRange, timeMs: number | null): boolean {
  return timeMs !== null && timeMs >= fromMs && timeMs < toMs;
}

/** What was taken for the payment: an authorization is not, and neither is what has failed. */
export function capturedMinor({ status, amountMinor }: Pick<ExportedPayment, 'status' | 'amountMinor'>): number {
  return status === 'failed' ? 0 : amountMinor;
}

/** What of a refund moved money in the range: each null where it did not. */
export interface RefundMovements {
  /** Only of a late charge: the charge itself, which is in no payment. When it was found. */
  chargedAtMs: number | null;
  /** When it was paid back. */
  refundedAtMs: number | null;
  /** When the bank gave it back. */
  reversedAtMs: number | null;
}

/** A reversal whose time is not known counts when the refund was paid, so that both cancel each other out. */
export function movementsOf(refund: ExportedRefund, range: TimeRange): RefundMovements {
  const { kind, status, createdAtMs, processedAtMs, reversedAtMs } = refund;
  const isPaid = status === 'completed' || status === 'reversed';
  const within = (timeMs: number | null) => (isWithin(range, timeMs) ? timeMs : null);
  return {
    chargedAtMs: kind === 'late_charge' ? within(createdAtMs) : null,
    refundedAtMs: isPaid ? within(processedAtMs) : null,
    reversedAtMs: status === 'reversed' ? within(reversedAtMs ?? processedAtMs) : null,
  };
}

/** Whether the refund belongs into an export of the range: it ended or was reversed in it, or its late charge was found. */
export function belongsTo(refund: ExportedRefund, range: TimeRange): boolean {
  const { chargedAtMs, reversedAtMs } = movementsOf(refund, range);
  return isWithin(range, refund.processedAtMs) || reversedAtMs !== null || chargedAtMs !== null;
}

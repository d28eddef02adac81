/** Renders events from the rows that they are about, so that an event sent again is the same event. */
import type { PaymentEvent } from '../../contract/events.ts';
import { failure } from './failure.ts';
import { decimalAmount } from './money.ts';
import { isoSeconds } from './timestamp.ts';
import type { Refund, Transaction } from './transaction.ts';

/** Which event it is, when it was written, and the address that the payment was made with. */
export interface EventEnvelope {
  eventId: string;
  createdAtMs: number;
  userEmail: string | null;
}

/** The event of a payment's outcome: `payment.failed` where the row says why it failed, else `payment.success`. */
export function paymentEvent(
  { eventId, createdAtMs, userEmail }: EventEnvelope,
  transaction: Transaction,
): PaymentEvent {
  const about = {
    event_id: eventId,
    user_id: transaction.userId,
    user_email: userEmail,
    booking_id: transaction.bookingId,
  };
  const paid = {
    amount: decimalAmount(transaction.amountMinor, transaction.currency),
    payment_method: transaction.paymentMethod,
  };
  const timestamp = isoSeconds(createdAtMs);
  if (transaction.errorCode === null) {
    return { ...about, event_type: 'payment.success', transaction_id: transaction.transactionId, ...paid, timestamp };
  }
  return {
    ...about,
    event_type: 'payment.failed',
    ...paid,
    failure_reason: transaction.failureReason ?? failure('PAYMENT_FAILED').reason,
    error_code: transaction.errorCode,
    timestamp,
  };
}

/** The event of a refund that was paid back. */
export function refundEvent(
  { eventId, createdAtMs, userEmail }: EventEnvelope,
  transaction: Transaction,
  refund: Pick<Refund, 'refundId' | 'amountMinor' | 'reason'>,
): PaymentEvent {
  return {
    event_id: eventId,
    event_type: 'payment.refund',
    user_id: transaction.userId,
    user_email: userEmail,
    booking_id: transaction.bookingId,
    original_transaction_id: transaction.transactionId,
    refund_transaction_id: refund.refundId,
    refund_amount: decimalAmount(refund.amountMinor, transaction.currency),
    reason: refund.reason,
    timestamp: isoSeconds(createdAtMs),
  };
}

/** A status of a dispute, as its provider reported it. */
export interface DisputeReport {
  disputeId: string;
  provider: 'stripe' | 'paypal';
  status: string;
  reason: string;
  currency: string;
  amountMinor: number;
  openedAtMs: number;
  reportedAtMs: number;
}

/** The event of a status that a dispute got. */
export function disputeEvent(
  { eventId, createdAtMs, userEmail }: EventEnvelope,
  transaction: Transaction,
  report: DisputeReport,
): PaymentEvent {
  return {
    event_id: eventId,
    event_type: 'payment.dispute',
    user_id: transaction.userId,
    user_email: userEmail,
    booking_id: transaction.bookingId,
    transaction_id: transaction.transactionId,
    dispute_id: report.disputeId,
    provider: report.provider,
    status: report.status,
    reason: report.reason,
    amount: decimalAmount(report.amountMinor, report.currency),
    currency: report.currency,
    opened_at: isoSeconds(report.openedAtMs),
    reported_at: isoSeconds(report.reportedAtMs),
    timestamp: isoSeconds(createdAtMs),
  };
}

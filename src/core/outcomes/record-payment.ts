/** Writes how a payment ended, by the payment itself or by a look-up after it. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { paymentEvent } from '../domain/event.ts';
import type { FailureCause } from '../domain/failure-causes.ts';
import type { Outcome, Refund, Transaction } from '../domain/transaction.ts';
import { recordPaymentOutcome } from '../ledger/payments/record-payment-outcome.ts';
import type { VelocityCount } from '../ledger/velocity/count-attempt.ts';
import { asDecidedHere } from './decided-outcome.ts';
import { envelopeOf } from './event-envelope.ts';
import { loggedPayment } from './logged-payment.ts';
import { failedChargeFollowUpMs } from './look-up-schedule.ts';

export interface HowPaymentEnded {
  /** Whose decline it is, should it be one. */
  declineOf?: readonly VelocityCount[];
  /** How long the gateway took to answer; null where it did not, or was not asked. */
  gatewayMs?: number | null;
}

/**
 * Returns the row as it is now, which another attempt may have written, and the event where this call wrote it. The row is still pending
 * where a failure was decided before another attempt found out that the payment waits.
 * A failure after which money can have moved, or can be held, is looked up again.
 */
export async function recordPayment(
  context: Context,
  pending: Transaction,
  result: Outcome,
  how: HowPaymentEnded = {},
): Promise<{ transaction: Transaction; event: PaymentEvent | null; lateRefund: Refund | null }> {
  const eventId = context.newId('evt_');
  const processedAtMs = context.nowMs();
  const { transaction, wroteEvent, lateRefund, owed } = await recordPaymentOutcome(context.db, {
    transactionId: pending.transactionId,
    eventId,
    result,
    decidedBy: pending,
    processedAtMs,
    nextLookupAtMs: isFollowedUp(pending, result) ? failedChargeFollowUpMs(processedAtMs, processedAtMs) : null,
    ...how,
  });
  if (transaction.status === 'pending') {
    // A failure that was decided by an older row. What the payment waits for has been found out since: it is looked up again.
    if (transaction.substate !== pending.substate) return { transaction, event: null, lateRefund: null };
    // A step has begun, and says why the payment ends.
    return recordPayment(context, transaction, asDecidedHere(transaction, result), how);
  }
  if (lateRefund !== null && owed) {
    // An alarm, once: money was taken for a ticket that nobody gets.
    context.log('error', result.status === 'completed' ? 'payment.charged_late' : 'payment.mischarged', {
      transaction_id: transaction.transactionId,
      booking_id: transaction.bookingId,
      refund_id: lateRefund.refundId,
      refund_status: lateRefund.status,
    });
  }
  if (wroteEvent) {
    context.log('info', transaction.errorCode === null ? 'payment.completed' : 'payment.failed', {
      ...loggedPayment(transaction),
      error_code: transaction.errorCode,
      duration_ms: processedAtMs - transaction.createdAtMs,
    });
  }
  const envelope = wroteEvent ? await envelopeOf(context, eventId, processedAtMs, transaction) : null;
  return { transaction, event: envelope && paymentEvent(envelope, transaction), lateRefund };
}

/** A failure of the gateway may have been a charge. After others, the money may have been taken, or may still be held. */
function isFollowedUp(pending: Transaction, result: Outcome): boolean {
  if (result.status !== 'failed') return false;
  return result.failure.code === 'PAYMENT_GATEWAY_ERROR' || mayHaveMoved(pending, result.failure.cause);
}

/**
 * The money was asked for and that was refused, while an earlier request for it may still be on its way; or another amount is held than
 * was asked for, because the order was changed.
 */
function mayHaveMoved({ captureMethod, step }: Transaction, cause: FailureCause): boolean {
  if (step === 'capture' || step === 'authorize') return true;
  return captureMethod === 'manual' && (cause === 'order_changed' || cause === 'new_order_changed');
}

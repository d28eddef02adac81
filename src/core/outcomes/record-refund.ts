/** Writes how a refund ended, by the refund itself or by a look-up after it. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { refundEvent } from '../domain/event.ts';
import type { FailureCause } from '../domain/failure-causes.ts';
import type { Outcome, Refund, Transaction } from '../domain/transaction.ts';
import { recordRefundOutcome } from '../ledger/refunds/record-refund-outcome.ts';
import type { DueLookUp } from '../outbox/queue-message.ts';
import { envelopeOf } from './event-envelope.ts';
import { paidRefundFollowUpMs } from './look-up-schedule.ts';

/** What a provider says of a refund only where it has paid back more than this service has asked for. */
const PROVE_EXTERNAL_REFUND: readonly FailureCause[] = ['already_refunded', 'refund_exceeds'];

/**
 * Returns the rows as they are now, which another attempt may have written, and the event where this call wrote it. `lookUp`: the
 * payment, where its charge has refunds at the provider that the ledger does not know.
 *
 * @param gatewayMs how long the gateway took to answer; null where it did not, or was not asked
 */
export async function recordRefund(
  context: Context,
  pending: Refund,
  result: Outcome,
  gatewayMs: number | null = null,
): Promise<{ refund: Refund; transaction: Transaction; event: PaymentEvent | null; lookUp: DueLookUp | null }> {
  const eventId = context.newId('evt_');
  const processedAtMs = context.nowMs();
  const provesExternalRefund = result.status === 'failed' && PROVE_EXTERNAL_REFUND.includes(result.failure.cause);
  const { refund, transaction, wroteEvent, wrote } = await recordRefundOutcome(context.db, {
    refund: pending,
    eventId,
    result,
    processedAtMs,
    nextLookupAtMs: result.status === 'completed' ? paidRefundFollowUpMs(processedAtMs, processedAtMs) : null,
    provesExternalRefund,
    gatewayMs,
  });
  const needsOperator =
    wrote &&
    ((result.status === 'completed' && refund.status === 'failed') ||
      (result.status === 'failed' && refund.kind === 'late_charge'));
  context.log(needsOperator ? 'error' : 'info', `refund.${refund.status}`, {
    refund_id: refund.refundId,
    transaction_id: transaction.transactionId,
    kind: refund.kind,
    gateway_says: result.status,
    error_code: refund.errorCode,
    duration_ms: processedAtMs - refund.createdAtMs,
  });
  const envelope = wroteEvent ? await envelopeOf(context, eventId, processedAtMs, transaction) : null;
  const lookUp = provesExternalRefund && wrote ? { id: transaction.transactionId, atMs: processedAtMs } : null;
  return { refund, transaction, event: envelope && refundEvent(envelope, transaction, refund), lookUp };
}

/**
 * Takes up what a provider tells of by itself. A webhook comes late, twice, or before the answer that it is about, and in any
 * order: so it only says what to ask about, and what the provider answers then is written down like any other look-up's answer.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import { refundEvent } from '../../payments/event.ts';
import type { Gateway } from '../gateways/gateway.ts';
import type { Dispute, Provider, ProviderEvent } from '../gateways/webhook.ts';
import { recordDispute } from '../ledger/disputes.ts';
import { findLookUp } from '../ledger/look-ups.ts';
import { isTakenUp, rememberEvent } from '../ledger/provider-events.ts';
import { bookOutsideRefund, findRefundByReference } from '../ledger/refunds.ts';
import type { OperationContext } from './context.ts';
import { paidRefundFollowUpMs, type Settle } from './look-up-schedule.ts';
import { BACKGROUND_DEADLINE_MS, settleTold } from './settle.ts';

export type NoticeAnswer =
  /** Written down for good: the provider need not send it again. `event` and `settle` are to be sent, as of any answer. */
  | { kind: 'taken'; event: PaymentEvent | null; settle: Settle | null }
  /** It can't be taken up now, and is to be sent again. */
  | { kind: 'later'; reason: string };

const NOTHING_TO_SEND: NoticeAnswer = { kind: 'taken', event: null, settle: null };

/** @throws LedgerUnavailable, LedgerNotMigrated: the provider sends it again */
export async function takeNotice(
  context: OperationContext,
  gateway: Gateway,
  event: ProviderEvent,
): Promise<NoticeAnswer> {
  const { db, log, nowMs } = context;
  const { provider, eventId, type, notice } = event;
  if (notice === null) return NOTHING_TO_SEND;
  if (await isTakenUp(db, event)) {
    log('info', 'webhook.repeated', { provider, event_id: eventId, type });
    return NOTHING_TO_SEND;
  }
  const answer = await takeUp(context, gateway, event);
  log(answer.kind === 'later' ? 'warn' : 'info', 'webhook.taken', {
    provider,
    event_id: eventId,
    type,
    about: notice.about,
    outcome: answer.kind,
    reason: answer.kind === 'later' ? answer.reason : undefined,
  });
  if (answer.kind === 'taken') await rememberEvent(db, event, nowMs());
  return answer;
}

function takeUp(
  context: OperationContext,
  gateway: Gateway,
  { provider, notice }: ProviderEvent,
): Promise<NoticeAnswer> | NoticeAnswer {
  switch (notice?.about) {
    case 'payment':
      return settleNow(context, { id: notice.transactionId, charged: notice.charged });
    case 'refund':
      return settleNow(context, { id: notice.refundId, charged: true });
    case 'outside_refund':
      return takeOutsideRefund(context, gateway, notice.reference);
    case 'dispute':
      return takeDispute(context, gateway, provider, notice.dispute);
    case undefined:
      return NOTHING_TO_SEND;
  }
}

/** What is still open after it goes on being looked up. An id that the ledger does not have is another installation's. */
async function settleNow(context: OperationContext, told: { id: string; charged: boolean }): Promise<NoticeAnswer> {
  const settled = await settleTold(context, told);
  if (settled?.kind === 'open' && settled.unreachable) return { kind: 'later', reason: 'the provider did not answer' };
  if (settled?.kind !== 'ended') return NOTHING_TO_SEND;
  const { event, lateRefundId } = settled;
  return { kind: 'taken', event, settle: lateRefundId === null ? null : { id: lateRefundId, atMs: context.nowMs() } };
}

/** A refund that was made at the provider by hand becomes a refund here, with its event. */
async function takeOutsideRefund(
  context: OperationContext,
  gateway: Gateway,
  reference: string,
): Promise<NoticeAnswer> {
  const { db, log, nowMs } = context;
  const found = await gateway.findOutsideRefund?.(reference, AbortSignal.timeout(BACKGROUND_DEADLINE_MS));
  if (found === undefined) return NOTHING_TO_SEND;
  if ('unreachable' in found) return { kind: 'later', reason: found.unreachable };
  const { transactionId, state } = found;
  if (transactionId === null) return NOTHING_TO_SEND; // of a charge that this service has not made

  const known = await findRefundByReference(db, transactionId, reference);
  if (known !== null) return settleNow(context, { id: known.refundId, charged: true }); // the payer's bank may have sent it back
  if (state !== 'moved') return NOTHING_TO_SEND;

  // A payment that nobody knows the outcome of has been charged, or there would be nothing to pay back.
  const paid = await findLookUp(db, transactionId);
  if (paid?.transaction.status === 'pending') {
    const settled = await settleNow(context, { id: transactionId, charged: true });
    if (settled.kind === 'taken' && settled.event !== null) {
      // The payment's own event first; the refund comes with the provider's next attempt.
      return { kind: 'later', reason: 'the payment was pending until now' };
    }
    if (settled.kind === 'later') return settled;
  }
  const [refundId, eventId, bookedAtMs] = [context.newId('REF-'), context.newId('evt_'), nowMs()];
  const { refund, transaction, told } = await bookOutsideRefund(db, {
    refundId,
    eventId,
    transactionId,
    gatewayReference: reference,
    currency: found.currency,
    amountMinor: found.amountMinor,
    reason: found.reason,
    movedAtMs: found.movedAtMs,
    nowMs: bookedAtMs,
    nextLookupAtMs: paidRefundFollowUpMs(bookedAtMs, bookedAtMs),
  });
  const fields = { transaction_id: transactionId, reference, amount_minor: found.amountMinor };
  if (transaction === null) return NOTHING_TO_SEND;
  if (refund === null) {
    // An alarm: the payer has money back that the balance does not know of. While a refund of our own is under way, the
    // amount is promised to that; when it has been declined, there is room.
    log('error', 'refund.outside_does_not_fit', { ...fields, status: transaction.status });
    const mayFitLater = transaction.status === 'completed' && transaction.reservedMinor > 0;
    return mayFitLater ? { kind: 'later', reason: 'another refund of the payment is under way' } : NOTHING_TO_SEND;
  }
  log('info', 'refund.made_outside', { ...fields, refund_id: refund.refundId });
  return {
    kind: 'taken',
    event: told ? refundEvent(eventId, bookedAtMs, transaction, refund) : null,
    settle: null,
  };
}

/** Disputes are written down and logged; what to answer is for a person, in the provider's dashboard. */
async function takeDispute(
  { db, log }: OperationContext,
  gateway: Gateway,
  provider: Provider,
  dispute: Dispute,
): Promise<NoticeAnswer> {
  const { disputeId, chargeReference, status, reason, amountMinor } = dispute;
  let { transactionId } = dispute;
  if (transactionId === null) {
    const owner = await gateway.findChargeOwner?.(chargeReference, AbortSignal.timeout(BACKGROUND_DEADLINE_MS));
    if (owner !== undefined && 'unreachable' in owner) return { kind: 'later', reason: owner.unreachable };
    transactionId = owner?.transactionId ?? null;
  }
  const standing = transactionId === null ? null : await recordDispute(db, { provider, ...dispute, transactionId });
  if (standing === null) return NOTHING_TO_SEND; // of a charge that this service has not made
  log('error', 'payment.disputed', {
    transaction_id: standing.transactionId,
    provider,
    dispute_id: disputeId,
    status,
    reason,
    amount_minor: amountMinor,
  });
  return NOTHING_TO_SEND;
}

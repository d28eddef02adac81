/**
 * External refunds: those that were made at the provider, such as in its dashboard, without being asked for here. Each becomes a
 * refund of the ledger once, under the provider's reference, with its event.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { refundEvent } from '../domain/event.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { ExternalRefund } from '../gateways/gateway.ts';
import { writeExternalRefund } from '../ledger/refunds/book-external-refund.ts';
import { findRefundReferences } from '../ledger/refunds/find-refund.ts';
import { envelopeOf } from '../outcomes/event-envelope.ts';
import { paidRefundFollowUpMs } from '../outcomes/look-up-schedule.ts';

/** A look-up has statements for one (see `STATEMENTS_PER_LOOK_UP`); with more of them, the payment stays due. */
const BOOKED_AT_ONCE = 1;

export type ExternalBooking =
  /** It is in the ledger; the event where this call put it there. */
  | { kind: 'booked'; event: PaymentEvent | null }
  /** It may be one of our own refunds that are under way, or fit when one of them has been declined. */
  | { kind: 'later' }
  /** The payment has no room for it, or has failed: an alarm has been raised. */
  | { kind: 'unbooked' };

/**
 * Books a refund that the provider has paid without a request of this service.
 *
 * @param transactionId of the payment that it is of; one that the ledger does not have has nothing to book
 */
export async function bookExternalRefund(
  context: Context,
  transactionId: string,
  found: ExternalRefund,
): Promise<ExternalBooking> {
  const { reference, amountMinor } = found;
  const [refundId, eventId, nowMs] = [context.newId('REF-'), context.newId('evt_'), context.nowMs()];
  const { refund, transaction, wroteEvent, noted } = await writeExternalRefund(context.db, {
    refundId,
    eventId,
    transactionId,
    gatewayReference: reference,
    chargeReference: found.chargeReference,
    currency: found.currency,
    amountMinor,
    reason: found.reason,
    movedAtMs: found.movedAtMs,
    nowMs,
    nextLookupAtMs: paidRefundFollowUpMs(nowMs, nowMs),
  });
  if (transaction === null) return { kind: 'unbooked' };
  const fields = { transaction_id: transactionId, reference, amount_minor: amountMinor };
  if (refund === null) {
    const { status, reservedMinor } = transaction;
    if (status === 'completed' && reservedMinor > 0) return { kind: 'later' };
    // An alarm, once: the payer has money back that the balance does not know of. Of a payment that has failed, all is to be
    // paid back.
    if (noted)
      context.log(status === 'failed' ? 'warn' : 'error', 'refund.external_does_not_fit', { ...fields, status });
    return { kind: 'unbooked' };
  }
  if (!wroteEvent) return { kind: 'booked', event: null };
  context.log('info', 'refund.external', { ...fields, refund_id: refund.refundId });
  const envelope = await envelopeOf(context, eventId, nowMs, transaction);
  return { kind: 'booked', event: envelope && refundEvent(envelope, transaction, refund) };
}

/**
 * Books those of a charge's refunds that are external and not in the ledger yet. Answers with the event of the first one, behind which
 * the others are delivered, and with whether some are still to be booked.
 */
export async function bookExternalRefunds(
  context: Context,
  { transactionId }: Transaction,
  refunds: readonly ExternalRefund[],
): Promise<{ event: PaymentEvent | null; isOpen: boolean }> {
  const known = await findRefundReferences(context.db, transactionId);
  // One with an id of ours was asked for here: its own row says what becomes of it.
  const external = refunds.filter(({ reference, refundId, state }) => {
    return refundId === null && state !== 'never' && !known.has(reference);
  });
  const paid = external.filter(({ state }) => state === 'moved').toSorted((a, b) => a.movedAtMs - b.movedAtMs);
  let isOpen = paid.length < external.length || paid.length > BOOKED_AT_ONCE;
  let event: PaymentEvent | null = null;
  for (const refund of paid.slice(0, BOOKED_AT_ONCE)) {
    const booking = await bookExternalRefund(context, transactionId, refund);
    if (booking.kind === 'later') isOpen = true;
    if (booking.kind === 'booked') event ??= booking.event;
  }
  return { event, isOpen };
}

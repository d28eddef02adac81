/**
 * Handles a provider's webhooks. A webhook comes late, twice, or before the answer that it is about, and in any
 * order: so it only names what to look up, and the provider's answer is recorded like that of any other look-up.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { DeadlineExceeded, within } from '../deadline.ts';
import type { Gateway, Unreachable } from '../gateways/gateway.ts';
import type { Dispute, Provider, ProviderEvent } from '../gateways/webhook.ts';
import { BACKGROUND_DEADLINE_MS } from '../invocation-limits.ts';
import { mayHaveLeft } from '../ledger/archive/archive-transactions.ts';
import { findLookUp } from '../ledger/look-ups/find-look-up.ts';
import { findEvents } from '../ledger/outbox/find-events.ts';
import { isDecided, recordDispute } from '../ledger/payments/record-dispute.ts';
import { rememberWebhook, wasHandled } from '../ledger/providers/remember-webhook.ts';
import { findRefundByReference } from '../ledger/refunds/find-refund.ts';
import type { DueLookUp } from '../outbox/queue-message.ts';
import { GRACE_MS } from '../outcomes/ask-gateway.ts';
import { contextOfId, type Shards } from '../shards.ts';
import { bookExternalRefund } from './external-refunds.ts';
import { resolveNotified } from './resolve.ts';

/** `shard` is that of the payment that it is about. `subject` is the payment, where only the provider could say which one it is. */
export type WebhookAnswer = { shard: number } & (
  | /** Recorded: the provider need not send it again. `event` and `lookUp` are to be sent, as of any answer. */
  { kind: 'handled'; event: PaymentEvent | null; lookUp: DueLookUp | null; subject?: string }
  /** The provider has to send it again; `event` and `lookUp` as above, of what was done so far. */
  | { kind: 'later'; reason: string; event?: PaymentEvent | null; lookUp?: DueLookUp | null }
);

const NOTHING_TO_SEND = { shard: 0, kind: 'handled', event: null, lookUp: null } as const satisfies WebhookAnswer;

/** @throws LedgerUnavailable, LedgerNotMigrated: the provider sends it again */
export async function handleWebhook(shards: Shards, gateway: Gateway, event: ProviderEvent): Promise<WebhookAnswer> {
  const { provider, eventId, type, notice } = event;
  const named = namedId(event);
  const { db, log, tenant } = contextOfId(shards, named ?? '');
  if (notice === null) {
    log('info', 'webhook.ignored', { provider, event_id: eventId, type });
    return NOTHING_TO_SEND;
  }
  const received = { tenant, provider, eventId, type };
  // What is about a payment is remembered where the payment is. Handled twice, it changes nothing: so where the payment is not known yet, the
  // provider is asked first.
  const isKnownWhere = named !== null || shards.count === 1;
  if (isKnownWhere && (await wasHandled(db, received))) {
    log('info', 'webhook.repeated', { provider, event_id: eventId, type });
    return NOTHING_TO_SEND;
  }
  const answer = await handleEvent(shards, gateway, event);
  const home = named === null ? shards.at(answer.shard) : contextOfId(shards, named);
  home.log(answer.kind === 'later' ? 'warn' : 'info', 'webhook.handled', {
    provider,
    event_id: eventId,
    type,
    about: notice.about,
    outcome: answer.kind,
    reason: answer.kind === 'later' ? answer.reason : undefined,
  });
  if (answer.kind === 'handled') {
    await rememberWebhook(home.db, received, named ?? answer.subject ?? null, home.nowMs());
  }
  return answer;
}

/** The id of ours that the webhook names; null where only its provider knows whose it is. */
function namedId({ notice }: ProviderEvent): string | null {
  switch (notice?.about) {
    case 'payment':
      return notice.transactionId;
    case 'refund':
      return notice.refundId;
    case 'dispute':
      return notice.dispute.transactionId;
    case 'external_refund':
    case undefined:
      return null;
  }
}

function handleEvent(
  shards: Shards,
  gateway: Gateway,
  { provider, notice }: ProviderEvent,
): Promise<WebhookAnswer> | WebhookAnswer {
  switch (notice?.about) {
    case 'payment':
      return resolveNow(shards, notice.transactionId, notice.charged);
    case 'refund':
      return resolveNow(shards, notice.refundId);
    case 'external_refund':
      return handleExternalRefund(shards, gateway, notice.reference);
    case 'dispute':
      return handleDispute(shards, gateway, provider, notice.dispute);
    case undefined:
      return NOTHING_TO_SEND;
  }
}

/** What is still open after it goes on being looked up. An id that the ledger does not have is another installation's. */
async function resolveNow(shards: Shards, id: string, charged?: boolean): Promise<WebhookAnswer> {
  const context = contextOfId(shards, id);
  const { shard } = context;
  const resolved = await resolveNotified(context, id, charged);
  if (resolved?.kind === 'open' && resolved.unreachable) {
    return { shard, kind: 'later', reason: 'the provider did not answer' };
  }
  if (resolved?.kind === 'open' && resolved.undetermined) {
    return { shard, kind: 'later', reason: 'the provider could not determine the outcome that its webhook is about' };
  }
  if (resolved?.kind !== 'ended') return NOTHING_TO_SEND;
  const { event, lateRefundId } = resolved;
  const lookUp = lateRefundId === null ? null : { id: lateRefundId, atMs: context.nowMs() };
  return { shard, kind: 'handled', event, lookUp };
}

/** An external refund becomes a refund of the ledger, with its event. */
async function handleExternalRefund(shards: Shards, gateway: Gateway, reference: string): Promise<WebhookAnswer> {
  const found = await inTime((signal) => gateway.findExternalRefund?.(reference, signal));
  if (found === undefined || found.kind === 'not_found') return NOTHING_TO_SEND;
  if (found.kind === 'unreachable') return { shard: 0, kind: 'later', reason: found.reason };
  const { transactionId, refundId, state } = found.refund;
  if (refundId !== null) return about(refundId, await resolveNow(shards, refundId)); // it was asked for here after all
  if (transactionId === null) return NOTHING_TO_SEND; // of a charge that this service has not made

  const context = contextOfId(shards, transactionId);
  const { db, shard } = context;
  const known = await findRefundByReference(db, transactionId, reference);
  // The payer's bank may have sent it back.
  if (known !== null) return about(known.refundId, await resolveNow(shards, known.refundId));
  if (state !== 'moved') return NOTHING_TO_SEND;

  // A payment whose outcome is unknown has been charged, or there would be nothing to pay back.
  const paid = await findLookUp(db, transactionId);
  if (paid?.transaction.status === 'pending') {
    // The payment's own outcome first; the refund comes with the provider's next attempt.
    const resolved = await resolveNow(shards, transactionId);
    return { reason: 'the payment was pending until now', ...resolved, kind: 'later' };
  }
  const booking = await bookExternalRefund(context, transactionId, found.refund);
  switch (booking.kind) {
    case 'booked':
      return { shard, kind: 'handled', event: booking.event, lookUp: null, subject: transactionId };
    case 'later':
      return { shard, kind: 'later', reason: 'another refund of the payment is under way' };
    case 'unbooked':
      if (paid === null) await reportArchived(context, transactionId, { reference });
      return paid === null ? NOTHING_TO_SEND : { ...NOTHING_TO_SEND, shard, subject: transactionId };
  }
}

function about(subject: string, answer: WebhookAnswer): WebhookAnswer {
  return answer.kind === 'handled' ? { ...answer, subject } : answer;
}

/** What the gateway answers, if it can be asked for that. One that ignores its signal is not waited for. */
async function inTime<Answer>(
  ask: (signal: AbortSignal) => Promise<Answer> | undefined,
): Promise<Answer | Unreachable | undefined> {
  const asking = ask(AbortSignal.timeout(BACKGROUND_DEADLINE_MS));
  if (asking === undefined) return undefined;
  try {
    return await within(BACKGROUND_DEADLINE_MS + GRACE_MS, 'the gateway', asking);
  } catch (error) {
    if (error instanceof DeadlineExceeded) return { kind: 'unreachable', reason: error.message };
    throw error;
  }
}

/** An alarm where the payment may have left for the archive: then somebody has to handle it in the provider's dashboard. */
async function reportArchived({ db, log }: Context, transactionId: string, about: Record<string, string>) {
  if (await mayHaveLeft(db, transactionId)) {
    log('error', 'webhook.of_archived', { transaction_id: transactionId, ...about });
  }
}

/** Disputes are recorded, logged, and published where that is wanted; an operator answers them in the provider's dashboard. */
async function handleDispute(
  shards: Shards,
  gateway: Gateway,
  provider: Provider,
  dispute: Dispute,
): Promise<WebhookAnswer> {
  const { disputeId, chargeReference, status, reason, amountMinor } = dispute;
  let { transactionId } = dispute;
  if (transactionId === null) {
    const owner = await inTime((signal) => gateway.findChargeOwner?.(chargeReference, signal));
    if (owner?.kind === 'unreachable') return { shard: 0, kind: 'later', reason: owner.reason };
    transactionId = owner?.transactionId ?? null;
  }
  if (transactionId === null) return NOTHING_TO_SEND; // of a charge that this service has not made
  const context = contextOfId(shards, transactionId);
  const { db, shard, log, nowMs, newId, settings } = context;
  const { publishDisputes } = settings;
  const attemptId = newId(publishDisputes ? 'evt_' : 'att_');
  const charged = { provider, ...dispute, transactionId };
  const recorded = await recordDispute(db, charged, nowMs(), attemptId, publishDisputes);
  if (recorded === null) {
    await reportArchived(context, transactionId, { dispute_id: disputeId });
    return NOTHING_TO_SEND; // as before
  }
  const { dispute: current, wrote } = recorded;
  // An alarm for each status, once, however many webhooks report it.
  log(wrote && !isDecided(status) ? 'error' : 'info', 'payment.disputed', {
    transaction_id: current.transactionId,
    provider,
    dispute_id: disputeId,
    status: current.status,
    reason,
    amount_minor: amountMinor,
  });
  const handled = { shard, kind: 'handled', event: null, lookUp: null, subject: transactionId } as const;
  if (!publishDisputes || !wrote) return handled;
  const { events } = await findEvents(db, [attemptId]);
  return { ...handled, event: events[0] ?? null }; // one whose address can't be opened is the sweep's
}

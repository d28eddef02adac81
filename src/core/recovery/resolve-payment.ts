/** Looks up a payment: while it is pending, after it has failed, and where its charge may have external refunds. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Outcome, Transaction } from '../domain/transaction.ts';
import { isNoOutcome, type LookUp, type NoOutcome, type RefundListing } from '../gateways/gateway.ts';
import type { PaymentLookUp } from '../ledger/look-ups/look-up-task.ts';
import { rescheduleTaken } from '../ledger/look-ups/reschedule-taken.ts';
import { scheduleLookUp } from '../ledger/look-ups/schedule-look-up.ts';
import { lookUp } from '../outcomes/ask-gateway.ts';
import { NEVER_HAPPENED, outcomeOfPayment } from '../outcomes/decided-outcome.ts';
import { cancelsFromMs, failedChargeFollowUpMs, neverHappensFromMs } from '../outcomes/look-up-schedule.ts';
import { cancelCharge, release, type Stepping } from '../outcomes/take-step.ts';
import { continuePayment, isBegun } from './continue-payment.ts';
import { endPayment } from './end-payment.ts';
import { bookExternalRefunds } from './external-refunds.ts';
import { stillOpen, unansweredFollowUp, undecidedCheck } from './leave-open.ts';
import { type Asking, callOf, deadlineOf, NOTHING_TO_DO, type Resolution } from './resolution.ts';

export async function resolvePayment(asking: Asking, task: PaymentLookUp): Promise<Resolution> {
  const { transaction } = task;
  switch (transaction.status) {
    case 'pending':
      return resolvePending(asking, task);
    case 'failed':
      return followUpFailed(asking, task);
    case 'completed':
    case 'refunded':
      // Nothing is due of it, but where its provider has refused a refund because of others.
      return transaction.nextLookupAtMs === null ? NOTHING_TO_DO : checkExternalRefunds(asking, task);
  }
}

async function resolvePending(asking: Asking, task: PaymentLookUp): Promise<Resolution> {
  const { transaction } = task;
  const found = await lookUpCharge(asking, transaction);
  const decided = outcomeOfPayment(transaction, found);
  if (decided !== null) {
    const isEnding = transaction.substate === 'challenged' && !hasCharged(decided);
    return isEnding ? endChallenge(asking, task, decided) : endPayment(asking, transaction, decided);
  }
  if (isBegun(transaction, found)) return continuePayment(asking, task, found);
  const outcome = found.kind === 'not_found' ? await fence(asking, transaction) : null;
  return outcome === null ? stillOpen(asking, task, found) : endPayment(asking, transaction, outcome);
}

/**
 * At some providers, a payer who failed to authenticate could try again: the challenge is cancelled there as well, and until the provider
 * has confirmed that, the payment stays pending, also where it was voided or its time is over. A payer who has done so meanwhile has paid,
 * or has the money held, which goes on as the row says.
 */
async function endChallenge(asking: Asking, task: PaymentLookUp, decided: Outcome): Promise<Resolution> {
  const { transaction } = task;
  const answer = await cancelCharge(steppingOf(asking, transaction));
  if (answer === null) return endPayment(asking, transaction, decided);
  if (answer.kind === 'authorized') return continuePayment(asking, task, answer);
  const ended = outcomeOfPayment(transaction, answer);
  if (ended === null) return stillOpen(asking, task, answer);
  return endPayment(asking, transaction, hasCharged(ended) ? ended : decided);
}

/** Whether money was taken, be it for this payment or by mistake. */
function hasCharged(outcome: Outcome): boolean {
  return outcome.status === 'completed' || outcome.owed !== undefined;
}

/**
 * "Not found" is not "never": a charge may be on its way. It is failed only behind a fence, the gateway's promise that it will
 * not happen any more, or else the longest time that the gateway says it can take.
 */
async function fence(asking: Asking, transaction: Transaction): Promise<Outcome | null> {
  const { context, gateway } = asking;
  const { createdAtMs } = transaction;
  const nowMs = context.nowMs();
  if (gateway.cancelCharge === undefined) {
    return nowMs >= neverHappensFromMs(context, createdAtMs, gateway.knownWithinMs) ? NEVER_HAPPENED : null;
  }
  if (nowMs < cancelsFromMs(context, createdAtMs)) return null;
  const answer = await cancelCharge(steppingOf(asking, transaction));
  return answer && outcomeOfPayment(transaction, answer);
}

function steppingOf(asking: Asking, transaction: Transaction): Stepping {
  return { context: asking.context, gateway: asking.gateway, transaction, deadlineMs: deadlineOf(asking) };
}

/** One that has failed at the gateway: its charge may have turned up since (invariant 1). */
async function followUpFailed(asking: Asking, task: PaymentLookUp): Promise<Resolution> {
  const { transaction } = task;
  const found = await lookUpCharge(asking, transaction);
  if (isNoOutcome(found)) return unansweredFollowUp(asking, task, found);
  const outcome = outcomeOfPayment(transaction, found);
  if (found.kind === 'authorized') return releaseLate(asking, task, found.reference);
  if (outcome !== null && hasCharged(outcome)) return endPayment(asking, transaction, outcome);
  return scheduleFollowUp(asking, transaction);
}

/** Money is held for a payment that has failed: it is released, and that is no refund (invariant 1). */
async function releaseLate(asking: Asking, task: PaymentLookUp, reference: string): Promise<Resolution> {
  const { context } = asking;
  const { transaction } = task;
  const { transactionId, bookingId } = transaction;
  const released = await release(steppingOf(asking, transaction), reference);
  // An alarm, once it is released; until then, look-ups are made again.
  context.log(isNoOutcome(released) ? 'warn' : 'error', 'payment.authorized_late', {
    transaction_id: transactionId,
    booking_id: bookingId,
    release: released.kind,
  });
  if (released.kind === 'approved') {
    return endPayment(asking, transaction, { status: 'completed', gatewayReference: released.reference });
  }
  if (released.kind !== 'cancelled') return unansweredFollowUp(asking, task, asNoOutcome(released));
  return scheduleFollowUp(asking, transaction);
}

/** An answer that does not confirm the release. */
function asNoOutcome(answer: LookUp): NoOutcome {
  return isNoOutcome(answer) ? answer : { kind: 'unreachable', reason: `the hold was not released: ${answer.kind}` };
}

async function scheduleFollowUp({ context }: Asking, transaction: Transaction): Promise<Resolution> {
  const { db, nowMs } = context;
  const nextLookUpAtMs = failedChargeFollowUpMs(transaction.processedAtMs ?? nowMs(), nowMs());
  await scheduleLookUp(db, transaction.transactionId, transaction.status, nextLookUpAtMs);
  return NOTHING_TO_DO;
}

/** One whose charge has refunds at the provider that the ledger may not have. Those that are undecided there are looked up again. */
async function checkExternalRefunds(asking: Asking, task: PaymentLookUp): Promise<Resolution> {
  const { context, gateway } = asking;
  const { transaction } = task;
  const { transactionId, nextLookupAtMs } = transaction;
  let event: PaymentEvent | null = null;
  if (gateway.listRefundsOfCharge !== undefined) {
    const list = gateway.listRefundsOfCharge.bind(gateway);
    const found = await lookUp<RefundListing>(context, callOf(asking, 'listRefundsOfCharge', transactionId), (signal) =>
      list(transaction, signal),
    );
    if (found.kind !== 'listed') return undecidedCheck(asking, task, found);
    const booked = await bookExternalRefunds(context, transaction, found.refunds);
    if (booked.isOpen) {
      if (booked.event !== null) return { kind: 'open', unreachable: false, nextLookUpAtMs: nextLookupAtMs };
      return undecidedCheck(asking, task, { kind: 'in_progress' });
    }
    event = booked.event;
  }
  await rescheduleTaken(context.db, transaction, null);
  return { kind: 'ended', event, lateRefundId: null };
}

function lookUpCharge(asking: Asking, transaction: Transaction): Promise<LookUp> {
  const { context, gateway } = asking;
  const call = callOf(asking, 'lookUpCharge', transaction.transactionId);
  return lookUp<LookUp>(context, call, (signal) => gateway.lookUpCharge(transaction, signal));
}

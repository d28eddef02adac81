/** Looks up a refund: while it is pending, and after it was paid. */
import type { Failure } from '../domain/failure.ts';
import type { Refund } from '../domain/transaction.ts';
import { isNoOutcome, type LookUp } from '../gateways/gateway.ts';
import type { RefundLookUp } from '../ledger/look-ups/look-up-task.ts';
import { scheduleLookUp } from '../ledger/look-ups/schedule-look-up.ts';
import { reverseRefund } from '../ledger/refunds/reverse-refund.ts';
import { lookUp, moveMoney } from '../outcomes/ask-gateway.ts';
import { NEVER_HAPPENED, outcomeOfRefund } from '../outcomes/decided-outcome.ts';
import { paidRefundFollowUpMs, refundIsSentAgainUntilMs } from '../outcomes/look-up-schedule.ts';
import { recordRefund } from '../outcomes/record-refund.ts';
import { stillOpen, unansweredFollowUp } from './leave-open.ts';
import { type Asking, callOf, NOTHING_TO_DO, type Resolution } from './resolution.ts';

export async function resolveRefund(asking: Asking, task: RefundLookUp): Promise<Resolution> {
  switch (task.refund.status) {
    case 'pending':
      return resolvePending(asking, task);
    case 'completed':
      return followUpPaid(asking, task);
    case 'failed':
    case 'reversed':
      return NOTHING_TO_DO;
  }
}

/**
 * A refund that the gateway does not know is sent again under the same key, for as long as the gateway keeps keys, so that it is
 * paid once. It is failed when the last of these requests can't be on its way any more.
 */
async function resolvePending(asking: Asking, task: RefundLookUp): Promise<Resolution> {
  const { context, gateway } = asking;
  const { refund, transaction } = task;
  const found = await lookUpRefund(asking, task);
  // What the payer never owed is paid back, however often the gateway fails to take the request.
  const owed = refund.kind === 'late_charge';
  let outcome = outcomeOfRefund(found);
  if (found.kind === 'not_found') {
    if (owed || context.nowMs() < refundIsSentAgainUntilMs(refund, gateway)) {
      const call = callOf(asking, 'refund', refund.refundId);
      const answer = await moveMoney(context, call, (signal) => gateway.refund({ refund, transaction, signal }));
      // Of a charge that the provider does not know, nothing can ever be paid back.
      const mayBeTakenLater = owed && answer.kind === 'failed' && answer.cause !== 'charge_unknown';
      outcome = mayBeTakenLater ? null : outcomeOfRefund(answer);
    } else if (context.nowMs() >= refund.createdAtMs + gateway.keysKeptForMs) outcome = NEVER_HAPPENED;
  }
  if (outcome === null) return stillOpen(asking, task, found);
  const { event } = await recordRefund(context, refund, outcome);
  return { kind: 'ended', event, lateRefundId: null };
}

/** The payer's bank may have sent it back since. */
async function followUpPaid(asking: Asking, task: RefundLookUp): Promise<Resolution> {
  const { db, nowMs } = asking.context;
  const { refund } = task;
  const found = await lookUpRefund(asking, task);
  if (isNoOutcome(found)) return unansweredFollowUp(asking, task, found);

  const outcome = outcomeOfRefund(found);
  if (outcome?.status === 'failed') {
    await reverse(asking, refund, outcome.failure);
    return NOTHING_TO_DO;
  }
  const nextLookUpAtMs = paidRefundFollowUpMs(refund.processedAtMs ?? nowMs(), nowMs());
  await scheduleLookUp(db, refund.refundId, refund.status, nextLookUpAtMs);
  return NOTHING_TO_DO;
}

async function reverse({ context }: Asking, refund: Refund, failure: Failure): Promise<void> {
  const { db, log, nowMs, newId } = context;
  const reversed = await reverseRefund(db, refund, failure, nowMs(), newId('att_'));
  // An alarm, once: the payer does not have the money, though an event has reported that it was paid back.
  if (reversed.wrote) {
    log('error', 'refund.reversed', {
      refund_id: refund.refundId,
      transaction_id: refund.transactionId,
      can_be_refunded_again: reversed.transaction.status === 'completed',
    });
  }
}

function lookUpRefund(asking: Asking, { refund, transaction }: RefundLookUp): Promise<LookUp> {
  const { context, gateway } = asking;
  const call = callOf(asking, 'lookUpRefund', refund.refundId);
  return lookUp<LookUp>(context, call, (signal) => gateway.lookUpRefund(refund, transaction, signal));
}

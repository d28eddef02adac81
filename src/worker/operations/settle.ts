/**
 * Finds out what became of a payment or a refund whose outcome is not known (invariant 3), and of some that have ended. The
 * queue, the cron and status requests all come here, at once if it so happens: what the gateway says is recorded once.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Outcome, Refund, Transaction } from '../../payments/transaction.ts';
import type { Gateway, LookUp } from '../gateways/gateway.ts';
import { type LookUpTask, scheduleLookUp, takeDueLookUps, takeLookUp } from '../ledger/look-ups.ts';
import { reverseRefund } from '../ledger/refunds.ts';
import { lookUp, NEVER_HAPPENED, outcomeOf } from './ask-gateway.ts';
import type { OperationContext } from './context.ts';
import {
  absentChargeFollowUpMs,
  cancelsFromMs,
  keyIsKeptUntilMs,
  neverHappensFromMs,
  paidRefundFollowUpMs,
} from './look-up-schedule.ts';
import { recordPayment } from './record-payment.ts';
import { recordRefund } from './record-refund.ts';
import { payBack } from './refund-payment.ts';

/** Milliseconds for all that the gateway is asked, where somebody waits for a status. */
export const STATUS_DEADLINE_MS = 2_000;
/** The same where nobody waits: in the queue and in the cron. */
export const BACKGROUND_DEADLINE_MS = 5_000;
/** A second question, behind a slow answer to the first, gets so much at least. */
const LAST_CALL_MS = 250;

/** As many requests as a Worker may have open at once. */
const DUE_AT_ONCE = 3;
/** No more look-ups are taken after this time: the next cron comes at the full minute. */
const MAX_DURATION_MS = 30_000;

export type Settled =
  /** It has ended, now or before; the event where it was this call that ended it. */
  | { kind: 'ended'; event: PaymentEvent | null; lateRefundId: string | null }
  /** Nobody can say yet, and it may be asked about again at this time; null where it is left as it is. */
  | { kind: 'open'; unreachable: boolean; nextLookUpAtMs: number | null };

/**
 * Settles this payment or refund, if its look-up is due.
 *
 * @returns null where it is not: it has ended, or somebody has asked a moment ago
 */
export async function settle(context: OperationContext, id: string, deadlineMs: number): Promise<Settled | null> {
  const task = await takeLookUp(context.db, id, context.nowMs());
  return task === null ? null : settleTask(context, task, deadlineMs);
}

/**
 * Settles whatever is due, those first that have waited longest, until nothing is, the gateway can't be reached, or
 * it has gone on for long enough. Answers with the events of what has ended.
 */
export async function settleDue(context: OperationContext): Promise<PaymentEvent[]> {
  const events: PaymentEvent[] = [];
  const startedAtMs = context.nowMs();
  while (context.nowMs() - startedAtMs < MAX_DURATION_MS) {
    const tasks = await takeDueLookUps(context.db, context.nowMs(), DUE_AT_ONCE);
    if (tasks.length === 0) break;
    const settled = await Promise.all(tasks.map((task) => settleTask(context, task, BACKGROUND_DEADLINE_MS)));
    for (const one of settled) if (one.kind === 'ended' && one.event !== null) events.push(one.event);
    if (settled.every((one) => one.kind === 'open' && one.unreachable)) break;
  }
  return events;
}

function settleTask(context: OperationContext, task: LookUpTask, deadlineMs: number): Promise<Settled> {
  const gateway = context.gatewayNamed(task.transaction.gateway);
  if (gateway === null) {
    const { gateway: name, transactionId } = task.transaction;
    context.log('error', 'gateway.not_configured', { gateway: name, transaction_id: transactionId });
    return Promise.resolve({ kind: 'open', unreachable: false, nextLookUpAtMs: null });
  }
  const call = { context, gateway, untilMs: context.nowMs() + deadlineMs };
  if (task.kind === 'payment') return settlePayment(call, task.transaction);
  return task.refund.status === 'completed'
    ? followUpRefund(call, task.refund, task.transaction)
    : settleRefund(call, task.refund, task.transaction);
}

interface Call {
  context: OperationContext;
  gateway: Gateway;
  untilMs: number;
}

function remainingMs({ context, untilMs }: Call): number {
  return Math.max(untilMs - context.nowMs(), LAST_CALL_MS);
}

/** A payment that is pending, or one that has failed because the gateway knew nothing of it. */
async function settlePayment(call: Call, transaction: Transaction): Promise<Settled> {
  const { context, gateway } = call;
  const id = transaction.transactionId;
  const found = await lookUp(context, gateway, 'lookUpCharge', id, remainingMs(call), (signal) =>
    gateway.lookUpCharge(transaction, signal),
  );
  const absent = found.kind === 'not_found';
  const outcome =
    absent && transaction.status === 'pending' ? await fence(call, transaction) : outcomeOf('charge', found);

  if (transaction.status !== 'pending' && outcome?.status !== 'completed') {
    if (found.kind !== 'unreachable') await followUpLater(call, transaction);
    return { kind: 'open', unreachable: found.kind === 'unreachable', nextLookUpAtMs: null };
  }
  if (outcome === null) return open(found, transaction);
  const nowMs = context.nowMs();
  const followUpAtMs = absent && outcome.status === 'failed' ? absentChargeFollowUpMs(nowMs, nowMs) : null;
  const { event, lateRefund } = await recordPayment(context, transaction, outcome, followUpAtMs);
  return { kind: 'ended', event, lateRefundId: lateRefund?.refundId ?? null };
}

/**
 * "Not found" is not "never": a charge may be on its way. It is failed only behind a fence, the gateway's promise that it will
 * not happen any more, or else the longest time that the gateway says it can take.
 */
async function fence(call: Call, transaction: Transaction): Promise<Outcome | null> {
  const { context, gateway } = call;
  const { transactionId: id, createdAtMs } = transaction;
  const nowMs = context.nowMs();
  if (gateway.cancelCharge === undefined) {
    return nowMs >= neverHappensFromMs(context, createdAtMs, gateway.chargeKnownWithinMs) ? NEVER_HAPPENED : null;
  }
  if (nowMs < cancelsFromMs(context, createdAtMs)) return null;
  const cancel = gateway.cancelCharge.bind(gateway);
  const fenced = await lookUp(context, gateway, 'cancelCharge', id, remainingMs(call), (signal) =>
    cancel(transaction, signal),
  );
  return outcomeOf('charge', fenced);
}

async function followUpLater({ context }: Call, { transactionId, processedAtMs }: Transaction): Promise<void> {
  const nowMs = context.nowMs();
  await scheduleLookUp(context.db, transactionId, absentChargeFollowUpMs(processedAtMs ?? nowMs, nowMs));
}

/**
 * A refund needs no fence: what the gateway does not know is sent again under the same key, for as long as the gateway
 * keeps keys, so that it is paid once.
 */
async function settleRefund(call: Call, refund: Refund, transaction: Transaction): Promise<Settled> {
  const { context, gateway } = call;
  const found = await lookUpRefund(call, refund, transaction);
  // What the payer never owed is paid back, however often the gateway fails to take the request.
  const owed = refund.kind === 'late_charge';
  let outcome = outcomeOf('refund', found);
  if (found.kind === 'not_found') {
    const again = owed || context.nowMs() < keyIsKeptUntilMs(refund.createdAtMs, gateway.keysKeptForMs);
    outcome = again ? await payBack(context, gateway, refund, transaction, remainingMs(call)) : NEVER_HAPPENED;
    if (owed && outcome?.status === 'failed' && outcome.failure.code === 'PAYMENT_GATEWAY_ERROR') outcome = null;
  }
  if (outcome === null) return open(found, refund);
  const { event } = await recordRefund(context, refund, outcome);
  return { kind: 'ended', event, lateRefundId: null };
}

/** A refund that was paid: the payer's bank may have sent it back since. */
async function followUpRefund(call: Call, refund: Refund, transaction: Transaction): Promise<Settled> {
  const { context } = call;
  const found = await lookUpRefund(call, refund, transaction);
  if (found.kind === 'unreachable') return open(found, refund);

  const outcome = outcomeOf('refund', found);
  if (outcome?.status === 'failed') {
    const reversed = await reverseRefund(context.db, refund, outcome.failure);
    // An alarm: the payer does not have the money, and has been told that it was paid back.
    context.log('error', 'refund.reversed', {
      refund_id: refund.refundId,
      transaction_id: transaction.transactionId,
      can_be_refunded_again: reversed.transaction.status === 'completed',
    });
    return { kind: 'ended', event: null, lateRefundId: null };
  }
  const nowMs = context.nowMs();
  await scheduleLookUp(context.db, refund.refundId, paidRefundFollowUpMs(refund.processedAtMs ?? nowMs, nowMs));
  return { kind: 'ended', event: null, lateRefundId: null };
}

function open(found: LookUp, { nextLookupAtMs }: Transaction | Refund): Settled {
  return { kind: 'open', unreachable: found.kind === 'unreachable', nextLookUpAtMs: nextLookupAtMs };
}

function lookUpRefund(call: Call, refund: Refund, transaction: Transaction): Promise<LookUp> {
  const { context, gateway } = call;
  return lookUp(context, gateway, 'lookUpRefund', refund.refundId, remainingMs(call), (signal) =>
    gateway.lookUpRefund(refund, transaction, signal),
  );
}

/**
 * Finds out what became of a payment or a refund whose outcome is not known (invariant 3), and of some that have ended. The
 * queue, the cron and status requests all come here, at once if it so happens: what the gateway says is recorded once.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Outcome, Refund, Transaction } from '../../payments/transaction.ts';
import type { Fence, Gateway, LookUp, RefundListing } from '../gateways/gateway.ts';
import {
  endLookUps,
  findLookUp,
  type LookUpTask,
  scheduleLookUp,
  takeDueLookUps,
  takeLookUp,
} from '../ledger/look-ups.ts';
import { reverseRefund } from '../ledger/refunds.ts';
import { type GatewayCall, lookUp, moveMoney, NEVER_HAPPENED, outcomeOf } from './ask-gateway.ts';
import type { OperationContext } from './context.ts';
import { bookExternalRefunds } from './external-refunds.ts';
import {
  cancelsFromMs,
  failedChargeFollowUpMs,
  neverHappensFromMs,
  paidRefundFollowUpMs,
  refundIsSentAgainUntilMs,
  UNCONFIGURED_PAUSE_MS,
} from './look-up-schedule.ts';
import { recordPayment } from './record-payment.ts';
import { recordRefund } from './record-refund.ts';

/** Milliseconds for all that the gateway is asked, where somebody waits for a status. */
export const STATUS_DEADLINE_MS = 2_000;
/** The same where nobody waits: in the queue and in the cron. */
export const BACKGROUND_DEADLINE_MS = 5_000;
/** A second question, behind a slow answer to the first, gets so much at least. */
const LAST_CALL_MS = 250;

/** Payments, and as many refunds: together as many requests as a Worker may have open at once. */
const DUE_AT_ONCE = 3;
/** Rounds of one cron. Each row costs up to ten statements, of the thousand that D1 allows one invocation. */
const MAX_ROUNDS = 10;
/** No round is begun after this time: the sweep comes behind it, and the next cron at the full minute. */
const MAX_DURATION_MS = 15_000;

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
 * Settles this payment or refund at once, because its provider has told of it: a refund that was paid may have been sent
 * back, and a payment that has failed may have been `charged`, if that is what the provider told.
 *
 * @returns null where there is none with this id
 */
export async function settleTold(context: OperationContext, id: string, charged = true): Promise<Settled | null> {
  const task = await findLookUp(context.db, id);
  if (task === null) return null;
  if (task.kind === 'payment' && task.transaction.status === 'failed' && !charged) return NOTHING_TO_DO;
  return settleTask(context, task, BACKGROUND_DEADLINE_MS);
}

/**
 * Settles whatever is due, those first that have waited longest, until nothing is, or it has been enough for one run. What a
 * gateway has to say that can't be reached waits for the next run, so that it holds up nobody else's. The events of what has
 * ended are left to the sweep.
 */
export async function settleDue(context: OperationContext): Promise<void> {
  const startedAtMs = context.nowMs();
  const unreachable = new Set<string>();
  for (let round = 0; round < MAX_ROUNDS && context.nowMs() - startedAtMs < MAX_DURATION_MS; round += 1) {
    const tasks = await takeDueLookUps(context.db, context.nowMs(), DUE_AT_ONCE, [...unreachable]);
    if (tasks.length === 0) return;
    const settled = await Promise.all(tasks.map((task) => settleTask(context, task, BACKGROUND_DEADLINE_MS)));
    for (const [name, ofGateway] of Map.groupBy(settled.keys(), (index) => tasks[index]?.transaction.gateway)) {
      const silent = ofGateway.every((index) => isUnreachable(settled[index]));
      if (silent && name !== undefined) unreachable.add(name);
    }
  }
}

function isUnreachable(settled: Settled | undefined): boolean {
  return settled?.kind === 'open' && settled.unreachable;
}

const NOTHING_TO_DO: Settled = { kind: 'ended', event: null, lateRefundId: null };

async function settleTask(context: OperationContext, task: LookUpTask, deadlineMs: number): Promise<Settled> {
  const gateway = await context.gateways.named(task.transaction.gateway);
  if (gateway === null) return leave(context, task);
  if ('unreachable' in gateway) return unasked(context, task, gateway.unreachable);
  const asking = { context, gateway, untilMs: context.nowMs() + deadlineMs };
  const { transaction } = task;
  if (task.kind === 'payment') {
    switch (transaction.status) {
      case 'pending':
        return settlePayment(asking, transaction);
      case 'failed':
        return followUpPayment(asking, transaction);
      case 'completed':
      case 'refunded':
        // Nothing is due of it, but where its provider has refused a refund because of others.
        return transaction.nextLookupAtMs === null ? NOTHING_TO_DO : settleExternalRefunds(asking, transaction);
    }
  }
  const { refund } = task;
  switch (refund.status) {
    case 'pending':
      return settleRefund(asking, refund, transaction);
    case 'completed':
      return followUpRefund(asking, refund, transaction);
    case 'failed':
    case 'reversed':
      return NOTHING_TO_DO;
  }
}

/** Of a gateway that is not configured any more: what is pending waits for it, what has ended is not asked about again. */
async function leave({ db, log, nowMs }: OperationContext, task: LookUpTask): Promise<Settled> {
  const row = task.kind === 'payment' ? task.transaction : task.refund;
  const id = task.kind === 'payment' ? task.transaction.transactionId : task.refund.refundId;
  const pending = row.status === 'pending';
  const nextLookUpAtMs = pending ? nowMs() + UNCONFIGURED_PAUSE_MS : null;
  await scheduleLookUp(db, id, row.status, nextLookUpAtMs);
  log(pending ? 'error' : 'warn', 'gateway.not_configured', { gateway: task.transaction.gateway, id });
  return { kind: 'open', unreachable: false, nextLookUpAtMs };
}

/** Of a provider that cannot say whose the configured key is: nothing is asked with it. */
function unasked({ log }: OperationContext, task: LookUpTask, reason: string): Settled {
  const row = task.kind === 'payment' ? task.transaction : task.refund;
  log('warn', 'gateway.account_unknown', { gateway: task.transaction.gateway, reason });
  return { kind: 'open', unreachable: true, nextLookUpAtMs: row.nextLookupAtMs };
}

interface Asking {
  context: OperationContext;
  gateway: Gateway;
  untilMs: number;
}

function callOf<Call extends GatewayCall['call']>({ context, gateway, untilMs }: Asking, call: Call, id: string) {
  return { gateway, call, id, deadlineMs: Math.max(untilMs - context.nowMs(), LAST_CALL_MS) };
}

async function settlePayment(asking: Asking, transaction: Transaction): Promise<Settled> {
  const found = await lookUpCharge(asking, transaction);
  const outcome = found.kind === 'not_found' ? await fence(asking, transaction) : outcomeOf('charge', found);
  return outcome === null ? open(found, transaction) : endPayment(asking, transaction, outcome);
}

/** One that has failed at the gateway: its charge may have turned up since (invariant 1). */
async function followUpPayment(asking: Asking, transaction: Transaction): Promise<Settled> {
  const { db, nowMs } = asking.context;
  const found = await lookUpCharge(asking, transaction);
  if (found.kind === 'unreachable') return open(found, transaction);
  const outcome = outcomeOf('charge', found);
  const hasCharged = outcome?.status === 'completed' || outcome?.owed !== undefined;
  if (hasCharged) return endPayment(asking, transaction, outcome);
  const nextLookUpAtMs = failedChargeFollowUpMs(transaction.processedAtMs ?? nowMs(), nowMs());
  await scheduleLookUp(db, transaction.transactionId, transaction.status, nextLookUpAtMs);
  return NOTHING_TO_DO;
}

/** One whose charge has refunds at the provider that the ledger may not know. What is not decided there yet is looked at again. */
async function settleExternalRefunds(asking: Asking, transaction: Transaction): Promise<Settled> {
  const { context, gateway } = asking;
  const { transactionId, nextLookupAtMs } = transaction;
  let event: PaymentEvent | null = null;
  if (gateway.listRefundsOfCharge !== undefined) {
    const list = gateway.listRefundsOfCharge.bind(gateway);
    const found = await lookUp<RefundListing>(context, callOf(asking, 'listRefundsOfCharge', transactionId), (signal) =>
      list(transaction, signal),
    );
    if (found.kind !== 'listed') return { kind: 'open', unreachable: true, nextLookUpAtMs: nextLookupAtMs };
    const booked = await bookExternalRefunds(context, transaction, found.refunds);
    if (booked.isOpen) return { kind: 'open', unreachable: false, nextLookUpAtMs: nextLookupAtMs };
    event = booked.event;
  }
  await endLookUps(context.db, transactionId, nextLookupAtMs);
  return { kind: 'ended', event, lateRefundId: null };
}

async function endPayment({ context }: Asking, transaction: Transaction, outcome: Outcome): Promise<Settled> {
  const { event, lateRefund } = await recordPayment(context, transaction, outcome);
  return { kind: 'ended', event, lateRefundId: lateRefund?.refundId ?? null };
}

/**
 * "Not found" is not "never": a charge may be on its way. It is failed only behind a fence, the gateway's promise that it will
 * not happen any more, or else the longest time that the gateway says it can take.
 */
async function fence(asking: Asking, transaction: Transaction): Promise<Outcome | null> {
  const { context, gateway } = asking;
  const { transactionId: id, createdAtMs } = transaction;
  const nowMs = context.nowMs();
  if (gateway.cancelCharge === undefined) {
    return nowMs >= neverHappensFromMs(context, createdAtMs, gateway.knownWithinMs) ? NEVER_HAPPENED : null;
  }
  if (nowMs < cancelsFromMs(context, createdAtMs)) return null;
  const cancel = gateway.cancelCharge.bind(gateway);
  const fenced = await lookUp<Fence>(context, callOf(asking, 'cancelCharge', id), (signal) =>
    cancel(transaction, signal),
  );
  return outcomeOf('charge', fenced);
}

/**
 * What the gateway does not know is sent again under the same key, for as long as the gateway keeps keys, so that it is
 * paid once. It is failed when the last of these requests can't be on its way any more.
 */
async function settleRefund(asking: Asking, refund: Refund, transaction: Transaction): Promise<Settled> {
  const { context, gateway } = asking;
  const found = await lookUpRefund(asking, refund, transaction);
  // What the payer never owed is paid back, however often the gateway fails to take the request.
  const owed = refund.kind === 'late_charge';
  let outcome = outcomeOf('refund', found);
  if (found.kind === 'not_found') {
    if (owed || context.nowMs() < refundIsSentAgainUntilMs(refund, gateway)) {
      const call = callOf(asking, 'refund', refund.refundId);
      const answer = await moveMoney(context, call, (signal) => gateway.refund({ refund, transaction, signal }));
      // Of a charge that the provider does not know, nothing can ever be paid back.
      const mayBeTakenLater = owed && answer.kind === 'failed' && answer.cause !== 'charge_unknown';
      outcome = mayBeTakenLater ? null : outcomeOf('refund', answer);
    } else if (context.nowMs() >= refund.createdAtMs + gateway.keysKeptForMs) outcome = NEVER_HAPPENED;
  }
  if (outcome === null) return open(found, refund);
  const { event } = await recordRefund(context, refund, outcome);
  return { kind: 'ended', event, lateRefundId: null };
}

/** A refund that was paid: the payer's bank may have sent it back since. */
async function followUpRefund(asking: Asking, refund: Refund, transaction: Transaction): Promise<Settled> {
  const { context } = asking;
  const { db, nowMs, log } = context;
  const found = await lookUpRefund(asking, refund, transaction);
  if (found.kind === 'unreachable') return open(found, refund);

  const outcome = outcomeOf('refund', found);
  if (outcome?.status === 'failed') {
    const attemptId = context.newId('att_');
    const reversed = await reverseRefund(db, refund, outcome.failure, nowMs(), attemptId);
    // An alarm, once: the payer does not have the money, and has been told that it was paid back.
    if (reversed.wrote) {
      log('error', 'refund.reversed', {
        refund_id: refund.refundId,
        transaction_id: transaction.transactionId,
        can_be_refunded_again: reversed.transaction.status === 'completed',
      });
    }
    return NOTHING_TO_DO;
  }
  const nextLookUpAtMs = paidRefundFollowUpMs(refund.processedAtMs ?? nowMs(), nowMs());
  await scheduleLookUp(db, refund.refundId, refund.status, nextLookUpAtMs);
  return NOTHING_TO_DO;
}

function open(found: LookUp, { nextLookupAtMs }: Transaction | Refund): Settled {
  return { kind: 'open', unreachable: found.kind === 'unreachable', nextLookUpAtMs: nextLookupAtMs };
}

function lookUpCharge(asking: Asking, transaction: Transaction): Promise<LookUp> {
  const { context, gateway } = asking;
  const call = callOf(asking, 'lookUpCharge', transaction.transactionId);
  return lookUp<LookUp>(context, call, (signal) => gateway.lookUpCharge(transaction, signal));
}

function lookUpRefund(asking: Asking, refund: Refund, transaction: Transaction): Promise<LookUp> {
  const { context, gateway } = asking;
  const call = callOf(asking, 'lookUpRefund', refund.refundId);
  return lookUp<LookUp>(context, call, (signal) => gateway.lookUpRefund(refund, transaction, signal));
}

/**
 * Finds out what became of a payment or a refund whose outcome is not known (invariant 3), and of some that have ended. The
 * queue, the cron and status requests all come here, at once if it so happens: what the gateway says is recorded once.
 */

import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import type { Outcome, Refund, Transaction } from '../domain/transaction.ts';
import {
  type Fence,
  type Gateway,
  isNoOutcome,
  type LookUp,
  type NoOutcome,
  type RefundListing,
} from '../gateways/gateway.ts';
import { LedgerNotMigrated, LedgerUnavailable, statementsLeft } from '../ledger/database.ts';
import { findLookUp } from '../ledger/look-ups/find-look-up.ts';
import type { LookUpTask, PaymentLookUp } from '../ledger/look-ups/look-up-task.ts';
import { rescheduleTaken } from '../ledger/look-ups/reschedule-taken.ts';
import { scheduleLookUp } from '../ledger/look-ups/schedule-look-up.ts';
import { scheduleUndetermined } from '../ledger/look-ups/schedule-undetermined.ts';
import { TAKE_DUE_STATEMENTS, takeDueLookUps } from '../ledger/look-ups/take-due-look-ups.ts';
import { takeLookUp } from '../ledger/look-ups/take-look-up.ts';
import { reverseRefund } from '../ledger/refunds/reverse-refund.ts';
import type { SilentGateways } from '../outbox/queue-message.ts';
import {
  type GatewayCall,
  logUnknownAccount,
  lookUp,
  moveMoney,
  NEVER_HAPPENED,
  outcomeOf,
} from '../outcomes/ask-gateway.ts';
import {
  cancelsFromMs,
  externalCheckAtMs,
  failedChargeFollowUpMs,
  isUnreachedTooLong,
  neverHappensFromMs,
  paidRefundFollowUpMs,
  refundIsSentAgainUntilMs,
  seldomLookUpAtMs,
  UNCONFIGURED_FOLLOW_UP_PAUSE_MS,
  UNCONFIGURED_PAUSE_MS,
  unansweredFollowUpMs,
} from '../outcomes/look-up-schedule.ts';
import { recordPayment } from '../outcomes/record-payment.ts';
import { recordRefund } from '../outcomes/record-refund.ts';
import { bookExternalRefunds } from './external-refunds.ts';

/** Milliseconds for all that the gateway is asked, where somebody waits for a status. */
export const STATUS_DEADLINE_MS = 2_000;
/** The same where nobody waits: in the queue and in the cron. */
export const BACKGROUND_DEADLINE_MS = 5_000;
/** A second question, behind a slow answer to the first, gets so much at least. */
const LAST_CALL_MS = 250;

/** Asked about at once: as many requests as a Worker may have open. */
export const LOOK_UPS_AT_ONCE = 6;
/**
 * Statements that a look-up sends to D1 at most: those that take the row, find the account behind a key, and write what came of it,
 * and once more the same for a connection that breaks.
 */
export const STATEMENTS_PER_LOOK_UP = 24;
/** Statements that `resolveDue` leaves to whoever called it, for what comes behind the look-ups. */
export const STATEMENTS_LEFT_TO_CALLER = 20;
/** No round is begun after this time, so that one invocation ends well before the lease of its slot. */
const MAX_DURATION_MS = 20_000;
/** For so long a gateway that did not answer is left alone. */
const SILENT_FOR_MS = 60_000;

export type Resolution =
  /** It has ended, now or before; the event where it was this call that ended it. */
  | { kind: 'ended'; event: PaymentEvent | null; lateRefundId: string | null }
  /** Nobody can say yet, and it may be asked about again at this time; null where it is left as it is. */
  | {
      kind: 'open';
      unreachable: boolean;
      /** The gateway answered, and could not say. */
      undetermined?: true;
      nextLookUpAtMs: number | null;
    };

/**
 * Looks up this payment or refund, if its look-up is due.
 *
 * @returns null where it is not: it has ended, or somebody has asked a moment ago
 */
export async function resolveOutcome(context: Context, id: string, deadlineMs: number): Promise<Resolution | null> {
  const task = await takeLookUp(context.db, id, context.nowMs());
  return task === null ? null : resolveTask(context, task, deadlineMs);
}

/**
 * Looks up this payment or refund at once, because its provider has sent a webhook about it: a refund that was paid may have been sent
 * back, and a payment that has failed may have been `charged`, if that is what the webhook says.
 *
 * @returns null where there is none with this id
 */
export async function resolveNotified(context: Context, id: string, charged = true): Promise<Resolution | null> {
  const task = await findLookUp(context.db, id);
  if (task === null) return null;
  if (task.kind === 'payment' && task.transaction.status === 'failed' && !charged) return NOTHING_TO_DO;
  return resolveTask(context, task, BACKGROUND_DEADLINE_MS);
}

export interface LookUpRun {
  /** Whether it ended because it had been enough for one invocation, and not because nothing was due any more. */
  more: boolean;
  silent: SilentGateways;
}

/**
 * Looks up whatever is due, pending rows before follow-ups and those first that have been due longest, until nothing is, or time or
 * statements are used up. A gateway none of whose look-ups in a round is answered is left alone for a minute, and does not hold
 * up the others; a single row that cannot be answered holds up nobody.
 *
 * @param silent from the run before
 * @param onResolved hears of each outcome, so that its event is sent at once
 * @throws LedgerUnavailable, LedgerNotMigrated; or a bug that one of the rows met, when all the others are done
 */
export async function resolveDue(
  context: Context,
  {
    silent: silentBefore = {},
    onResolved = async () => {},
  }: { silent?: SilentGateways; onResolved?: (resolved: Resolution) => Promise<void> } = {},
): Promise<LookUpRun> {
  const startedAtMs = context.nowMs();
  let silent = silentBefore;
  const bugs: unknown[] = [];
  for (let round = 0; ; round += 1) {
    const nowMs = context.nowMs();
    const limit = Math.min(LOOK_UPS_AT_ONCE, affordableLookUps(context));
    const isOver = limit < 1 || nowMs - startedAtMs >= MAX_DURATION_MS;
    silent = Object.fromEntries(Object.entries(silent).filter(([, untilMs]) => untilMs > nowMs));
    const first = round % 2 === 0 ? 'payments' : 'refunds';
    const tasks = isOver ? [] : await takeDueLookUps(context.db, { nowMs, limit, first, notOf: Object.keys(silent) });
    if (tasks.length === 0) {
      if (bugs.length > 0) throw bugs[0];
      return { more: isOver, silent };
    }
    const settled = await Promise.allSettled(tasks.map((task) => resolveTask(context, task, BACKGROUND_DEADLINE_MS)));
    await Promise.all(settled.map((one) => (one.status === 'fulfilled' ? onResolved(one.value) : undefined)));
    for (const one of settled) {
      if (one.status === 'fulfilled') continue;
      if (one.reason instanceof LedgerUnavailable || one.reason instanceof LedgerNotMigrated) throw one.reason;
      bugs.push(one.reason);
    }
    for (const [name, ofGateway] of Map.groupBy(settled.keys(), (index) => tasks[index]?.transaction.gateway)) {
      const isSilent = ofGateway.every((index) => isUnreachable(settled[index]));
      if (isSilent && name !== undefined) silent = { ...silent, [name]: context.nowMs() + SILENT_FOR_MS };
    }
  }
}

/** For how many look-ups, taken together, the statements are enough. */
function affordableLookUps({ db }: Context): number {
  return Math.floor((statementsLeft(db) - STATEMENTS_LEFT_TO_CALLER - TAKE_DUE_STATEMENTS) / STATEMENTS_PER_LOOK_UP);
}

function isUnreachable(settled: PromiseSettledResult<Resolution> | undefined): boolean {
  return settled?.status === 'fulfilled' && settled.value.kind === 'open' && settled.value.unreachable;
}

const NOTHING_TO_DO: Resolution = { kind: 'ended', event: null, lateRefundId: null };

async function resolveTask(context: Context, task: LookUpTask, deadlineMs: number): Promise<Resolution> {
  const named = await context.gateways.named(task.transaction.gateway);
  if (named.kind === 'not_configured') return putOff(context, task);
  if (named.kind === 'unreachable') {
    const { gateway: name } = task.transaction;
    const row = rowOfTask(task);
    logUnknownAccount(context, name, named, idOf(row));
    if (row.status === 'pending') return open(named, row.nextLookupAtMs);
    const asking = { context, gateway: { name } };
    const isCheck = task.kind === 'payment' && row.status !== 'failed';
    return isCheck ? undecidedCheck(asking, task, named) : unansweredFollowUp(asking, task.kind, row, named);
  }
  const asking = { context, gateway: named.gateway, untilMs: context.nowMs() + deadlineMs };
  const { transaction } = task;
  if (task.kind === 'payment') {
    switch (transaction.status) {
      case 'pending':
        return resolvePayment(asking, transaction);
      case 'failed':
        return followUpPayment(asking, transaction);
      case 'completed':
      case 'refunded':
        // Nothing is due of it, but where its provider has refused a refund because of others.
        return transaction.nextLookupAtMs === null ? NOTHING_TO_DO : checkExternalRefunds(asking, task);
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

/**
 * The gateway is no longer configured, or only with a key of another account: a pending row waits for it, and a follow-up is put off
 * until it is given up, with an alarm.
 */
async function putOff({ db, log, nowMs }: Context, task: LookUpTask): Promise<Resolution> {
  const { gateway } = task.transaction;
  const row = rowOfTask(task);
  const id = idOf(row);
  const pending = row.status === 'pending';
  const now = nowMs();
  const isGivenUp = !pending && isUnreachedTooLong(row.processedAtMs ?? now, now);
  const nextLookUpAtMs = isGivenUp ? null : now + (pending ? UNCONFIGURED_PAUSE_MS : UNCONFIGURED_FOLLOW_UP_PAUSE_MS);
  await scheduleLookUp(db, id, row.status, nextLookUpAtMs);
  if (isGivenUp) log('error', 'follow_up.given_up', { id, gateway, reason: 'the gateway is no longer configured' });
  else log(pending ? 'error' : 'warn', 'gateway.not_configured', { gateway, id });
  return { kind: 'open', unreachable: false, nextLookUpAtMs };
}

interface Asking {
  context: Context;
  gateway: Gateway;
  untilMs: number;
}

function callOf<Call extends GatewayCall['call']>({ context, gateway, untilMs }: Asking, call: Call, id: string) {
  return { gateway, call, id, deadlineMs: Math.max(untilMs - context.nowMs(), LAST_CALL_MS) };
}

async function resolvePayment(asking: Asking, transaction: Transaction): Promise<Resolution> {
  const found = await lookUpCharge(asking, transaction);
  const outcome = found.kind === 'not_found' ? await fence(asking, transaction) : outcomeOf('charge', found);
  return outcome === null ? stillOpen(asking, found, transaction) : endPayment(asking, transaction, outcome);
}

/** One that has failed at the gateway: its charge may have turned up since (invariant 1). */
async function followUpPayment(asking: Asking, transaction: Transaction): Promise<Resolution> {
  const { db, nowMs } = asking.context;
  const found = await lookUpCharge(asking, transaction);
  if (isNoOutcome(found)) return unansweredFollowUp(asking, 'payment', transaction, found);
  const outcome = outcomeOf('charge', found);
  const hasCharged = outcome?.status === 'completed' || outcome?.owed !== undefined;
  if (hasCharged) return endPayment(asking, transaction, outcome);
  const nextLookUpAtMs = failedChargeFollowUpMs(transaction.processedAtMs ?? nowMs(), nowMs());
  await scheduleLookUp(db, transaction.transactionId, transaction.status, nextLookUpAtMs);
  return NOTHING_TO_DO;
}

/** One whose charge has refunds at the provider that the ledger may not know. What is not decided there yet is looked at again. */
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

async function endPayment({ context }: Asking, transaction: Transaction, outcome: Outcome): Promise<Resolution> {
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
async function settleRefund(asking: Asking, refund: Refund, transaction: Transaction): Promise<Resolution> {
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
  if (outcome === null) return stillOpen(asking, found, refund);
  const { event } = await recordRefund(context, refund, outcome);
  return { kind: 'ended', event, lateRefundId: null };
}

/** A refund that was paid: the payer's bank may have sent it back since. */
async function followUpRefund(asking: Asking, refund: Refund, transaction: Transaction): Promise<Resolution> {
  const { context } = asking;
  const { db, nowMs, log } = context;
  const found = await lookUpRefund(asking, refund, transaction);
  if (isNoOutcome(found)) return unansweredFollowUp(asking, 'refund', refund, found);

  const outcome = outcomeOf('refund', found);
  if (outcome?.status === 'failed') {
    const attemptId = context.newId('att_');
    const reversed = await reverseRefund(db, refund, outcome.failure, nowMs(), attemptId);
    // An alarm, once: the payer does not have the money, though an event has said that it was paid back.
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

const rowOfTask = (task: LookUpTask) => (task.kind === 'payment' ? task.transaction : task.refund);
const idOf = (row: Transaction | Refund) => ('refundId' in row ? row.refundId : row.transactionId);

function open(found: LookUp, nextLookUpAtMs: number | null): Resolution {
  const undetermined = found.kind === 'undetermined' && { undetermined: true as const };
  return { kind: 'open', unreachable: found.kind === 'unreachable', ...undetermined, nextLookUpAtMs };
}

/**
 * A pending row without an outcome. It is never given up. Where the gateway answers for it again and again without one, it is
 * asked about ever more seldom; that the gateway cannot say raises an alarm, once.
 */
async function stillOpen({ context, gateway }: Asking, found: LookUp, row: Transaction | Refund): Promise<Resolution> {
  const { db, log } = context;
  const nowMs = context.nowMs();
  const isAnswered = found.kind === 'in_progress' || found.kind === 'undetermined';
  const seldomAtMs = isAnswered ? seldomLookUpAtMs(row, nowMs) : null;
  if (seldomAtMs === null) return open(found, row.nextLookupAtMs);
  const id = idOf(row);
  if (found.kind === 'undetermined') {
    if (await scheduleUndetermined(db, id, nowMs, seldomAtMs)) {
      log('error', 'look_up.undetermined', { id, gateway: gateway.name, reason: found.reason });
    }
  } else await scheduleLookUp(db, id, 'pending', seldomAtMs);
  return open(found, seldomAtMs);
}

/** A follow-up that was not answered is made again, and given up at some point, with an alarm. */
async function unansweredFollowUp(
  { context, gateway }: { context: Context; gateway: { name: string } },
  of: 'payment' | 'refund',
  row: Transaction | Refund,
  found: NoOutcome,
): Promise<Resolution> {
  const { db, log } = context;
  const nowMs = context.nowMs();
  const endedAtMs = row.processedAtMs ?? nowMs;
  // Asked about because of a webhook, when all its follow-ups are over.
  if (row.nextLookupAtMs === null) return open(found, null);
  const isUnreachable = found.kind === 'unreachable';
  if (isUnreachable && !isUnreachedTooLong(endedAtMs, nowMs)) return open(found, row.nextLookupAtMs);
  const nextLookUpAtMs = isUnreachable ? null : unansweredFollowUpMs(of, endedAtMs, nowMs);
  const id = idOf(row);
  await scheduleLookUp(db, id, row.status, nextLookUpAtMs);
  if (nextLookUpAtMs === null) {
    log('error', 'follow_up.given_up', { id, gateway: gateway.name, reason: found.reason });
  }
  return open(found, nextLookUpAtMs);
}

/**
 * A check for external refunds that has decided nothing is made ever more seldom, and given up at some point, with an alarm. `reconcile`
 * still names what the ledger does not have.
 */
async function undecidedCheck(
  { context, gateway }: { context: Context; gateway: { name: string } },
  { transaction, lookUps }: PaymentLookUp,
  found: LookUp,
): Promise<Resolution> {
  const { db, log, nowMs } = context;
  const { transactionId: id, nextLookupAtMs: takenMs } = transaction;
  if (takenMs === null) return open(found, null);
  const nextLookUpAtMs = found.kind === 'undetermined' ? null : externalCheckAtMs(lookUps, nowMs(), takenMs);
  await rescheduleTaken(db, transaction, nextLookUpAtMs);
  if (nextLookUpAtMs === null) {
    const reason = isNoOutcome(found) ? found.reason : 'an external refund of it has been undecided for a month';
    log('error', 'follow_up.given_up', { id, gateway: gateway.name, reason });
  }
  return open(found, nextLookUpAtMs);
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

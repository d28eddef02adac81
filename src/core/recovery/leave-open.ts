/** What becomes of a row whose look-up brings no outcome: when it is looked up again, and when an operator has to know. */
import type { Context } from '../context.ts';
import { isNoOutcome, type LookUp, type NoOutcome, type Unreachable } from '../gateways/gateway.ts';
import type { LookUpTask, PaymentLookUp } from '../ledger/look-ups/look-up-task.ts';
import { rescheduleTaken } from '../ledger/look-ups/reschedule-taken.ts';
import { scheduleLookUp } from '../ledger/look-ups/schedule-look-up.ts';
import { scheduleUndetermined } from '../ledger/look-ups/schedule-undetermined.ts';
import { logUnknownAccount } from '../outcomes/ask-gateway.ts';
import {
  externalCheckAtMs,
  isUnreachedTooLong,
  seldomLookUpAtMs,
  UNCONFIGURED_FOLLOW_UP_PAUSE_MS,
  UNCONFIGURED_PAUSE_MS,
  unansweredFollowUpMs,
} from '../outcomes/look-up-schedule.ts';
import { lookedUpRow, type Resolution } from './resolution.ts';

/** As much of whom a row is looked up with as an alarm names. */
interface Asked {
  context: Context;
  gateway: { name: string };
}

/**
 * The gateway is no longer configured, or only with a key of another account: a pending row waits for it, and a follow-up is put off
 * until it is given up, with an alarm.
 */
export async function gatewayNotConfigured({ db, log, nowMs }: Context, task: LookUpTask): Promise<Resolution> {
  const { gateway } = task.transaction;
  const { id, status, processedAtMs } = lookedUpRow(task);
  const pending = status === 'pending';
  const now = nowMs();
  const isGivenUp = !pending && isUnreachedTooLong(processedAtMs ?? now, now);
  const nextLookUpAtMs = isGivenUp ? null : now + (pending ? UNCONFIGURED_PAUSE_MS : UNCONFIGURED_FOLLOW_UP_PAUSE_MS);
  await scheduleLookUp(db, id, status, nextLookUpAtMs);
  if (isGivenUp) log('error', 'follow_up.given_up', { id, gateway, reason: 'the gateway is no longer configured' });
  else log(pending ? 'error' : 'warn', 'gateway.not_configured', { gateway, id });
  return { kind: 'open', unreachable: false, nextLookUpAtMs };
}

/** The gateway did not answer whose account its key is of, so that the row cannot be looked up with it. */
export async function accountUnknown(
  context: Context,
  task: LookUpTask,
  unreachable: Unreachable,
): Promise<Resolution> {
  const { gateway: name } = task.transaction;
  const { id, status, nextLookupAtMs } = lookedUpRow(task);
  logUnknownAccount(context, name, unreachable, id);
  if (status === 'pending') return open(unreachable, nextLookupAtMs);
  const asked = { context, gateway: { name } };
  const isCheck = task.kind === 'payment' && status !== 'failed';
  return isCheck ? undecidedCheck(asked, task, unreachable) : unansweredFollowUp(asked, task, unreachable);
}

/**
 * A pending row without an outcome. It is never given up. Where the gateway answers for it again and again without one, it is
 * asked about ever more seldom; that the gateway cannot determine the outcome raises an alarm, once.
 */
export async function stillOpen({ context, gateway }: Asked, task: LookUpTask, found: LookUp): Promise<Resolution> {
  const { db, log } = context;
  const nowMs = context.nowMs();
  const { id, openSinceMs, nextLookupAtMs } = lookedUpRow(task);
  const isAnswered = found.kind === 'in_progress' || found.kind === 'undetermined';
  const seldomAtMs = isAnswered ? seldomLookUpAtMs(openSinceMs, nowMs) : null;
  if (seldomAtMs === null) return open(found, nextLookupAtMs);
  if (found.kind === 'undetermined') {
    if (await scheduleUndetermined(db, id, nowMs, seldomAtMs)) {
      log('error', 'look_up.undetermined', { id, gateway: gateway.name, reason: found.reason });
    }
  } else await scheduleLookUp(db, id, 'pending', seldomAtMs);
  return open(found, seldomAtMs);
}

/** A follow-up that was not answered is made again, and given up at some point, with an alarm. */
export async function unansweredFollowUp(
  { context, gateway }: Asked,
  task: LookUpTask,
  found: NoOutcome,
): Promise<Resolution> {
  const { db, log } = context;
  const nowMs = context.nowMs();
  const { id, status, processedAtMs, nextLookupAtMs } = lookedUpRow(task);
  const endedAtMs = processedAtMs ?? nowMs;
  // Looked up because of a webhook, when all its follow-ups are over.
  if (nextLookupAtMs === null) return open(found, null);
  const isUnreachable = found.kind === 'unreachable';
  if (isUnreachable && !isUnreachedTooLong(endedAtMs, nowMs)) return open(found, nextLookupAtMs);
  const nextLookUpAtMs = isUnreachable ? null : unansweredFollowUpMs(task.kind, endedAtMs, nowMs);
  await scheduleLookUp(db, id, status, nextLookUpAtMs);
  if (nextLookUpAtMs === null) {
    log('error', 'follow_up.given_up', { id, gateway: gateway.name, reason: found.reason });
  }
  return open(found, nextLookUpAtMs);
}

/**
 * A check for external refunds that has decided nothing is made ever more seldom, and given up at some point, with an alarm. `reconcile`
 * still reports what the ledger does not have.
 */
export async function undecidedCheck(
  { context, gateway }: Asked,
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

function open(found: LookUp, nextLookUpAtMs: number | null): Resolution {
  const undetermined = found.kind === 'undetermined' && { undetermined: true as const };
  return { kind: 'open', unreachable: found.kind === 'unreachable', ...undetermined, nextLookUpAtMs };
}

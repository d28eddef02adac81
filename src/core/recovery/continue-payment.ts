/**
 * Continues a pending payment whose provider has no outcome yet: one that waits for its payer or its capture, or whose step has begun.
 * Only the row decides the step; the provider's answer shows whether the request for it has arrived.
 */
import type { Transaction } from '../domain/transaction.ts';
import type { Authorized, Challenged, GatewayOutcome, LookUp } from '../gateways/gateway.ts';
import type { PaymentLookUp } from '../ledger/look-ups/look-up-task.ts';
import { rescheduleTaken } from '../ledger/look-ups/reschedule-taken.ts';
import { beginStep, type NewStep } from '../ledger/payments/begin-step.ts';
import { outcomeOfPayment } from '../outcomes/decided-outcome.ts';
import { firstLookUpAtMs } from '../outcomes/look-up-schedule.ts';
import { recordAuthorization, recordChallenge } from '../outcomes/record-substate.ts';
import { endAtGateway, takeMoney } from '../outcomes/take-step.ts';
import { endPayment } from './end-payment.ts';
import { stillOpen } from './leave-open.ts';
import { type Asking, deadlineOf, type Resolution, WAITS } from './resolution.ts';

/** Whether the payment waits or a step has begun; otherwise the outcome of the charge itself is unknown. */
export function isBegun({ substate }: Transaction, found: LookUp): boolean {
  return substate !== null || found.kind === 'challenged' || found.kind === 'authorized';
}

/** @param found the provider's answer, which decides no outcome */
export async function continuePayment(asking: Asking, task: PaymentLookUp, found: LookUp): Promise<Resolution> {
  const { transaction } = task;
  switch (transaction.step) {
    case 'void':
    case 'expire':
      return found.kind === 'in_progress' ? stillOpen(asking, task, found) : end(asking, task);
    case 'authorize':
    case 'capture':
      return resume(asking, task, found);
    case null:
      return waitOrExpire(asking, task, found);
  }
}

/** Nothing has been begun: the row learns what the payment waits for, and a wait that is over ends. */
async function waitOrExpire(asking: Asking, task: PaymentLookUp, found: LookUp): Promise<Resolution> {
  const { context } = asking;
  const { transaction } = task;
  if (found.kind === 'authorized' && transaction.substate !== 'authorized') return hold(asking, transaction, found);
  if (found.kind === 'challenged' && transaction.substate === null) return challenge(asking, transaction, found);
  if (found.kind === 'payer_approved') return takeApproved(asking, task);
  if (found.kind === 'unreachable' || found.kind === 'undetermined' || found.kind === 'in_progress') {
    return stillOpen(asking, task, found);
  }
  const { expiresAtMs } = transaction;
  if (expiresAtMs !== null && expiresAtMs > context.nowMs()) return wait(asking, transaction, expiresAtMs);
  const begun = await begin(asking, transaction, 'expire');
  return begun.began ? end(asking, { ...task, transaction: begun.transaction }) : WAITS;
}

/** Until the end of its clock: that is when it is due, unless a step has been begun meanwhile. */
async function wait({ context }: Asking, transaction: Transaction, untilMs: number): Promise<Resolution> {
  await rescheduleTaken(context.db, transaction, untilMs);
  return WAITS;
}

async function hold({ context }: Asking, transaction: Transaction, found: Authorized): Promise<Resolution> {
  await recordAuthorization(context, transaction, found);
  return WAITS;
}

async function challenge({ context }: Asking, transaction: Transaction, found: Challenged): Promise<Resolution> {
  await recordChallenge(context, transaction, found);
  return WAITS;
}

/** The payer has approved. The row says that the money is being taken, before the provider is asked to; then neither expiry nor void applies. */
async function takeApproved(asking: Asking, task: PaymentLookUp): Promise<Resolution> {
  const { transaction } = task;
  const begun = await begin(asking, transaction, transaction.captureMethod === 'manual' ? 'authorize' : 'capture');
  return begun.began ? take(asking, { ...task, transaction: begun.transaction }) : WAITS;
}

/** The money was asked for, and the answer was lost: where the request has not arrived, it is sent again under the same key. */
async function resume(asking: Asking, task: PaymentLookUp, found: LookUp): Promise<Resolution> {
  const { transaction } = task;
  if (transaction.step === 'authorize' && found.kind === 'authorized') return hold(asking, transaction, found);
  // Two requests at once under one key may both be refused. Whoever asked first is heard, or has failed, before the next look-up.
  if (isBeingAsked(asking, transaction)) return stillOpen(asking, task, { kind: 'in_progress' });
  if (hasNotArrived(asking, transaction, found)) return takeAgain(asking, task);
  // An operator has to look: the provider does not have what its payer approved, and would not recognize the request any more.
  const isLost = found.kind === 'not_found' && transaction.substate === 'challenged';
  return stillOpen(asking, task, isLost ? { kind: 'undetermined', reason: LOST } : found);
}

/** Whether the first request for the step may still be answered. */
function isBeingAsked({ context }: Asking, { stepAtMs }: Transaction): boolean {
  return context.nowMs() < (stepAtMs ?? 0) + context.settings.gatewayTimeoutMs;
}

const LOST = 'the provider no longer has the order that was being paid';

/**
 * An order that the provider no longer has is asked for once more, so that the provider itself refuses it; but only while it would
 * recognize an earlier request by its key.
 */
function hasNotArrived({ context, gateway }: Asking, { substate, stepAtMs }: Transaction, { kind }: LookUp): boolean {
  if (kind === 'not_found') {
    return substate === 'challenged' && context.nowMs() - (stepAtMs ?? 0) < gateway.keysKeptForMs;
  }
  return kind === 'payer_approved' || kind === 'challenged' || kind === 'authorized';
}

async function take(asking: Asking, task: PaymentLookUp): Promise<Resolution> {
  return taken(asking, task, await askForMoney(asking, task));
}

/**
 * The same once more. That the provider refuses it now does not mean that it will refuse the first request, which may still be on its way:
 * until the provider would know of that one, the payment stays pending. What is held is released with a refusal, which is as certain.
 */
async function takeAgain(asking: Asking, task: PaymentLookUp): Promise<Resolution> {
  const { context, gateway } = asking;
  const { transaction } = task;
  const answer = await askForMoney(asking, task);
  const isRefused = answer.kind === 'declined' || answer.kind === 'failed';
  const isKnown = context.nowMs() >= (transaction.stepAtMs ?? 0) + gateway.knownWithinMs;
  const isHeld = transaction.substate === 'authorized';
  return isRefused && !isHeld && !isKnown
    ? stillOpen(asking, task, { kind: 'in_progress' })
    : taken(asking, task, answer);
}

function askForMoney(asking: Asking, { transaction }: PaymentLookUp): Promise<GatewayOutcome> {
  const { context, gateway } = asking;
  return takeMoney({ context, gateway, transaction, deadlineMs: deadlineOf(asking) });
}

function taken(asking: Asking, task: PaymentLookUp, answer: GatewayOutcome): Promise<Resolution> {
  return answer.kind === 'authorized' ? hold(asking, task.transaction, answer) : conclude(asking, task, answer);
}

/** Ends the payment without taking money. Until the provider confirms that, it stays pending. */
async function end(asking: Asking, task: PaymentLookUp): Promise<Resolution> {
  const { context, gateway } = asking;
  const { transaction } = task;
  const answer = await endAtGateway({ context, gateway, transaction, deadlineMs: deadlineOf(asking) });
  // An operator has to look: the provider was asked to end it, and has not.
  const isRefused = answer.kind === 'authorized' || answer.kind === 'challenged';
  return conclude(asking, task, isRefused ? { kind: 'undetermined', reason: `it is still ${answer.kind}` } : answer);
}

async function conclude(asking: Asking, task: PaymentLookUp, answer: GatewayOutcome | LookUp): Promise<Resolution> {
  const outcome = outcomeOfPayment(task.transaction, answer);
  if (outcome === null) return stillOpen(asking, task, answer.kind === 'unknown' ? withoutOutcome(answer) : answer);
  return endPayment(asking, task.transaction, outcome);
}

/** A gateway that answered is not silent: its other rows are looked up, and an operator learns of this one. */
function withoutOutcome({ reason, silent, accepted }: GatewayOutcome & { kind: 'unknown' }): LookUp {
  if (accepted) return { kind: 'in_progress' };
  return { kind: silent === false ? 'undetermined' : 'unreachable', reason };
}

async function begin({ context }: Asking, { transactionId }: Transaction, step: NewStep['step']) {
  const begun = await beginStep(context.db, {
    transactionId,
    step,
    from: step === 'expire' ? ['challenged', 'authorized'] : ['challenged'],
    attemptId: context.newId('att_'),
    nowMs: context.nowMs(),
    nextLookupAtMs: firstLookUpAtMs(context),
    by: null,
  });
  if (begun === null) throw new Error('a step was to be begun of a payment that was never claimed');
  return begun;
}

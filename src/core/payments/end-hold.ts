/**
 * What capture and void have in common: one guarded update of the row decides between them, the gateway is asked, and the outcome is
 * recorded. If the process dies in between, recovery continues the step on the row.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { HoldRequest } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import type { Outcome, Substate, Transaction } from '../domain/transaction.ts';
import { beginStep } from '../ledger/payments/begin-step.ts';
import { errorFields } from '../log.ts';
import type { DueLookUp } from '../outbox/queue-message.ts';
import { type GatewayAnswer, logUnknownAccount } from '../outcomes/ask-gateway.ts';
import { outcomeOfPayment } from '../outcomes/decided-outcome.ts';
import { firstLookUpAtMs } from '../outcomes/look-up-schedule.ts';
import { recordPayment } from '../outcomes/record-payment.ts';
import type { Stepping } from '../outcomes/take-step.ts';
import { type NotFound, notFound } from './not-found.ts';

/** How a request to capture or to void ended. */
export type HoldAnswer =
  /** The step has ended the payment, now or before: its row says how. The event where it was this call. */
  | { kind: 'ended'; transaction: Transaction; event: PaymentEvent | null; lookUp: DueLookUp | null }
  /** There is no outcome yet: the gateway is asked about it, and asked again for the step where that has not arrived. */
  | { kind: 'pending'; transaction: Transaction; lookUp: DueLookUp }
  /** Another request, or the clock, was first: the payment is being captured, voided or expired, or has been. */
  | { kind: 'conflict'; transaction: Transaction }
  /** `transaction`: null where the caller named another booking or user than the payment's. */
  | { kind: 'not_allowed'; reason: string; transaction: Transaction | null }
  | NotFound;

export interface HoldStep {
  step: 'capture' | 'void';
  /** The substates that allow it. */
  from: readonly Substate[];
  ask: (stepping: Stepping) => Promise<GatewayAnswer>;
  /** Why a payment without a hold or a challenge does not allow it. */
  refusal: (transaction: Transaction, nowMs: number) => string;
}

/** @throws LedgerUnavailable: sent again, the request is answered by what the row says */
export async function endHold(
  context: Context,
  request: HoldRequest,
  { step, from, ask, refusal }: HoldStep,
): Promise<HoldAnswer> {
  const { log, tenant } = context;
  const begun = await beginStep(context.db, {
    transactionId: request.transaction_id,
    step,
    from,
    attemptId: context.newId('att_'),
    nowMs: context.nowMs(),
    nextLookupAtMs: firstLookUpAtMs(context),
    by: { tenant, bookingId: request.booking_id, userId: request.user_id },
  });
  if (begun === null) return notFound(context, request.transaction_id);
  const { transaction, began } = begun;
  const entry = { transaction_id: transaction.transactionId, began, status: transaction.status };
  if (!began) {
    const answer = refused(context, request, transaction, step, refusal);
    log('info', `payment.${step}`, { ...entry, ...(answer.kind === 'not_allowed' && { reason: answer.reason }) });
    return answer;
  }
  log('info', `payment.${step}`, entry);

  const answer = await askGateway(context, transaction, ask);
  const outcome = answer && outcomeOfPayment(transaction, answer);
  return outcome === null ? pending(context, transaction) : recordOutcome(context, transaction, outcome);
}

/** Null where the payment's gateway is not configured: recovery goes on when it is. */
async function askGateway(
  context: Context,
  transaction: Transaction,
  ask: HoldStep['ask'],
): Promise<GatewayAnswer | null> {
  const { transactionId, gateway: name } = transaction;
  const named = await context.gateways.named(name);
  if (named.kind !== 'configured') {
    if (named.kind === 'unreachable') logUnknownAccount(context, name, named, transactionId);
    else context.log('error', 'gateway.not_configured', { gateway: name, id: transactionId });
    return null;
  }
  const deadlineMs = context.settings.gatewayTimeoutMs;
  return ask({ context, gateway: named.gateway, transaction, deadlineMs });
}

/** Money may have moved, so whatever prevents the write leaves the outcome unknown, never an error. */
async function recordOutcome(context: Context, begun: Transaction, outcome: Outcome): Promise<HoldAnswer> {
  try {
    const { transaction, event, lateRefund } = await recordPayment(context, begun, outcome);
    if (transaction.status === 'pending') return pending(context, transaction);
    const lookUp = lateRefund && { id: lateRefund.refundId, atMs: context.nowMs() };
    return { kind: 'ended', transaction, event, lookUp };
  } catch (error) {
    context.log('warn', 'payment.not_recorded', { transaction_id: begun.transactionId, ...errorFields(error) });
    return pending(context, begun);
  }
}

function pending(context: Context, transaction: Transaction): HoldAnswer {
  const { transactionId, nextLookupAtMs } = transaction;
  context.log('warn', 'payment.pending', { transaction_id: transactionId, step: transaction.step });
  return { kind: 'pending', transaction, lookUp: { id: transactionId, atMs: nextLookupAtMs ?? context.nowMs() } };
}

/** The answer of an earlier request for the same step, or why the row does not allow it. */
function refused(
  { nowMs }: Context,
  request: HoldRequest,
  transaction: Transaction,
  step: HoldStep['step'],
  refusal: HoldStep['refusal'],
): HoldAnswer {
  const because = (reason: string, shown: Transaction | null = transaction): HoldAnswer => ({
    kind: 'not_allowed',
    reason,
    transaction: shown,
  });
  if (transaction.bookingId !== request.booking_id) return because('The transaction belongs to another booking', null);
  if (transaction.userId !== request.user_id) return because('The transaction belongs to another user', null);
  const isOver = transaction.status !== 'pending';
  if (transaction.step === step && isOver && (step === 'void' || transaction.substate === 'authorized')) {
    return { kind: 'ended', transaction, event: null, lookUp: null };
  }
  const isHold = transaction.captureMethod === 'manual';
  if (transaction.step !== null && (isHold || step === 'void')) return { kind: 'conflict', transaction };
  // At a provider that takes the money without another call of ours, no step says that the payer was faster.
  const hasBeenPaid = transaction.substate !== null && isOver && transaction.errorCode === null;
  if (step === 'void' && hasBeenPaid) return { kind: 'conflict', transaction };
  return because(refusal(transaction, nowMs()));
}

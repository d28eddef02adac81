/** Which outcome an answer of a gateway decides. */
import { codeOf, failure, failureBecause } from '../domain/failure.ts';
import type { FailureCause, FailureCode } from '../domain/failure-causes.ts';
import type { Outcome, Transaction } from '../domain/transaction.ts';
import type { GatewayAnswer } from './ask-gateway.ts';

/** The outcome of a refund that an answer decides; null where it decides none. */
export function outcomeOfRefund(answer: GatewayAnswer): Outcome | null {
  return outcomeOf('refund', answer, NEVER_HAPPENED);
}

/**
 * The same of a payment. After a void or an expiry, the step on the row is the reason for the failure, whatever the provider calls it,
 * unless money was taken.
 */
export function outcomeOfPayment(transaction: Transaction, answer: GatewayAnswer): Outcome | null {
  const outcome = outcomeOf('charge', answer, cancelledBecause(transaction));
  return outcome && asDecidedHere(transaction, outcome);
}

/** The same outcome by the step that the row names. */
export function asDecidedHere(transaction: Transaction, outcome: Outcome): Outcome {
  const isToEnd = transaction.step === 'void' || transaction.step === 'expire';
  const isCertainlyUnpaid = outcome.status === 'failed' && outcome.owed === undefined;
  return isToEnd && isCertainlyUnpaid ? cancelledBecause(transaction) : outcome;
}

function outcomeOf(subject: 'charge' | 'refund', answer: GatewayAnswer, cancelled: Outcome): Outcome | null {
  switch (answer.kind) {
    case 'approved':
      return { status: 'completed', gatewayReference: answer.reference };
    case 'mischarged': {
      const owed = { gatewayReference: answer.reference, amountMinor: answer.amountMinor };
      return { ...failedBecause(answer.cause), owed };
    }
    case 'declined':
      if (answer.cause !== undefined) return failedBecause(fitting(subject, answer.cause));
      return failed(subject === 'charge' ? answer.code : 'REFUND_NOT_ALLOWED', answer.reason);
    case 'failed':
      return failedBecause(answer.cause ?? 'gateway_error');
    case 'cancelled':
      return cancelled;
    case 'authorized':
    case 'challenged':
    case 'payer_approved':
    case 'unknown':
    case 'in_progress':
    case 'not_found':
    case 'unreachable':
    case 'undetermined':
      return null;
  }
}

function failed(code: FailureCode, reason?: string): Outcome & { status: 'failed' } {
  return { status: 'failed', failure: failure(code, reason) };
}

/** A provider has one code for both: a payer's reason does not fit a refund, nor a refund's reason a payment. */
function fitting(subject: 'charge' | 'refund', cause: FailureCause): FailureCause {
  const isOfRefund = codeOf(cause) === 'REFUND_NOT_ALLOWED';
  if (isOfRefund === (subject === 'refund')) return cause;
  return subject === 'refund' ? 'refund_not_allowed' : 'payment_failed';
}

function failedBecause(cause: FailureCause): Outcome & { status: 'failed' } {
  return { status: 'failed', failure: failureBecause(cause) };
}

/** Why a payment ended without taking money. Only the row decides that: a provider calls voided and expired alike cancelled. */
export function cancelledBecause({ substate, step, sealedReturnUrl }: Transaction): Outcome & { status: 'failed' } {
  if (step === 'void') return failedBecause('voided');
  if (substate === 'authorized')
    return failedBecause(step === 'expire' ? 'authorization_expired' : 'authorization_ended');
  if (substate === null) return NEVER_HAPPENED;
  // The payer had approved an order, and the provider ended it before its money was taken.
  if (step === 'capture' || step === 'authorize') return failedBecause('new_order_ended');
  return failedBecause(sealedReturnUrl === null ? 'authentication_required' : 'authentication_expired');
}

/** Of a call that never reached the gateway, and never will. */
export const NEVER_HAPPENED = failedBecause('never_happened');

/** Which outcome an answer of a gateway decides. */
import { codeOf, failure, failureBecause } from '../domain/failure.ts';
import type { FailureCause, FailureCode } from '../domain/failure-causes.ts';
import type { Outcome } from '../domain/transaction.ts';
import type { GatewayAnswer } from './ask-gateway.ts';

/** The outcome that an answer decides; null where it decides none. */
export function outcomeOf(subject: 'charge' | 'refund', answer: GatewayAnswer): Outcome | null {
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
      return NEVER_HAPPENED;
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

/** Of a call that never reached the gateway, and never will. */
export const NEVER_HAPPENED = failedBecause('never_happened');

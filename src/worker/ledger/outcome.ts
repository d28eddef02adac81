/** An outcome as the parameters of the statement that records it, of a payment and of a refund alike. */
import type { Outcome } from '../../payments/transaction.ts';

/** `status, gateway_reference, error_code, failure_reason, failure_cause`, in this order. */
export function outcomeParameters(outcome: Outcome): (string | null)[] {
  return outcome.status === 'completed'
    ? ['completed', outcome.gatewayReference, null, null, null]
    : ['failed', null, outcome.failure.code, outcome.failure.reason, outcome.failure.cause];
}

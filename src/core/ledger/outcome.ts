/** An outcome as it is recorded and audited, of a payment and of a refund alike. */

import type { Outcome } from '../domain/transaction.ts';

/** `status, gateway_reference, error_code, failure_reason, failure_cause`, in this order. */
export function outcomeParameters(outcome: Outcome): (string | null)[] {
  return outcome.status === 'completed'
    ? ['completed', outcome.gatewayReference, null, null, null]
    : ['failed', null, outcome.failure.code, outcome.failure.reason, outcome.failure.cause];
}

/** The same for the audit log. */
export function auditedOutcome(outcome: Outcome): { outcome: string; detail: Record<string, string> } {
  return outcome.status === 'completed'
    ? { outcome: outcome.status, detail: { gateway_reference: outcome.gatewayReference } }
    : { outcome: outcome.status, detail: { error_code: outcome.failure.code } };
}

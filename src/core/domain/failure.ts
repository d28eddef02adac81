/** Why a payment or a refund failed, and what its caller can do. The causes are listed in failure-causes.ts. */
import type { ErrorCode } from '../../contract/error-codes.ts';
import { CAUSES, type FailureCause, type FailureCode } from './failure-causes.ts';

/** All reasons in words of this service. What else is a reason, a gateway's own server has said. */
export const FAILURE_REASONS: readonly string[] = Object.values(CAUSES).map(({ reason }) => reason);

/** The contract's code for a cause. */
export function codeOf<Cause extends FailureCause>(cause: Cause): (typeof CAUSES)[Cause]['code'] {
  return CAUSES[cause].code;
}

export interface Failure {
  code: FailureCode;
  /** In events and in `details.reason`. */
  reason: string;
  cause: FailureCause;
}

/** The cause of a failure of which only the code is known. */
const CAUSE_OF_CODE: Readonly<Record<FailureCode, FailureCause>> = {
  INVALID_CARD: 'invalid_card',
  INSUFFICIENT_FUNDS: 'insufficient_funds',
  CARD_EXPIRED: 'expired',
  CARD_DECLINED: 'declined',
  PAYMENT_FAILED: 'payment_failed',
  AUTHENTICATION_FAILED: 'authentication_failed',
  AUTHENTICATION_EXPIRED: 'authentication_expired',
  AUTHORIZATION_EXPIRED: 'authorization_expired',
  PAYMENT_VOIDED: 'voided',
  REFUND_NOT_ALLOWED: 'refund_not_allowed',
  PAYMENT_GATEWAY_ERROR: 'gateway_error',
};

/** A failure by its code, with the usual words for it unless there are better ones. */
export function failure(code: FailureCode, reason?: string): Failure {
  const cause = CAUSE_OF_CODE[code];
  return { code, reason: reason ?? CAUSES[cause].reason, cause };
}

/** A failure by its cause. */
export function failureBecause(cause: FailureCause): Failure {
  const { code, reason } = CAUSES[cause];
  return { code, reason, cause };
}

/** What a caller can do about a failure, from what the ledger has of it; rows of former versions have no cause. */
export function adviceOn(
  cause: FailureCause | null,
  code: ErrorCode | null,
): { retryPossible: boolean; nextStep: string } {
  const { retryPossible, nextStep } = CAUSES[cause ?? CAUSE_OF_CODE[isFailureCode(code) ? code : 'PAYMENT_FAILED']];
  return { retryPossible, nextStep };
}

function isFailureCode(code: ErrorCode | null): code is FailureCode {
  return code !== null && code in CAUSE_OF_CODE;
}

/** The contract's `error_message`: the reason, but for one code, where the contract has more words. */
export function failureMessage(code: ErrorCode, reason: string): string {
  return code === 'INSUFFICIENT_FUNDS' ? 'Insufficient funds in account' : reason;
}

/** Why a payment did not happen: the contract's code, and the words and the advice that go with it. */
import type { ErrorCode } from '../contract/error-codes.ts';

/** The codes with which a payment or a refund can end as `failed`. */
export type FailureCode = Extract<
  ErrorCode,
  | 'INVALID_CARD'
  | 'INSUFFICIENT_FUNDS'
  | 'CARD_EXPIRED'
  | 'CARD_DECLINED'
  | 'PAYMENT_FAILED'
  | 'REFUND_NOT_ALLOWED'
  | 'PAYMENT_GATEWAY_ERROR'
>;

/** Why a gateway declines: the payer or the card is the reason. */
export type DeclineCode = Exclude<FailureCode, 'REFUND_NOT_ALLOWED' | 'PAYMENT_GATEWAY_ERROR'>;

export interface Failure {
  code: FailureCode;
  /** In events and in `details.reason`. */
  reason: string;
}

const DEFAULT_REASONS: Readonly<Record<FailureCode, string>> = {
  INVALID_CARD: 'Invalid card details',
  INSUFFICIENT_FUNDS: 'Insufficient funds',
  CARD_EXPIRED: 'Card has expired',
  CARD_DECLINED: 'Card declined by bank',
  PAYMENT_FAILED: 'Payment could not be processed',
  REFUND_NOT_ALLOWED: 'Refund not permitted',
  PAYMENT_GATEWAY_ERROR: 'Gateway service error',
};

/** A failure with the usual words for its code, unless there are better ones. */
export function failure(code: FailureCode, reason = DEFAULT_REASONS[code]): Failure {
  return { code, reason };
}

/** The contract's `error_message`: the reason, but for one code, where the contract has more words. */
export function failureMessage(code: ErrorCode, reason: string): string {
  return code === 'INSUFFICIENT_FUNDS' ? 'Insufficient funds in account' : reason;
}

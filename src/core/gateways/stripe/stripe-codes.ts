/**
 * The cause that each of Stripe's codes means. A code that is not listed is a plain decline or failure. Codes of lost and stolen
 * cards and of suspected fraud are omitted on purpose: a caller must not learn of them.
 */
import type { DeclineCause } from '../../domain/failure-causes.ts';
import { causeIn, declinedBecause } from '../refusal.ts';

/** Of a payer who failed to authenticate. It comes as an error of a card or of a request. */
export const AUTHENTICATION_FAILURE = 'payment_intent_authentication_failure';

/** Decline codes and error codes of cards. */
const STRIPE_CARD_CODES: Readonly<Record<string, DeclineCause>> = {
  insufficient_funds: 'insufficient_funds',
  expired_card: 'expired',
  incorrect_number: 'invalid_card',
  invalid_number: 'invalid_card',
  invalid_account: 'invalid_card',
  incorrect_cvc: 'invalid_card',
  invalid_cvc: 'invalid_card',
  invalid_expiry_month: 'invalid_card',
  invalid_expiry_year: 'invalid_card',
  incorrect_zip: 'invalid_card',
  incorrect_address: 'invalid_card',
  authentication_required: 'authentication_required',
  authentication_not_handled: 'authentication_required',
  [AUTHENTICATION_FAILURE]: 'authentication_failed',
  card_velocity_exceeded: 'limit_exceeded',
  withdrawal_count_limit_exceeded: 'limit_exceeded',
  card_decline_rate_limit_exceeded: 'limit_exceeded',
  card_not_supported: 'not_supported',
  currency_not_supported: 'not_supported',
  invalid_amount: 'limit_exceeded',
  processing_error: 'try_again',
  issuer_not_available: 'try_again',
  try_again_later: 'try_again',
  reenter_transaction: 'try_again',
  approve_with_id: 'try_again',
};

/** Error codes of requests that Stripe refuses because of their content. */
const STRIPE_REQUEST_CODES: Readonly<Record<string, DeclineCause>> = {
  amount_too_small: 'amount_too_small',
  amount_too_large: 'amount_too_large',
  invalid_charge_amount: 'amount_not_payable',
  charge_already_refunded: 'already_refunded',
  charge_disputed: 'disputed',
  refund_disputed_payment: 'disputed',
  charge_exceeds_source_limit: 'limit_exceeded',
  [AUTHENTICATION_FAILURE]: 'authentication_failed',
  balance_insufficient: 'merchant_funds',
  insufficient_funds: 'merchant_funds',
};

/** The decline code is more precise than the error code. */
export function stripeDecline(declineCode: string | undefined, code: string | undefined) {
  const cause = causeIn(STRIPE_CARD_CODES, declineCode) ?? causeIn(STRIPE_CARD_CODES, code) ?? 'declined';
  return declinedBecause(cause, declineCode ?? code);
}

/** Null where Stripe refused the request for another reason than its content. */
export function stripeRequestCause(code: string | undefined): DeclineCause | null {
  return causeIn(STRIPE_REQUEST_CODES, code);
}

/**
 * What providers' codes mean here: one table for each of them, and the contract's codes follow from the causes (see
 * domain/failure-causes.ts). What is not listed is a plain decline or failure. Lost and stolen cards, and whatever smells of
 * fraud, are left out on purpose: a caller must not learn of them.
 */
import { codeOf } from '../domain/failure.ts';
import type { DeclineCause, FailureCause } from '../domain/failure-causes.ts';
import type { GatewayOutcome } from './gateway.ts';

/** Stripe's decline codes and error codes of cards, the closer one first. */
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

/** Stripe's codes of requests that it refuses because of what they ask for. */
const STRIPE_REQUEST_CODES: Readonly<Record<string, DeclineCause>> = {
  amount_too_small: 'amount_too_small',
  amount_too_large: 'amount_too_large',
  invalid_charge_amount: 'amount_not_payable',
  charge_already_refunded: 'already_refunded',
  charge_disputed: 'disputed',
  refund_disputed_payment: 'disputed',
  charge_exceeds_source_limit: 'limit_exceeded',
  balance_insufficient: 'merchant_funds',
  insufficient_funds: 'merchant_funds',
};

export function stripeDecline(declineCode: string | undefined, code: string | undefined) {
  const cause = lookedUp(STRIPE_CARD_CODES, declineCode) ?? lookedUp(STRIPE_CARD_CODES, code) ?? 'declined';
  return declinedBecause(cause, declineCode ?? code);
}

/** Null where the request was refused for another reason than what it asks for. */
export function stripeRequestCause(code: string | undefined): DeclineCause | null {
  return lookedUp(STRIPE_REQUEST_CODES, code);
}

/** PayPal's issues of captures and refunds, of 403, 404 and 422 answers. */
const PAYPAL_ISSUES: Readonly<Record<string, FailureCause>> = {
  // Of the order.
  INVALID_RESOURCE_ID: 'order_not_found',
  ORDER_NOT_APPROVED: 'order_not_approved',
  PAYER_ACTION_REQUIRED: 'order_not_approved',
  CONSENT_NEEDED: 'order_not_approved',
  ORDER_ALREADY_CAPTURED: 'order_used',
  ORDER_ALREADY_COMPLETED: 'order_used',
  BILLING_AGREEMENT_NOT_FOUND: 'order_not_found',
  AGREEMENT_ALREADY_CANCELLED: 'order_not_approved',
  // Of the payer and what they pay with. The order stays good: the payer can choose another funding source for it.
  INSTRUMENT_DECLINED: 'funding_declined',
  CARD_BRAND_NOT_SUPPORTED: 'funding_declined',
  REFERENCED_CARD_EXPIRED: 'funding_expired',
  INVALID_SECURITY_CODE_LENGTH: 'funding_invalid',
  CARD_EXPIRED: 'funding_expired',
  REDIRECT_PAYER_FOR_ALTERNATE_FUNDING: 'payer_cannot_pay',
  PAYER_CANNOT_PAY: 'payer_cannot_pay',
  PAYER_ACCOUNT_RESTRICTED: 'payer_cannot_pay',
  PAYER_ACCOUNT_LOCKED_OR_CLOSED: 'payer_cannot_pay',
  DOMESTIC_TRANSACTION_REQUIRED: 'payer_cannot_pay',
  MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED: 'payer_cannot_pay',
  TRANSACTION_LIMIT_EXCEEDED: 'funding_declined',
  TRANSACTION_REFUSED: 'payment_failed',
  COMPLIANCE_VIOLATION: 'payment_failed',
  PAYEE_BLOCKED_TRANSACTION: 'payment_failed',
  TRANSACTION_BLOCKED_BY_PAYEE: 'payment_failed',
  DECLINED_DUE_TO_RELATED_TXN: 'payment_failed',
  // Of the merchant's account, which somebody has to put right.
  PERMISSION_DENIED: 'gateway_not_configured',
  PAYEE_ACCOUNT_RESTRICTED: 'gateway_not_configured',
  PAYEE_ACCOUNT_LOCKED_OR_CLOSED: 'gateway_not_configured',
  PAYEE_NOT_ENABLED_FOR_CARD_PROCESSING: 'gateway_not_configured',
  PAYEE_NOT_ENABLED_FOR_BANK_PROCESSING: 'gateway_not_configured',
  NOT_ENABLED_FOR_CARD_PROCESSING: 'gateway_not_configured',
  NOT_ENABLED_FOR_BANK_PROCESSING: 'gateway_not_configured',
  AUTH_CAPTURE_NOT_ENABLED: 'gateway_not_configured',
  TRANSACTION_RECEIVING_LIMIT_EXCEEDED: 'gateway_not_configured',
  // Of refunds.
  CAPTURE_FULLY_REFUNDED: 'already_refunded',
  REFUND_AMOUNT_EXCEEDED: 'refund_exceeds',
  REFUND_TIME_LIMIT_EXCEEDED: 'refund_too_late',
  REFUND_FAILED_INSUFFICIENT_FUNDS: 'merchant_funds',
  REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK: 'disputed',
  TRANSACTION_DISPUTED: 'disputed',
  CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED: 'disputed',
  REFUND_NOT_ALLOWED: 'refund_not_allowed',
  REFUND_AMOUNT_TOO_LOW: 'refund_not_allowed',
  REFUND_CAPTURE_CURRENCY_MISMATCH: 'refund_not_allowed',
  PARTIAL_REFUND_NOT_ALLOWED: 'refund_not_allowed',
  MAX_NUMBER_OF_REFUNDS_EXCEEDED: 'refund_not_allowed',
  PENDING_CAPTURE: 'refund_not_allowed',
  REFUND_IS_RESTRICTED: 'gateway_not_configured',
};

/** Null where the issue says nothing of how it ended. */
export function paypalCause(issue: string | undefined): FailureCause | null {
  return lookedUp(PAYPAL_ISSUES, issue);
}

/**
 * The outcome of a call that was certainly not carried out.
 *
 * @param reason for the log, where it is for the operator to do something; callers read the words of the cause
 */
export function refusedBecause(cause: FailureCause, providerCode?: string, reason?: string): GatewayOutcome {
  const why = { cause, ...(providerCode !== undefined && { providerCode }) };
  const code = codeOf(cause);
  if (code !== 'PAYMENT_GATEWAY_ERROR') return { kind: 'declined', code, ...why };
  return { kind: 'failed', ...why, ...(reason !== undefined && { reason }) };
}

export function declinedBecause(cause: DeclineCause, providerCode?: string): GatewayOutcome & { kind: 'declined' } {
  return { kind: 'declined', code: codeOf(cause), cause, ...(providerCode !== undefined && { providerCode }) };
}

/** Codes come from outside, and may be named like a method of every object. */
function lookedUp<Cause>(table: Readonly<Record<string, Cause>>, code: string | undefined): Cause | null {
  return code !== undefined && Object.hasOwn(table, code) ? (table[code] ?? null) : null;
}

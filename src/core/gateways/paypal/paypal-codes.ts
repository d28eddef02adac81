/** The cause that each of PayPal's issues means. An issue that is not listed does not determine the outcome. */
import type { FailureCause } from '../../domain/failure-causes.ts';
import { causeIn } from '../refusal.ts';

/** Issues in 403, 404 and 422 answers to orders, authorizations, captures and refunds. */
const PAYPAL_ISSUES: Readonly<Record<string, FailureCause>> = {
  // Of the order.
  INVALID_RESOURCE_ID: 'order_not_found',
  ORDER_NOT_APPROVED: 'order_not_approved',
  PAYER_ACTION_REQUIRED: 'order_not_approved',
  CONSENT_NEEDED: 'order_not_approved',
  ORDER_ALREADY_CAPTURED: 'order_used',
  ORDER_ALREADY_COMPLETED: 'order_used',
  ORDER_EXPIRED: 'order_not_found',
  BILLING_AGREEMENT_NOT_FOUND: 'order_not_found',
  AGREEMENT_ALREADY_CANCELLED: 'order_not_approved',
  // Of the payer and the funding source. The order stays valid: the payer can choose another funding source for it.
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
  // Of the amount of a new order.
  INVALID_CURRENCY_CODE: 'amount_not_payable',
  DECIMAL_PRECISION: 'amount_not_payable',
  DECIMALS_NOT_SUPPORTED: 'amount_not_payable',
  MAX_VALUE_EXCEEDED: 'amount_too_large',
  // Of the merchant's account: the merchant has to correct its configuration.
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

/** Null where the issue does not determine the outcome. */
export function paypalCause(issue: string | undefined): FailureCause | null {
  return causeIn(PAYPAL_ISSUES, issue);
}

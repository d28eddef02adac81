/** Every cause of a failure that is known by more than its code: the contract's code, the reason, and the advice that goes with it. */
import type { ErrorCode } from '../../contract/error-codes.ts';

/** The codes with which a payment or a refund can end as `failed`. */
export type FailureCode = Extract<
  ErrorCode,
  | 'INVALID_CARD'
  | 'INSUFFICIENT_FUNDS'
  | 'CARD_EXPIRED'
  | 'CARD_DECLINED'
  | 'PAYMENT_FAILED'
  | 'AUTHENTICATION_FAILED'
  | 'AUTHENTICATION_EXPIRED'
  | 'AUTHORIZATION_EXPIRED'
  | 'PAYMENT_VOIDED'
  | 'REFUND_NOT_ALLOWED'
  | 'PAYMENT_GATEWAY_ERROR'
>;

/** Why a gateway declines: the payer, the card, or what was paid before is the reason. */
export type DeclineCode = Exclude<FailureCode, 'PAYMENT_GATEWAY_ERROR'>;

/** What a caller gets to read of a cause. */
interface Advice {
  code: FailureCode;
  /** In events and in `details.reason`. */
  reason: string;
  /** Whether another attempt of the same payment, or the same refund, may succeed. */
  retryPossible: boolean;
  nextStep: string;
}

const ANOTHER_CARD = 'Pay with another card, or ask the bank that issued this one.';
const OTHER_FUNDING =
  'Send the payer back to PayPal to choose another funding source, then pay with the same order again.';
const NEW_ORDER = 'Have the payer approve a new order in PayPal, and pay with its id.';
const ASK_OPERATOR = 'Try again later; if it goes on, the operator of this service finds the cause in its log.';
const ANOTHER_WAY = 'Pay the money back in another way.';

/**
 * Every cause that is known by more than its code, under the name that the ledger keeps. What banks say of lost and stolen
 * cards and of fraud is not among them: to a caller it is `declined`, like everything that a bank does not explain.
 */
export const CAUSES = {
  invalid_card: {
    code: 'INVALID_CARD',
    reason: 'Invalid card details',
    retryPossible: true,
    nextStep: 'Correct the number, the expiry date or the security code, or pay with another card.',
  },
  unknown_token: {
    code: 'INVALID_CARD',
    reason: 'The payment_method_token is not known, has been used before, or cannot be used for this payment',
    retryPossible: true,
    nextStep: 'Collect the card again, and pay with the new token.',
  },
  expired: {
    code: 'CARD_EXPIRED',
    reason: 'Card has expired',
    retryPossible: true,
    nextStep: 'Pay with another card.',
  },
  insufficient_funds: {
    code: 'INSUFFICIENT_FUNDS',
    reason: 'Insufficient funds',
    retryPossible: true,
    nextStep: 'Pay with another card, or again when the account has enough.',
  },
  declined: { code: 'CARD_DECLINED', reason: 'Card declined by bank', retryPossible: true, nextStep: ANOTHER_CARD },
  limit_exceeded: {
    code: 'CARD_DECLINED',
    reason: "The amount or the number of payments is beyond the card's limit",
    retryPossible: true,
    nextStep: ANOTHER_CARD,
  },
  not_supported: {
    code: 'CARD_DECLINED',
    reason: 'The card does not support this kind of payment, or its currency',
    retryPossible: true,
    nextStep: 'Pay with another card.',
  },
  authentication_required: {
    code: 'CARD_DECLINED',
    reason: "The card's bank requires the payer to authenticate",
    retryPossible: true,
    nextStep: 'Pay again with a return_url, where the payer comes back to after authenticating, or with another card.',
  },
  authentication_failed: {
    code: 'AUTHENTICATION_FAILED',
    reason: 'The payer could not be authenticated',
    retryPossible: true,
    nextStep: 'Pay again, or with another card.',
  },
  authentication_expired: {
    code: 'AUTHENTICATION_EXPIRED',
    reason: 'The payer did not authenticate or approve the payment in time',
    retryPossible: true,
    nextStep: 'Pay again, and send the payer to the new address at once.',
  },
  authorization_expired: {
    code: 'AUTHORIZATION_EXPIRED',
    reason: 'The payment was not captured in time, and the money is no longer held',
    retryPossible: true,
    nextStep: 'Pay again, and capture the payment before capture_before.',
  },
  authorization_ended: {
    code: 'AUTHORIZATION_EXPIRED',
    reason: 'The payment provider no longer holds the money',
    retryPossible: true,
    nextStep: 'Pay again.',
  },
  voided: {
    code: 'PAYMENT_VOIDED',
    reason: 'The payment was voided before it was captured',
    retryPossible: true,
    nextStep: 'Nothing was charged. Pay again if the booking is still wanted.',
  },
  try_again: {
    code: 'CARD_DECLINED',
    reason: 'The bank could not be reached',
    retryPossible: true,
    nextStep: 'Pay again in some minutes, or with another card.',
  },
  payment_failed: {
    code: 'PAYMENT_FAILED',
    reason: 'Payment could not be processed',
    retryPossible: true,
    nextStep: 'Try again, or pay in another way.',
  },
  token_required: {
    code: 'PAYMENT_FAILED',
    reason: 'A payment_method_token or card details are required',
    retryPossible: true,
    nextStep: 'Send a payment_method_token, as Stripe.js makes it.',
  },
  paypal_required: {
    code: 'PAYMENT_FAILED',
    reason: 'PayPal details are required',
    retryPossible: true,
    nextStep: 'Send paypal_details with the id of an order that the payer has approved.',
  },
  amount_too_small: {
    code: 'PAYMENT_FAILED',
    reason: 'The amount is below the least that can be charged',
    retryPossible: false,
    nextStep: 'Ask for a larger amount, or pay in another way.',
  },
  amount_too_large: {
    code: 'PAYMENT_FAILED',
    reason: 'The amount is beyond what can be charged at once',
    retryPossible: false,
    nextStep: 'Ask for a smaller amount, or pay in another way.',
  },
  amount_not_payable: {
    code: 'PAYMENT_FAILED',
    reason: 'The payment provider does not take this currency, or not with so many decimals',
    retryPossible: false,
    nextStep: 'Ask for an amount without the last decimals, or pay in another way.',
  },
  order_not_found: {
    code: 'PAYMENT_FAILED',
    reason: 'There is no such PayPal order',
    retryPossible: false,
    nextStep: NEW_ORDER,
  },
  order_not_approved: {
    code: 'PAYMENT_FAILED',
    reason: 'The payer has not approved the PayPal order',
    retryPossible: true,
    nextStep: 'Have the payer approve the order in PayPal, then pay with it again.',
  },
  order_differs: {
    code: 'PAYMENT_FAILED',
    reason: 'The PayPal order is about another amount, another currency or another merchant',
    retryPossible: false,
    nextStep: 'Make the PayPal order anew, with the amount of the booking and this merchant as its payee.',
  },
  order_of_another_booking: {
    code: 'PAYMENT_FAILED',
    reason: 'The PayPal order was created for another booking',
    retryPossible: false,
    nextStep:
      "Create the PayPal order with the booking's id as custom_id, have the payer approve it, and pay with its id.",
  },
  order_used: {
    code: 'PAYMENT_FAILED',
    reason: 'The PayPal order has paid for something else already',
    retryPossible: false,
    nextStep: NEW_ORDER,
  },
  order_changed: {
    code: 'PAYMENT_FAILED',
    reason: 'The PayPal order was changed while it was being paid',
    retryPossible: false,
    nextStep: `What was captured for this merchant is refunded automatically. ${NEW_ORDER}`,
  },
  captured_amount_differs: {
    code: 'PAYMENT_FAILED',
    reason: 'Another amount was captured at the payment provider',
    retryPossible: true,
    nextStep: 'What was captured is refunded automatically. Pay again.',
  },
  funding_declined: {
    code: 'CARD_DECLINED',
    reason: 'PayPal could not charge the funding source that the payer chose',
    retryPossible: true,
    nextStep: OTHER_FUNDING,
  },
  funding_expired: {
    code: 'CARD_EXPIRED',
    reason: 'The card that the payer chose in PayPal has expired',
    retryPossible: true,
    nextStep: OTHER_FUNDING,
  },
  funding_invalid: {
    code: 'INVALID_CARD',
    reason: 'The card that the payer chose in PayPal is not valid',
    retryPossible: true,
    nextStep: OTHER_FUNDING,
  },
  capture_declined: {
    code: 'CARD_DECLINED',
    reason: 'PayPal declined the payment of this order',
    retryPossible: true,
    nextStep: 'Have the payer approve a new order with another funding source in PayPal, and pay with its id.',
  },
  new_order_declined: {
    code: 'CARD_DECLINED',
    reason: 'PayPal could not charge the funding source that the payer chose',
    retryPossible: true,
    nextStep: 'Pay again, and have the payer choose another funding source in PayPal.',
  },
  new_order_ended: {
    code: 'PAYMENT_FAILED',
    reason: 'The PayPal order ended before it was paid',
    retryPossible: true,
    nextStep: 'Pay again, and send the payer to the new address at once.',
  },
  new_order_changed: {
    code: 'PAYMENT_FAILED',
    reason: 'The PayPal order was changed before it was paid',
    retryPossible: true,
    nextStep: 'What was captured for this merchant is refunded automatically. Pay again.',
  },
  payer_cannot_pay: {
    code: 'PAYMENT_FAILED',
    reason: 'The payer cannot pay with this PayPal account or what it is funded by',
    retryPossible: true,
    nextStep: 'Have the payer choose another way to pay in PayPal, or pay by card.',
  },
  gateway_error: {
    code: 'PAYMENT_GATEWAY_ERROR',
    reason: 'Gateway service error',
    retryPossible: true,
    nextStep: ASK_OPERATOR,
  },
  never_happened: {
    code: 'PAYMENT_GATEWAY_ERROR',
    reason: 'The request never reached the payment gateway',
    retryPossible: true,
    nextStep: 'Try again.',
  },
  gateway_not_configured: {
    code: 'PAYMENT_GATEWAY_ERROR',
    reason: 'Gateway service error',
    retryPossible: false,
    nextStep: 'The operator of this service has to correct its settings or its account at the provider: see the log.',
  },
  charge_unknown: {
    code: 'PAYMENT_GATEWAY_ERROR',
    reason: 'The payment provider does not know the payment',
    retryPossible: false,
    nextStep:
      'Nothing was paid back. The operator of this service finds the charge at the provider, or the account it was made with: see the log.',
  },
  refund_not_allowed: {
    code: 'REFUND_NOT_ALLOWED',
    reason: 'Refund not permitted',
    retryPossible: false,
    nextStep: ANOTHER_WAY,
  },
  already_refunded: {
    code: 'REFUND_NOT_ALLOWED',
    reason: 'The payment has been refunded at the provider already',
    retryPossible: false,
    nextStep: 'Nothing is left to pay back: ask for the status of the payment.',
  },
  refund_exceeds: {
    code: 'REFUND_NOT_ALLOWED',
    reason: 'The amount exceeds what is left to refund at the provider',
    retryPossible: false,
    nextStep: 'Ask for the status of the payment, and refund no more than is left of it.',
  },
  refund_too_late: {
    code: 'REFUND_NOT_ALLOWED',
    reason: 'The payment is too old to be refunded',
    retryPossible: false,
    nextStep: ANOTHER_WAY,
  },
  disputed: {
    code: 'REFUND_NOT_ALLOWED',
    reason: 'The payment is disputed by the payer',
    retryPossible: false,
    nextStep: "Resolve the dispute in the provider's dashboard.",
  },
  merchant_funds: {
    code: 'REFUND_NOT_ALLOWED',
    reason: "The merchant's balance at the provider is too low",
    retryPossible: true,
    nextStep: "Refund it again when the merchant's balance at the provider suffices.",
  },
  refund_sent_back: {
    code: 'REFUND_NOT_ALLOWED',
    reason: "The payer's bank did not take the refund",
    retryPossible: false,
    nextStep: ANOTHER_WAY,
  },
} as const satisfies Record<string, Advice>;

export type FailureCause = keyof typeof CAUSES;

/** The causes with which a gateway declines. */
export type DeclineCause = {
  [Cause in FailureCause]: (typeof CAUSES)[Cause]['code'] extends DeclineCode ? Cause : never;
}[FailureCause];

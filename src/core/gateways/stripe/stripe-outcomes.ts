/** Outcomes from Stripe's answers and errors. Pure functions. */
import type { Stripe } from 'stripe';
import type { Transaction } from '../../domain/transaction.ts';
import type { GatewayOutcome, LookUp, NoOutcome } from '../gateway.ts';
import { declinedBecause, refusedBecause } from '../refusal.ts';
import { minorUnitsOfStripe } from './stripe-amount.ts';
import { type StripeFailure, stripeWhy, UNEXPECTED_STATE } from './stripe-client.ts';
import { AUTHENTICATION_FAILURE, stripeDecline, stripeRequestCause } from './stripe-codes.ts';

export const NOT_FOUND = { kind: 'not_found' } as const;

export type KnownState = Exclude<LookUp, NoOutcome>;

export function stateOfIntent(intent: Stripe.PaymentIntent, transaction: Transaction): KnownState {
  switch (intent.status) {
    case 'succeeded':
      return stateOfMoney(intent, transaction);
    case 'processing':
      return { kind: 'in_progress' };
    case 'requires_capture':
      return { kind: 'authorized', reference: intent.id, expiresAtMs: heldUntilMs(intent) };
    case 'requires_action':
      return { kind: 'challenged', url: intent.next_action?.redirect_to_url?.url ?? null, intent: intent.id };
    case 'canceled':
      // After a decline, the attempt that learned of it first has cancelled the intent.
      return declineIn(intent) ?? { kind: 'cancelled' };
    case 'requires_payment_method':
      return declineIn(intent) ?? NOT_FOUND;
    default:
      // Not confirmed: treated as not found, because the confirmation may still be on its way.
      return NOT_FOUND;
  }
}

/** Null where no attempt to pay has been declined. */
function declineIn({ last_payment_error: error }: Stripe.PaymentIntent): KnownState | null {
  if (!error) return null;
  // Stripe leaves the intent open, and its client secret is in the address that the payer comes back to. Nothing here confirms it
  // again. Should a page do so, that is a late charge (invariant 1).
  if (error.code === AUTHENTICATION_FAILURE) return declinedBecause('authentication_failed', error.code);
  // No bank has declined it: Stripe has refused the payment method itself.
  if (error.type === 'invalid_request_error') return declinedBecause('unknown_token', error.code);
  return stripeDecline(error.decline_code, error.code);
}

/** Only a capture in Stripe's dashboard takes another amount than was asked for. */
function stateOfMoney({ id, amount_received, currency }: Stripe.PaymentIntent, transaction: Transaction): KnownState {
  const isSameCurrency = currency.toUpperCase() === transaction.currency;
  const amountMinor = isSameCurrency ? minorUnitsOfStripe(amount_received, currency) : null;
  if (amountMinor === transaction.amountMinor) return { kind: 'approved', reference: id };
  return { kind: 'mischarged', reference: id, amountMinor, cause: 'captured_amount_differs' };
}

/** Null where Stripe does not say, or was not asked for the charge. */
function heldUntilMs({ latest_charge: charge }: Stripe.PaymentIntent): number | null {
  const captureBefore = typeof charge === 'object' ? charge?.payment_method_details?.card?.capture_before : undefined;
  return captureBefore === undefined ? null : captureBefore * 1000;
}

export function stateOfRefund(refund: Stripe.Refund): KnownState {
  switch (refund.status) {
    case 'succeeded':
      return { kind: 'approved', reference: refund.id };
    case 'failed':
    case 'canceled':
      return declinedBecause('refund_sent_back', refund.failure_reason);
    default:
      return { kind: 'in_progress' };
  }
}

/** What was found right after asking for it. */
export function asOutcome(state: KnownState, intent?: string): GatewayOutcome {
  if (state.kind === 'cancelled') return { kind: 'failed', cause: 'never_happened' };
  if (state.kind === 'payer_approved') throw new Error('Stripe waits for nobody to take an approved payment');
  if (state.kind !== 'in_progress' && state.kind !== 'not_found') return state;
  const reason = 'Stripe is still working on it';
  const accepted = state.kind === 'in_progress';
  return { kind: 'unknown', reason, silent: false, accepted, ...(intent !== undefined && { intent }) };
}

/** Of a state that Stripe was asked about after a call, and did not name. */
export function unknownBecause({ kind, reason, cause }: NoOutcome, intent: string): GatewayOutcome {
  return { kind: 'unknown', reason, silent: kind === 'unreachable', intent, ...(cause !== undefined && { cause }) };
}

/** Stripe's codes for a token that is used up, in use by another request, or no card. */
const TOKEN_CODES = new Set([
  'token_already_used',
  'token_in_use',
  'payment_method_unexpected_state',
  'payment_intent_incompatible_payment_method',
]);

/** Stripe's codes for a request of ours that has a wrong form, whichever parameter it names. */
const FORM_CODES = new Set(['parameter_missing', 'parameter_unknown', 'parameters_exclusive']);

/**
 * Whether Stripe refuses the payment method that a confirmation names. For one that has been used before, or that belongs to a
 * customer, Stripe gives neither a code nor a parameter. Nothing else in a confirmation can be refused like that: the
 * intent is ours and has a state error of its own.
 */
function refusesPaymentMethod({ status, type, code, param }: StripeFailure): boolean {
  if (status !== 400 || type !== 'invalid_request_error') return false;
  if (code === undefined && param === undefined) return true;
  return param?.startsWith('payment_method') === true && (code === undefined || !FORM_CODES.has(code));
}

/** Of a call before the confirmation: whatever the error, nothing was charged or will be. */
export function refusedBeforeMoney(failed: StripeFailure): GatewayOutcome {
  const { status, type, code, declineCode, param, silent } = failed;
  if (type === 'card_error') return stripeDecline(declineCode, code);
  if (status === 400 || status === 404) {
    const cause = stripeRequestCause(code);
    if (cause !== null) return declinedBecause(cause, code);
    if (code === 'resource_missing' && param !== 'intent') return declinedBecause('unknown_token', code);
    if (code !== undefined && TOKEN_CODES.has(code)) return declinedBecause('unknown_token', code);
    if (param === 'currency') return declinedBecause('amount_not_payable', code);
  }
  if (status === 402) {
    const reason =
      'Stripe does not take card numbers from this account (402): send a payment_method_token, or ask Stripe for raw card data';
    return refusedBecause('gateway_not_configured', code, reason);
  }
  return { kind: 'failed', ...stripeWhy(failed), silent, ...(code !== undefined && { providerCode: code }) };
}

/**
 * Of the confirmation: only Stripe's own error about this request is certain. The request may have been sent twice, and then a
 * refused key does not determine the outcome of the first one.
 *
 * @param isCallersMethod whether the caller chose the payment method. One that was made for this charge can't have been used before
 */
export function refusedConfirmation(failed: StripeFailure, intent: string, isCallersMethod: boolean): GatewayOutcome {
  const { status, type, code, silent } = failed;
  const isCertain =
    type === 'card_error' ||
    ((status === 400 || status === 402 || status === 404) && type !== 'idempotency_error' && code !== UNEXPECTED_STATE);
  if (!isCertain) return { kind: 'unknown', ...stripeWhy(failed), silent, intent };
  if (isCallersMethod && refusesPaymentMethod(failed)) return declinedBecause('unknown_token', code);
  return refusedBeforeMoney(failed);
}

/** Of a refund, or a look-up of one. */
export const CHARGE_UNKNOWN = {
  kind: 'failed',
  cause: 'charge_unknown',
  providerCode: 'resource_missing',
  reason: 'Stripe has no such payment: was it made with another account?',
} as const;

/** Whether Stripe does not have the payment whose refund was asked for, or asked about. */
export function isChargeUnknown({ status, code, param }: StripeFailure): boolean {
  return (status === 400 || status === 404) && code === 'resource_missing' && param === 'payment_intent';
}

/**
 * A refund can be sent again, and then a refused key or a rate limit does not determine the first request's outcome. One that is
 * no valid refund is answered the same each time, and so is one of a charge that Stripe does not have: Stripe deletes none.
 */
export function refusedRefund(failed: StripeFailure): GatewayOutcome {
  const { status, type, code, param, silent } = failed;
  if (isChargeUnknown(failed)) return CHARGE_UNKNOWN;
  const isCertain = (status === 400 || status === 402) && type !== 'idempotency_error';
  if (!isCertain) return { kind: 'unknown', ...stripeWhy(failed), silent };
  const cause = stripeRequestCause(code) ?? (param === 'amount' ? 'refund_exceeds' : 'refund_not_allowed');
  return declinedBecause(cause, code);
}

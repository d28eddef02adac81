/** What Stripe's answers and refusals mean: pure, from what was heard to what is known. */
import type { Stripe } from 'stripe';
import type { GatewayOutcome, LookUp, NoOutcome } from './gateway.ts';
import { declinedBecause, refusedBecause, stripeDecline, stripeRequestCause } from './provider-codes.ts';
import { type StripeFailure, stripeWhy } from './stripe-client.ts';

export const NOT_FOUND = { kind: 'not_found' } as const;

export type KnownState = Exclude<LookUp, NoOutcome>;

export function stateOfIntent(intent: Stripe.PaymentIntent): KnownState {
  switch (intent.status) {
    case 'succeeded':
      return { kind: 'approved', reference: intent.id };
    case 'processing':
    case 'requires_capture':
      return { kind: 'in_progress' };
    case 'requires_action':
      // Nobody has what it takes to go on with it: the secret for that is given to nobody.
      return declinedBecause('authentication_required');
    case 'canceled':
      return { kind: 'failed', cause: 'never_happened' };
    case 'requires_payment_method': {
      const declined = intent.last_payment_error;
      return declined ? stripeDecline(declined.decline_code, declined.code) : NOT_FOUND;
    }
    default:
      // Not confirmed: as good as not there, since the confirmation may be on its way.
      return NOT_FOUND;
  }
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
  if (state.kind !== 'in_progress' && state.kind !== 'not_found') return state;
  const reason = 'Stripe is still working on it';
  return { kind: 'unknown', reason, silent: false, ...(intent !== undefined && { intent }) };
}

/** Of a call before the confirmation: whatever went wrong, nothing was charged, and nobody is going to. */
export function refusedBeforeMoney(failed: StripeFailure): GatewayOutcome {
  const { status, type, code, declineCode, param, silent } = failed;
  if (type === 'card_error') return stripeDecline(declineCode, code);
  if (status === 400 || status === 404) {
    const cause = stripeRequestCause(code);
    if (cause !== null) return declinedBecause(cause, code);
    if (code === 'resource_missing' && param !== 'intent') return declinedBecause('unknown_token', code);
    if (code === 'token_already_used') return declinedBecause('unknown_token', code);
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
 * Of the confirmation: only what Stripe says of this very request is certain. It may have been sent twice, and then a refusal of
 * the key says nothing of the first time.
 */
export function refusedConfirmation(failed: StripeFailure, intent: string): GatewayOutcome {
  const { status, type, code, silent } = failed;
  const isCertain =
    type === 'card_error' ||
    ((status === 400 || status === 402 || status === 404) &&
      type !== 'idempotency_error' &&
      code !== 'payment_intent_unexpected_state');
  return isCertain ? refusedBeforeMoney(failed) : { kind: 'unknown', ...stripeWhy(failed), silent, intent };
}

/**
 * A refund can be sent again, and then a refusal of the key or of the rate says nothing of the request before. One that is
 * no valid refund is answered the same each time.
 */
export function refusedRefund(failed: StripeFailure): GatewayOutcome {
  const { status, type, code, param, silent } = failed;
  const isCertain = (status === 400 || status === 402) && type !== 'idempotency_error';
  if (!isCertain) return { kind: 'unknown', ...stripeWhy(failed), silent };
  const cause = stripeRequestCause(code) ?? (param === 'amount' ? 'refund_exceeds' : 'refund_not_allowed');
  return declinedBecause(cause, code);
}

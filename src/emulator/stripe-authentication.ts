/** The payer's authentication (3-D Secure): what a confirmation waits for, and what becomes of the intent. */
import { LETTERS_AND_DIGITS, randomText } from './api.ts';
import type { AuthenticationRow, Cause, IntentRow, StripeBooks } from './stripe-books.ts';
import { approve, chargeOf, recordDecline } from './stripe-charges.ts';
import { showIntent, showMethod } from './stripe-objects.ts';

/** A page's path ends in the secret of its authentication. */
export const AUTHENTICATION_PATH = '/stripe/authenticate/';

export type AuthenticationEnd = 'completed' | 'failed';

const FAILED =
  'The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to ' +
  'attempt to fulfill this PaymentIntent again.';

export function beginAuthentication(
  books: StripeBooks,
  intent: IntentRow,
  returnUrl: string | null,
  cause: Cause,
): void {
  const secret = randomText(books.clock, LETTERS_AND_DIGITS, 32);
  const url = new URL(`${AUTHENTICATION_PATH}${secret}`, books.baseUrl()).href;
  intent.authentication = { intent, url, returnUrl };
  books.authentications.set(secret, intent.authentication);
  intent.status = 'requires_action';
  intent.lastError = null;
  books.emit('payment_intent.requires_action', showIntent(intent), cause);
}

/** Whether the intent still waits for it, and not for a later one. */
export function isOpen(authentication: AuthenticationRow): boolean {
  const { intent } = authentication;
  return intent.status === 'requires_action' && intent.authentication === authentication;
}

/** One that is open. */
export function endAuthentication(
  books: StripeBooks,
  { intent }: AuthenticationRow,
  end: AuthenticationEnd,
  cause: Cause,
): void {
  const { method } = intent;
  if (method?.card.outcome.kind !== 'needs_authentication') throw new Error(`${intent.id} waits for no authentication`);
  if (end === 'failed') {
    const error = { type: 'invalid_request_error', code: 'payment_intent_authentication_failure', message: FAILED };
    intent.status = 'requires_payment_method';
    intent.method = null;
    intent.lastError = { ...error, payment_method: showMethod(method) };
    books.emit('payment_intent.payment_failed', showIntent(intent), cause);
    return;
  }
  const charge = chargeOf(books, intent, method, 'pending', true);
  const outcome = method.card.outcome.end;
  if (outcome.kind === 'declined') recordDecline(books, intent, method, outcome, charge, cause);
  else approve(books, intent, charge, cause);
}

/** As Stripe sends the payer back. Null: the shop's own page waits for the end. */
export function addressAfter({ intent, returnUrl }: AuthenticationRow): string | null {
  if (returnUrl === null) return null;
  const address = new URL(returnUrl);
  const hasSucceeded = intent.status === 'succeeded' || intent.status === 'requires_capture';
  const added = [
    `payment_intent=${intent.id}`,
    `payment_intent_client_secret=${intent.clientSecret}`,
    `redirect_status=${hasSucceeded ? 'succeeded' : 'failed'}`,
  ].join('&');
  address.search = address.search === '' ? added : `${address.search}&${added}`;
  return address.href;
}

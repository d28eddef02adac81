/** Payment intents, and what becomes of them when they are confirmed or canceled. */
import type { Stripe } from 'stripe';
import { type Decline, type Ending, LETTERS_AND_DIGITS, randomText } from './api.ts';
import { beginAuthentication } from './stripe-authentication.ts';
import type { Cause, IntentRow, PaymentMethodRow, StripeBooks } from './stripe-books.ts';
import { finishCapture, unexpectedState } from './stripe-captures.ts';
import { approve, chargeOf, recordDecline } from './stripe-charges.ts';
import { checkDescriptorSuffix } from './stripe-descriptors.ts';
import { cardError, type Declined, invalid } from './stripe-errors.ts';
import { methodOf } from './stripe-methods.ts';
import { checkAmount } from './stripe-money.ts';
import { showIntent } from './stripe-objects.ts';
import { emitRelease, release } from './stripe-refunds.ts';

const BY_AUTHENTICATION: Decline = {
  code: 'authentication_required',
  declineCode: 'authentication_required',
  message: 'Your card was declined. This transaction requires authentication.',
};

const CAN_BE_CONFIRMED = ['requires_payment_method', 'requires_confirmation', 'requires_action'];
const CAN_BE_CANCELED = ['requires_payment_method', 'requires_capture', 'requires_confirmation', 'requires_action'];

export function createIntent(books: StripeBooks, params: Stripe.PaymentIntentCreateParams, cause: Cause): IntentRow {
  const intent: IntentRow = {
    id: books.id('pi'),
    clientSecret: '',
    status: 'requires_payment_method',
    amount: params.amount,
    currency: params.currency.toLowerCase(),
    metadata: (params.metadata || {}) as Record<string, string>,
    description: params.description ?? null,
    receiptEmail: params.receipt_email ?? null,
    statementDescriptor: params.statement_descriptor ?? null,
    statementDescriptorSuffix: params.statement_descriptor_suffix ?? null,
    allowedMethodTypes: params.allowed_payment_method_types ?? null,
    automaticMethods:
      params.automatic_payment_methods ?? (params.allowed_payment_method_types ? null : { enabled: true }),
    captureMethod: (params.capture_method as IntentRow['captureMethod'] | undefined) ?? 'automatic',
    method: params.payment_method === undefined ? null : methodOf(books, params.payment_method),
    authentication: null,
    latestCharge: null,
    lastError: null,
    canceledAtMs: null,
    cancellationReason: null,
    createdAtMs: books.clock.nowMs(),
    succeededAtMs: null,
  };
  intent.clientSecret = `${intent.id}_secret_${randomText(books.clock, LETTERS_AND_DIGITS, 25)}`;
  if (intent.method !== null) intent.status = 'requires_confirmation';
  if (params.confirm) checkReturn(intent, params.return_url);
  books.intents.set(intent.id, intent);
  books.emit('payment_intent.created', showIntent(intent), cause);
  return intent;
}

/** @throws {Refused} */
export function checkNewIntent(params: Stripe.PaymentIntentCreateParams): void {
  checkAmount(params.amount, params.currency.toLowerCase());
  for (const param of ['error_on_requires_action', 'return_url'] as const) {
    if (params[param] && !params.confirm) throw invalid(`${param} can only be used when confirm=true`, { param });
  }
  checkDescriptorSuffix(params.statement_descriptor_suffix);
}

/** An empty text removes what was there. @throws {Refused} */
export function updateIntent(intent: IntentRow, params: Stripe.PaymentIntentUpdateParams): void {
  if (!CAN_BE_CONFIRMED.includes(intent.status)) {
    const message = `This PaymentIntent could not be updated because it has a status of ${intent.status}.`;
    throw unexpectedState(intent, message);
  }
  const { description, receipt_email, statement_descriptor, statement_descriptor_suffix } = params;
  if (description !== undefined) intent.description = description || null;
  if (receipt_email !== undefined) intent.receiptEmail = receipt_email || null;
  if (statement_descriptor !== undefined) intent.statementDescriptor = statement_descriptor || null;
  if (statement_descriptor_suffix !== undefined) intent.statementDescriptorSuffix = statement_descriptor_suffix || null;
}

type Confirmation = Pick<
  Stripe.PaymentIntentConfirmParams,
  'payment_method' | 'error_on_requires_action' | 'receipt_email' | 'return_url' | 'use_stripe_sdk'
>;

export function confirmIntent(
  books: StripeBooks,
  intent: IntentRow,
  params: Confirmation,
  ending: Ending,
  cause: Cause,
): void {
  if (!CAN_BE_CONFIRMED.includes(intent.status)) throw unexpectedState(intent, confirmationRefused(intent));
  const method = params.payment_method === undefined ? intent.method : methodOf(books, params.payment_method);
  if (method === null)
    throw unexpectedState(intent, "You cannot confirm this PaymentIntent because it's missing a payment method.");
  checkReturn(intent, params.return_url);
  // Stripe gives neither a code nor a parameter for it.
  if (method.used) throw invalid(USED_BEFORE);
  method.used = true;
  intent.method = method;
  if (params.receipt_email !== undefined) intent.receiptEmail = params.receipt_email || null;
  const { outcome } = method.card;
  if (ending.decline) declineIntent(books, intent, method, ending.decline, cause);
  if (outcome.kind === 'declined') declineIntent(books, intent, method, outcome, cause);
  if (outcome.kind !== 'succeeds') {
    if (params.error_on_requires_action) declineIntent(books, intent, method, BY_AUTHENTICATION, cause, 'uncharged');
    if (outcome.kind === 'authentication_unavailable') declineIntent(books, intent, method, outcome.end, cause);
    beginAuthentication(books, intent, params.use_stripe_sdk ? null : (params.return_url ?? null), cause);
    return;
  }
  const charge = chargeOf(books, intent, method, 'pending');
  if (!ending.pending) {
    approve(books, intent, charge, cause);
    return;
  }
  intent.latestCharge = charge;
  intent.lastError = null;
  intent.status = 'processing';
  books.emit('payment_intent.processing', showIntent(intent), cause);
}

/** One that was processing: a charge, or the capture of one. */
export function finishIntent(books: StripeBooks, intent: IntentRow, end: 'succeeded' | 'failed', cause: Cause): void {
  const charge = intent.latestCharge;
  if (intent.status !== 'processing' || charge === null) throw new Error(`${intent.id} is not processing`);
  if (end === 'succeeded') {
    if (charge.amountToCapture === null) approve(books, intent, charge, cause);
    else finishCapture(books, intent, charge, charge.amountToCapture, cause);
    return;
  }
  const decline = { code: 'card_declined', declineCode: 'generic_decline', message: 'Your card was declined.' };
  recordDecline(books, intent, charge.method, decline, charge, cause);
}

export function cancelIntent(books: StripeBooks, intent: IntentRow, reason: string | undefined, cause: Cause): void {
  if (!CAN_BE_CANCELED.includes(intent.status)) {
    const message =
      `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of ` +
      `the following statuses may be canceled: ${CAN_BE_CANCELED.join(', ')}.`;
    throw unexpectedState(intent, message);
  }
  endIntent(books, intent, reason ?? null, cause);
}

/** The bank holds the money no longer, and Stripe cancels the intent. */
export function expireAuthorization(books: StripeBooks, intent: IntentRow, cause: Cause): void {
  if (intent.status !== 'requires_capture') throw new Error(`${intent.id} is not authorized, but ${intent.status}`);
  endIntent(books, intent, 'automatic', cause);
}

function endIntent(books: StripeBooks, intent: IntentRow, reason: string | null, cause: Cause): void {
  const held = intent.status === 'requires_capture' ? intent.latestCharge : null;
  intent.status = 'canceled';
  intent.canceledAtMs = books.clock.nowMs();
  intent.cancellationReason = reason;
  if (held !== null) {
    const hasExpired = reason === 'automatic';
    const released = release(books, held, intent.amount, hasExpired ? 'expired_uncaptured_charge' : null);
    emitRelease(books, released, cause, hasExpired ? 'charge.expired' : 'charge.refunded');
  }
  books.emit('payment_intent.canceled', showIntent(intent), cause);
}

const USED_BEFORE =
  'The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected ' +
  'account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod ' +
  'multiple times, you must attach it to a Customer first.';

/** An account accepts methods that send the payer elsewhere, unless the intent excludes them. */
function checkReturn(intent: IntentRow, returnUrl: string | undefined): void {
  if (returnUrl !== undefined && !URL.canParse(returnUrl)) {
    throw invalid('Not a valid URL', { code: 'url_invalid', param: 'return_url' });
  }
  if (returnUrl !== undefined || !intent.automaticMethods?.enabled) return;
  if (intent.automaticMethods.allow_redirects === 'never') return;
  throw invalid(
    'This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment ' +
      'methods might redirect your customer off of your page, you must provide a `return_url`. If you don’t want to accept ' +
      'redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and ' +
      '`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.',
  );
}

/** @throws {Refused} always, with the answer for it */
function declineIntent(
  books: StripeBooks,
  intent: IntentRow,
  method: PaymentMethodRow,
  declined: Declined,
  cause: Cause,
  charged: 'charged' | 'uncharged' = 'charged',
): never {
  const charge = charged === 'charged' ? chargeOf(books, intent, method, 'failed') : null;
  const error = recordDecline(books, intent, method, declined, charge, cause);
  throw cardError(declined, { ...error, payment_intent: showIntent(intent) });
}

function confirmationRefused({ status }: IntentRow): string {
  return status === 'succeeded'
    ? 'You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.'
    : `You cannot confirm this PaymentIntent because it has a status of ${status}.`;
}

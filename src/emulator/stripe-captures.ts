/** Captures of authorized payment intents. */
import type { Stripe } from 'stripe';
import type { Ending, Refused } from './api.ts';
import type { Cause, ChargeRow, IntentRow, StripeBooks } from './stripe-books.ts';
import { take } from './stripe-charges.ts';
import { checkDescriptorSuffix } from './stripe-descriptors.ts';
import { invalid } from './stripe-errors.ts';
import { checkDigits } from './stripe-money.ts';
import { showIntent } from './stripe-objects.ts';

const TOO_MUCH =
  'The payment could not be captured because the requested capture amount is greater than the amount you can capture for ' +
  'this charge.';

export function captureIntent(
  books: StripeBooks,
  intent: IntentRow,
  params: Stripe.PaymentIntentCaptureParams,
  ending: Ending,
  cause: Cause,
): void {
  const charge = intent.latestCharge;
  if (intent.status !== 'requires_capture' || charge === null) throw unexpectedState(intent, captureRefused(intent));
  const { amount_to_capture: amount = intent.amount, statement_descriptor_suffix: suffix } = params;
  if (amount < 1) {
    throw invalid('Invalid positive integer', { code: 'parameter_invalid_integer', param: 'amount_to_capture' });
  }
  if (amount > intent.amount) throw invalid(TOO_MUCH, { code: 'amount_too_large', param: 'amount_to_capture' });
  checkDigits(amount, intent.currency);
  checkDescriptorSuffix(suffix);
  if (suffix !== undefined) intent.statementDescriptorSuffix = suffix;
  if (!ending.pending) {
    finishCapture(books, intent, charge, amount, cause);
    return;
  }
  charge.amountToCapture = amount;
  intent.status = 'processing';
  books.emit('payment_intent.processing', showIntent(intent), cause);
}

export function finishCapture(
  books: StripeBooks,
  intent: IntentRow,
  charge: ChargeRow,
  amount: number,
  cause: Cause,
): void {
  charge.amountToCapture = null;
  take(books, intent, charge, amount, 'charge.captured', cause);
}

export function unexpectedState(intent: IntentRow, message: string): Refused {
  return invalid(message, { code: 'payment_intent_unexpected_state', payment_intent: showIntent(intent) });
}

function captureRefused({ status }: IntentRow): string {
  return status === 'succeeded'
    ? 'This PaymentIntent could not be captured because it has already been captured.'
    : `This PaymentIntent could not be captured because it has a status of ${status}. Only a PaymentIntent with one of the ` +
        'following statuses may be captured: requires_capture.';
}

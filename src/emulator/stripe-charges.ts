/** Charges of payment intents: the money is taken or held, or the issuer declines. */
import type { Cause, ChargeRow, IntentRow, PaymentMethodRow, StripeBooks } from './stripe-books.ts';
import { type Declined, declineBody } from './stripe-errors.ts';
import { showCharge, showIntent, showMethod } from './stripe-objects.ts';
import { emitRelease, openDispute, release } from './stripe-refunds.ts';

/** For online payments by the payer, with all cards. */
const AUTHORIZATION_LASTS_MS = 7 * 24 * 60 * 60 * 1000;

export function chargeOf(
  books: StripeBooks,
  intent: IntentRow,
  method: PaymentMethodRow,
  status: ChargeRow['status'],
  authenticated = false,
): ChargeRow {
  return {
    ...{ id: books.id('ch'), intent, method, status, authenticated, amountCaptured: 0 },
    ...{ amountToCapture: null, captureBeforeMs: null, failure: null, disputed: false },
    createdAtMs: books.clock.nowMs(),
  };
}

/** The issuer approves: the money is taken, or held where capture is manual. */
export function approve(books: StripeBooks, intent: IntentRow, charge: ChargeRow, cause: Cause): void {
  charge.status = 'succeeded';
  intent.latestCharge = charge;
  intent.lastError = null;
  if (intent.captureMethod !== 'manual') {
    take(books, intent, charge, intent.amount, 'charge.succeeded', cause);
    return;
  }
  intent.status = 'requires_capture';
  charge.captureBeforeMs = books.clock.nowMs() + AUTHORIZATION_LASTS_MS;
  books.emit('charge.succeeded', showCharge(books, charge), cause);
  books.emit('payment_intent.amount_capturable_updated', showIntent(intent), cause);
}

/** Takes an amount, and releases what is left of an authorization. */
export function take(
  books: StripeBooks,
  intent: IntentRow,
  charge: ChargeRow,
  amount: number,
  type: 'charge.succeeded' | 'charge.captured',
  cause: Cause,
): void {
  charge.amountCaptured = amount;
  intent.status = 'succeeded';
  intent.succeededAtMs = books.clock.nowMs();
  const rest = intent.amount - amount;
  const released = rest === 0 ? null : release(books, charge, rest, null);
  books.emit(type, showCharge(books, charge), cause);
  books.emit('payment_intent.succeeded', showIntent(intent), cause);
  if (released !== null) emitRelease(books, released, cause);
  const { disputeReason } = charge.method.card;
  if (disputeReason !== undefined) openDispute(books, charge, disputeReason, cause);
}

/** @returns what an error answer has besides the decline */
export function recordDecline(
  books: StripeBooks,
  intent: IntentRow,
  method: PaymentMethodRow,
  declined: Declined,
  charge: ChargeRow | null,
  cause: Cause,
): Record<string, unknown> {
  const { code, declineCode = code, message = 'Your card was declined.' } = declined;
  const more = { ...(charge && { charge: charge.id }), payment_method: showMethod(method) };
  intent.status = 'requires_payment_method';
  intent.method = null;
  intent.lastError = { ...declineBody(declined), ...more };
  if (charge !== null) {
    charge.status = 'failed';
    charge.failure = { code, declineCode, message, blocked: 'blocked' in declined && declined.blocked === true };
    intent.latestCharge = charge;
    books.emit('charge.failed', showCharge(books, charge), cause);
  }
  books.emit('payment_intent.payment_failed', showIntent(intent), cause);
  return more;
}

/** Payment methods: of a card's number, a token, or the name of a test card. */
import type { Stripe } from 'stripe';
import { type Ending, Refused } from './api.ts';
import { type Card, cardOfNumber, cardOfToken } from './instruments.ts';
import type { PaymentMethodRow, StripeBooks } from './stripe-books.ts';
import { cardError, errorAnswer, invalid, missing } from './stripe-errors.ts';

const RAW_CARDS_REFUSED =
  'Sending credit card numbers directly to the Stripe API is generally unsafe. To continue processing use Stripe.js, the ' +
  'Stripe mobile bindings, or Stripe Elements. For more information, see https://dashboard.stripe.com/account/integration/settings.';

export function createMethod(
  books: StripeBooks,
  params: Stripe.PaymentMethodCreateParams,
  acceptsRawCards: boolean,
  { decline }: Ending,
): PaymentMethodRow {
  if (params.type !== 'card' || params.card === undefined) {
    throw invalid('Missing required param: card.', { code: 'parameter_missing', param: 'card' });
  }
  if (decline !== undefined) throw cardError(decline, {});
  const card =
    'token' in params.card
      ? tokenCard(books, params.card.token as string)
      : rawCard(params.card, acceptsRawCards, books);
  return addMethod(books, card, {
    metadata: (params.metadata || {}) as Record<string, string>,
    billing: (params.billing_details as Record<string, unknown>) ?? null,
  });
}

/** Keeps a payment method for one use. */
export function addMethod(
  books: StripeBooks,
  card: Card,
  more: Pick<PaymentMethodRow, 'metadata' | 'billing'> = { metadata: {}, billing: null },
): PaymentMethodRow {
  const method = { id: books.id('pm'), card, ...more, used: false, createdAtMs: books.clock.nowMs() };
  books.methods.set(method.id, method);
  return method;
}

function tokenCard(books: StripeBooks, token: string): Card {
  const made = books.tokens.get(token);
  if (made?.used) {
    throw invalid(`You cannot use a Stripe token more than once: ${token}.`, {
      code: 'token_already_used',
      param: 'card[token]',
    });
  }
  if (made !== undefined) {
    made.used = true;
    return made.card;
  }
  const card = token.startsWith('tok_') ? cardOfToken(token) : null;
  if (card === null) throw missing('token', token, 'card[token]', 400);
  return card;
}

function rawCard(card: Stripe.PaymentMethodCreateParams.Card, accepted: boolean, { clock }: StripeBooks): Card {
  const { number = '', exp_month: month = 0, exp_year: year = 0, cvc } = card as Record<string, never>;
  if (!accepted) throw new Refused(errorAnswer(402, { type: 'invalid_request_error', message: RAW_CARDS_REFUSED }));
  const known = cardOfNumber(number);
  if (known === null) throw incorrect('incorrect_number', 'Your card number is incorrect.', 'number');
  if (month < 1 || month > 12) {
    throw incorrect('invalid_expiry_month', "Your card's expiration month is invalid.", 'exp_month');
  }
  const today = new Date(clock.nowMs());
  const years = Number(year) < 100 ? 2000 + Number(year) : Number(year);
  if (years < today.getUTCFullYear() || years > today.getUTCFullYear() + 50) {
    throw incorrect('invalid_expiry_year', "Your card's expiration year is invalid.", 'exp_year');
  }
  if (years === today.getUTCFullYear() && Number(month) < today.getUTCMonth() + 1) {
    throw incorrect('invalid_expiry_month', "Your card's expiration month is invalid.", 'exp_month');
  }
  if (cvc !== undefined && !/^\d{3,4}$/.test(cvc)) {
    throw incorrect('invalid_cvc', "Your card's security code is invalid.", 'cvc');
  }
  return known;
}

function incorrect(code: string, message: string, param: string): Refused {
  return new Refused(errorAnswer(402, { type: 'card_error', code, param, message }));
}

/** One that is kept, or, by the name of a test card, one that is made. */
export function methodOf(books: StripeBooks, id: string): PaymentMethodRow {
  const known = books.methods.get(id);
  if (known !== undefined) return known;
  // Naming a test card makes a payment method of it each time.
  const card = cardOfToken(id);
  if (card === null || !id.startsWith('pm_card_')) throw missing('PaymentMethod', id, 'payment_method', 400);
  return addMethod(books, card);
}

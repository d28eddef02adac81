/** What is sent to POST /payment/process, and what it answers: the examples of the document. */
import type {
  PaymentAuthorizedResponse,
  PaymentChallengeResponse,
  PaymentFailureResponse,
  PaymentSuccessResponse,
} from '../../contract/responses.ts';
import { EXAMPLE_TIME, type Example, type Examples, envelope } from '../answer.ts';
import { AMOUNT, BOOKING_ID, HELD_ID, PAYMENT, USER_ID } from '../examples.ts';

const paid = {
  user_id: USER_ID,
  booking_id: BOOKING_ID,
  amount: AMOUNT,
  payment_method: 'credit_card',
} as const;

/** Of the sandbox, which takes any expiry date that has not passed and any security code. */
const card = (card_number: string) => ({
  card_number,
  expiry_month: '12',
  expiry_year: '2030',
  cvv: '123',
  cardholder_name: 'John Doe',
});

export const REQUESTS = {
  card: {
    summary: 'A card, charged at once',
    value: { ...paid, card_details: card('4111111111111111') },
  },
  token: {
    summary: 'A token for a card that the payer’s browser has given to the provider',
    value: { ...paid, booking_id: 'BOOK-789013', payment_method_token: 'pm_card_visa' },
  },
  paypal: {
    summary: 'A PayPal order that the payer has approved',
    value: {
      ...paid,
      booking_id: 'BOOK-789014',
      payment_method: 'paypal',
      paypal_details: { email: 'user@example.com', payment_id: '5O190127TN364715T' },
    },
  },
  hold: {
    summary: 'The money is held, and taken later',
    value: {
      ...paid,
      booking_id: 'BOOK-HOLD',
      card_details: card('4111111111111111'),
      capture_method: 'manual',
      hold_minutes: 10,
    },
  },
  authentication: {
    summary: 'A card whose bank asks the payer to authenticate',
    value: {
      ...paid,
      booking_id: 'BOOK-3DS',
      card_details: card('4000002500003155'),
      return_url: 'https://shop.example/paid?order=7',
    },
  },
  declined: {
    summary: 'A card that is declined',
    value: { ...paid, booking_id: 'BOOK-789015', card_details: card('4000000000000002') },
  },
  everything: {
    summary: 'All that is optional, too',
    value: {
      ...paid,
      booking_id: 'BOOK-789016',
      amount: '25.50',
      card_details: card('5555555555554444'),
      user_email: 'user@example.com',
      return_url: 'https://shop.example/paid?order=8',
      capture_method: 'automatic',
      statement_descriptor_suffix: 'HALL 3',
      receipt_email: 'user@example.com',
    },
  },
} satisfies Examples;

export const SUCCESS: PaymentSuccessResponse = {
  status: 'success',
  ...PAYMENT,
  processed_at: EXAMPLE_TIME,
  message: 'Payment processed successfully',
};

export const AUTHORIZED: PaymentAuthorizedResponse = {
  status: 'authorized',
  ...PAYMENT,
  transaction_id: HELD_ID,
  booking_id: 'BOOK-HOLD',
  processed_at: null,
  message: 'Payment authorized: capture it before capture_before, or void it',
  capture_before: '2026-11-28T16:41:31Z',
};

export const CHALLENGE: PaymentChallengeResponse = {
  status: 'pending',
  ...PAYMENT,
  transaction_id: 'TXN-01M8J9CCQ3PJ42TDEW05XZQ59G',
  booking_id: 'BOOK-3DS',
  processed_at: null,
  message: 'The payer has to authenticate or approve the payment',
  next_action: {
    type: 'redirect_to_url',
    url: 'http://localhost:8003/sandbox/challenge/TXN-01M8J9CCQ3PJ42TDEW05XZQ59G?token=7a5452ea-6a0e-4a53-9d1e-0d7c1d7f2f0b',
    expires_at: '2026-11-28T16:46:31Z',
  },
};

/** A request of which nothing was recorded. */
function unrecorded(
  code: 'INVALID_AMOUNT' | 'PAYMENT_METHOD_DISABLED' | 'INVALID_REQUEST' | 'INVALID_CARD' | 'PAYMENT_GATEWAY_ERROR',
  reason: string,
  next_step: string,
  asked: Pick<PaymentFailureResponse, 'booking_id' | 'amount' | 'payment_method'> = PAYMENT,
): PaymentFailureResponse {
  const { booking_id, amount, payment_method } = asked;
  const isOwn = code === 'INVALID_REQUEST' || code === 'PAYMENT_GATEWAY_ERROR';
  const retry_possible = code === 'PAYMENT_GATEWAY_ERROR';
  return {
    status: 'failed',
    booking_id,
    amount,
    payment_method,
    error_code: code,
    error_message: reason,
    processed_at: EXAMPLE_TIME,
    ...envelope(isOwn ? code : 'PAYMENT_FAILED', 'Payment could not be processed', {
      reason,
      error_code: code,
      transaction_id: null,
      retry_possible,
      next_step,
    }),
  };
}

export const NOT_RECORDED: Examples = {
  'INVALID_CARD.tokens_only': {
    summary: 'This installation accepts no card numbers',
    value: unrecorded(
      'INVALID_CARD',
      'This service accepts no card numbers: a payment_method_token takes the place of card_details',
      "Send a payment_method_token, and no card_details: the payer's browser gets it from the provider.",
    ),
  },
  INVALID_AMOUNT: {
    summary: 'The amount is not valid',
    value: unrecorded(
      'INVALID_AMOUNT',
      'Invalid payment amount',
      'Send an amount above 0, with no more decimals than the currency has, and not beyond the maximum.',
      { ...PAYMENT, amount: 25.505 },
    ),
  },
  PAYMENT_METHOD_DISABLED: {
    summary: 'The method is not enabled',
    value: unrecorded(
      'PAYMENT_METHOD_DISABLED',
      'Payment method stripe is not enabled',
      'GET /payment/methods lists those that are.',
      { ...PAYMENT, payment_method: 'stripe' },
    ),
  },
  INVALID_REQUEST: {
    summary: 'The body or a header cannot be read',
    value: unrecorded(
      'INVALID_REQUEST',
      'Malformed JSON in request body',
      'Correct the request: its body is one JSON object.',
      { booking_id: null, amount: null, payment_method: null },
    ),
  },
};

export const GATEWAY_DOWN: Example = {
  summary: 'The gateway was not asked: it has failed again and again',
  value: unrecorded(
    'PAYMENT_GATEWAY_ERROR',
    'The payment gateway is not available; it was not asked, and no money moved',
    'Try again when the seconds of the Retry-After header have passed, or pay in another way.',
  ),
};

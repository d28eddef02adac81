/** POST /payment/process */
import * as z from 'zod/mini';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { paymentRequest } from '../../contract/requests.ts';
import {
  type PaymentAuthorizedResponse,
  type PaymentChallengeResponse,
  type PaymentFailureResponse,
  type PaymentSuccessResponse,
  paymentAuthorizedResponse,
  paymentChallengeResponse,
  paymentFailureResponse,
  paymentSuccessResponse,
} from '../../contract/responses.ts';
import { answer, EXAMPLE_TIME, type Examples, envelope, errorAnswer, errorExample } from '../answer.ts';
import { GUARDED, KEY_REUSED, TOO_MANY_ATTEMPTS, VALIDATION_ERROR, WITH_BODY } from '../common-errors.ts';
import {
  AMOUNT,
  BOOKING_ID,
  failedPayment,
  failureExamples,
  HELD_ID,
  PAYMENT,
  pendingPayment,
  USER_ID,
} from '../examples.ts';
import { IDEMPOTENCY_KEY } from '../idempotency-key.ts';
import { needs, scopeLine } from '../security.ts';

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

const REQUESTS = {
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

const SUCCESS: PaymentSuccessResponse = {
  status: 'success',
  ...PAYMENT,
  processed_at: EXAMPLE_TIME,
  message: 'Payment processed successfully',
};

const AUTHORIZED: PaymentAuthorizedResponse = {
  status: 'authorized',
  ...PAYMENT,
  transaction_id: HELD_ID,
  booking_id: 'BOOK-HOLD',
  processed_at: null,
  message: 'Payment authorized: capture it before capture_before, or void it',
  capture_before: '2026-11-28T16:41:31Z',
};

const CHALLENGE: PaymentChallengeResponse = {
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

const NOT_RECORDED: Examples = {
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

export const processPayment: ZodOpenApiOperationObject = {
  operationId: 'processPayment',
  tags: ['Payments'],
  summary: 'Take a payment, or hold its money',
  description: `Charges a card, a token or a PayPal order for a booking. A booking is paid once. With a \`return_url\`, the payer can authenticate or approve; with \`capture_method: "manual"\`, the money is held until it is captured or voided. ${scopeLine('payments:write')}`,
  security: needs('payments:write'),
  parameters: [IDEMPOTENCY_KEY],
  requestBody: {
    required: true,
    content: { 'application/json': { schema: paymentRequest, examples: REQUESTS } },
  },
  responses: {
    ...GUARDED,
    ...WITH_BODY,
    '200': answer({
      description: 'The payment is completed; or, only with `capture_method: "manual"`, its money is held.',
      schema: z.discriminatedUnion('status', [paymentSuccessResponse, paymentAuthorizedResponse]),
      sometimes: ['Idempotent-Replayed'],
      examples: {
        success: { summary: 'The payment is completed', value: SUCCESS },
        authorized: { summary: 'The money is held', value: AUTHORIZED },
      },
    }),
    '202': answer({
      description:
        'Only with a `return_url`: the payer has to authenticate or approve. Send them to `next_action.url`.',
      schema: paymentChallengeResponse,
      sometimes: ['Idempotent-Replayed'],
      examples: { challenge: { summary: 'The payer has to authenticate', value: CHALLENGE } },
    }),
    '400': answer({
      description:
        'The payment failed, or the request cannot become one. Read the cause from `error_code`. A payment was recorded if there is a `transaction_id`.',
      schema: paymentFailureResponse,
      sometimes: ['Idempotent-Replayed'],
      examples: {
        ...failureExamples([
          'CARD_DECLINED',
          'INSUFFICIENT_FUNDS',
          'INVALID_CARD',
          'CARD_EXPIRED',
          'PAYMENT_FAILED',
          'AUTHENTICATION_FAILED',
          'AUTHENTICATION_EXPIRED',
          'AUTHORIZATION_EXPIRED',
          'PAYMENT_VOIDED',
        ]),
        ...NOT_RECORDED,
      },
    }),
    '409': errorAnswer({
      description:
        'The booking is paid or has a pending payment, the PayPal order is used, or the request with this `Idempotency-Key` has no outcome yet.',
      sometimes: ['Retry-After'],
      examples: {
        ...errorExample(
          'DUPLICATE_TRANSACTION',
          'Transaction already processed',
          { transaction_id: PAYMENT.transaction_id, status: 'completed' },
          'The booking is paid',
        ),
        'DUPLICATE_TRANSACTION.waiting': {
          summary: 'The same user’s payment waits for its payer',
          value: envelope('DUPLICATE_TRANSACTION', 'Transaction already processed', {
            transaction_id: CHALLENGE.transaction_id,
            status: 'pending',
            expires_at: CHALLENGE.next_action.expires_at,
            next_step:
              'Send the payer to the next_action of the first answer, or end that payment with POST /payment/void.',
          }),
        },
        'DUPLICATE_TRANSACTION.archived': {
          summary: 'The booking was paid, and its payment is archived',
          value: envelope('DUPLICATE_TRANSACTION', 'Transaction already processed', {
            transaction_id: null,
            status: 'completed',
            archived: true,
          }),
        },
        ...errorExample(
          'IDEMPOTENCY_IN_PROGRESS',
          'The request with this Idempotency-Key has no outcome yet: send it again later, or ask for its status.',
          { transaction_id: PAYMENT.transaction_id, status: 'pending' },
        ),
      },
    }),
    '422': errorAnswer({
      description: 'A field is missing or wrong, or the `Idempotency-Key` belongs to another request.',
      examples: { ...VALIDATION_ERROR, ...KEY_REUSED },
    }),
    '429': errorAnswer({
      description: 'Too many requests of this address, or too many attempts to pay.',
      always: ['Retry-After'],
      examples: {
        ...errorExample('RATE_LIMIT_EXCEEDED', 'Too many requests: 100 a minute and 20 in ten seconds are allowed.', {
          retry_after_seconds: 7,
        }),
        ...TOO_MANY_ATTEMPTS,
      },
    }),
    '502': answer({
      description:
        'The gateway failed: no money moved if `status` is `failed`. With `pending`, the outcome is not known yet, or the provider is still processing the payment: poll its status.',
      schema: paymentFailureResponse,
      sometimes: ['Retry-After', 'Idempotent-Replayed'],
      examples: {
        PAYMENT_GATEWAY_ERROR: {
          summary: 'The gateway failed, and no money moved',
          value: failedPayment('PAYMENT_GATEWAY_ERROR'),
        },
        'PAYMENT_GATEWAY_ERROR.pending': pendingPayment('It is not known yet whether the payment was processed'),
        'PAYMENT_GATEWAY_ERROR.down': {
          summary: 'The gateway was not asked: it has failed again and again',
          value: unrecorded(
            'PAYMENT_GATEWAY_ERROR',
            'The payment gateway is not available; it was not asked, and no money moved',
            'Try again when the seconds of the Retry-After header have passed, or pay in another way.',
          ),
        },
      },
    }),
  },
};

/** POST /payment/process */
import * as z from 'zod/mini';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { paymentRequest } from '../../contract/requests.ts';
import {
  paymentAuthorizedResponse,
  paymentChallengeResponse,
  paymentFailureResponse,
  paymentSuccessResponse,
} from '../../contract/responses.ts';
import { answer, envelope, errorAnswer, errorExample } from '../answer.ts';
import {
  guarded,
  KEY_REUSED,
  TOO_MANY_ATTEMPTS,
  TOO_MANY_REQUESTS,
  VALIDATION_ERROR,
  WITH_BODY,
} from '../common-errors.ts';
import { failedPayment, failureExamples, PAYMENT, pendingPayment } from '../examples.ts';
import { IDEMPOTENCY_KEY } from '../idempotency-key.ts';
import { needs, scopeLine } from '../security.ts';
import { AUTHORIZED, CHALLENGE, GATEWAY_DOWN, NOT_RECORDED, REQUESTS, SUCCESS } from './process-examples.ts';

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
    ...guarded('POST', 'payments:write'),
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
        ...TOO_MANY_REQUESTS,
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
        'PAYMENT_GATEWAY_ERROR.down': GATEWAY_DOWN,
      },
    }),
  },
};

/** POST /payment/capture and POST /payment/void */
import * as z from 'zod/mini';
import type { ZodOpenApiOperationObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { holdRequest } from '../../contract/requests.ts';
import {
  errorEnvelope,
  type PaymentSuccessResponse,
  type PaymentVoidedResponse,
  paymentFailureResponse,
  paymentSuccessResponse,
  paymentVoidedResponse,
} from '../../contract/responses.ts';
import { answer, EXAMPLE_TIME, type Examples, envelope, errorAnswer, errorExample } from '../answer.ts';
import { guarded, MALFORMED, VALIDATION_ERROR, WITH_BODY } from '../common-errors.ts';
import { failedPayment, failureExamples, HELD_ID, OWN_IDS, PAYMENT, pendingPayment, USER_ID } from '../examples.ts';
import { needs, scopeLine } from '../security.ts';
import { PAYMENT_NOT_FOUND } from './status.ts';

const HELD = { ...PAYMENT, transaction_id: HELD_ID, booking_id: 'BOOK-HOLD' };

const requestBody = {
  required: true,
  content: {
    'application/json': {
      schema: holdRequest,
      examples: {
        held: {
          summary: 'The payment that is held',
          value: { booking_id: HELD.booking_id, transaction_id: HELD.transaction_id, user_id: USER_ID },
        },
      },
    },
  },
};

const CAPTURED: PaymentSuccessResponse = {
  status: 'success',
  ...HELD,
  processed_at: EXAMPLE_TIME,
  message: 'Payment captured successfully',
};

const VOIDED: PaymentVoidedResponse = {
  status: 'failed',
  ...HELD,
  error_code: 'PAYMENT_VOIDED',
  error_message: 'The payment was voided before it was captured',
  processed_at: EXAMPLE_TIME,
  message: 'Payment voided successfully',
};

function notAllowed(code: 'CAPTURE_NOT_ALLOWED' | 'VOID_NOT_ALLOWED', message: string): Examples {
  const reason = code === 'CAPTURE_NOT_ALLOWED' ? 'The payment is not authorized' : 'The payment has ended';
  return errorExample(code, message, { reason, status: 'completed' });
}

const CONFLICT: Examples = {
  ...errorExample(
    'DUPLICATE_TRANSACTION',
    'Transaction already processed',
    { transaction_id: HELD_ID, status: 'pending' },
    'It is being captured, voided or expired',
  ),
  'DUPLICATE_TRANSACTION.ended': {
    summary: 'It was voided',
    value: envelope('DUPLICATE_TRANSACTION', 'Transaction already processed', {
      transaction_id: HELD_ID,
      status: 'failed',
      error_code: 'PAYMENT_VOIDED',
    }),
  },
};

/** The errors that both have, beside their own 400. */
const COMMON: ZodOpenApiResponsesObject = {
  ...guarded('POST', 'payments:write'),
  ...WITH_BODY,
  '404': PAYMENT_NOT_FOUND,
  '422': errorAnswer({ description: 'A field is missing or wrong.', examples: VALIDATION_ERROR }),
};

export const capturePayment: ZodOpenApiOperationObject = {
  operationId: 'capturePayment',
  tags: ['Payments'],
  summary: 'Take the money that is held',
  description: `Captures the whole amount, once. A capture that is sent again takes nothing more, and gets the same answer once the payment has ended. ${OWN_IDS} ${scopeLine('payments:write')}`,
  security: needs('payments:write'),
  requestBody,
  responses: {
    ...COMMON,
    '200': answer({
      description: 'The money is taken, by this request or by an earlier one.',
      schema: paymentSuccessResponse,
      examples: { captured: { summary: 'The payment is captured', value: CAPTURED } },
    }),
    '400': answer({
      description:
        'It cannot be captured; or the provider refused the capture, and the payment has failed. A failed payment has both shapes of error.',
      schema: z.union([errorEnvelope, paymentFailureResponse]),
      examples: {
        ...notAllowed('CAPTURE_NOT_ALLOWED', 'Capture not permitted'),
        ...failureExamples([
          'PAYMENT_FAILED',
          'CARD_DECLINED',
          'INSUFFICIENT_FUNDS',
          'CARD_EXPIRED',
          'INVALID_CARD',
          'AUTHORIZATION_EXPIRED',
          'PAYMENT_VOIDED',
          'AUTHENTICATION_FAILED',
          'AUTHENTICATION_EXPIRED',
        ]),
        ...MALFORMED,
      },
    }),
    '409': errorAnswer({
      description: 'It is being captured, voided or expired, or was voided or has expired.',
      examples: CONFLICT,
    }),
    '502': answer({
      description:
        'With `pending`, the outcome is not known yet: poll the status. With `failed`, the gateway failed, certainly without a charge.',
      schema: paymentFailureResponse,
      examples: {
        PAYMENT_GATEWAY_ERROR: pendingPayment('It is not known yet whether the payment was captured'),
        'PAYMENT_GATEWAY_ERROR.failed': {
          summary: 'The gateway failed, and no money moved',
          value: failedPayment('PAYMENT_GATEWAY_ERROR'),
        },
      },
    }),
  },
};

export const voidPayment: ZodOpenApiOperationObject = {
  operationId: 'voidPayment',
  tags: ['Payments'],
  summary: 'Release the money that is held, or stop waiting for the payer',
  description: `No money is taken, and the booking can be paid again. A void that is sent again gets the same answer. ${OWN_IDS} ${scopeLine('payments:write')}`,
  security: needs('payments:write'),
  requestBody,
  responses: {
    ...COMMON,
    '200': answer({
      description: 'The payment is voided, by this request or by an earlier one.',
      schema: paymentVoidedResponse,
      examples: { voided: { summary: 'The money is released', value: VOIDED } },
    }),
    '400': errorAnswer({
      description: 'It is neither held nor waiting for its payer, or belongs to another booking or another user.',
      examples: { ...notAllowed('VOID_NOT_ALLOWED', 'Void not permitted'), ...MALFORMED },
    }),
    '409': errorAnswer({
      description:
        'It is being captured, voided or expired, or was captured or has expired; or the payer was faster. With `completed`, the money was taken.',
      examples: CONFLICT,
    }),
    '502': answer({
      description: '`status` is `pending`: the provider has not confirmed it yet. Poll the status.',
      schema: paymentFailureResponse,
      examples: { PAYMENT_GATEWAY_ERROR: pendingPayment('It is not known yet whether the payment was voided') },
    }),
  },
};

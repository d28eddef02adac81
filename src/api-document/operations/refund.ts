/** POST /payment/refund */
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import type { ErrorCode } from '../../contract/error-codes.ts';
import { refundRequest } from '../../contract/requests.ts';
import { type RefundSuccessResponse, refundSuccessResponse } from '../../contract/responses.ts';
import { adviceOn, failure } from '../../core/domain/failure.ts';
import type { FailureCode } from '../../core/domain/failure-causes.ts';
import { answer, EXAMPLE_TIME, type Example, type Examples, envelope, errorAnswer, errorExample } from '../answer.ts';
import { guarded, KEY_REUSED, MALFORMED, VALIDATION_ERROR, WITH_BODY } from '../common-errors.ts';
import { AMOUNT, BOOKING_ID, OWN_IDS, PAYMENT_ID, REFUND_ID, USER_ID } from '../examples.ts';
import { IDEMPOTENCY_KEY } from '../idempotency-key.ts';
import { needs, scopeLine } from '../security.ts';
import { ORIGINAL_NOT_FOUND } from './status.ts';

const SUCCESS: RefundSuccessResponse = {
  status: 'success',
  refund_transaction_id: REFUND_ID,
  original_transaction_id: PAYMENT_ID,
  booking_id: BOOKING_ID,
  refund_amount: AMOUNT,
  processed_at: EXAMPLE_TIME,
  message: 'Refund processed successfully',
};

/** The answer of a refund that the provider refused. */
function refused(code: FailureCode): Example {
  const { reason, cause } = failure(code);
  const { retryPossible, nextStep } = adviceOn(cause, code);
  return {
    summary: `The provider refused it: ${code}`,
    value: envelope(code, 'Refund could not be processed', {
      reason,
      refund_transaction_id: REFUND_ID,
      status: 'failed',
      retry_possible: retryPossible,
      next_step: nextStep,
    }),
  };
}

const DECLINES = ['PAYMENT_FAILED', 'CARD_DECLINED', 'INSUFFICIENT_FUNDS', 'CARD_EXPIRED', 'INVALID_CARD'] as const;

const REFUSALS: Examples = {
  ...errorExample(
    'REFUND_NOT_ALLOWED',
    'Refund not permitted',
    { reason: 'The amount exceeds what is left to refund', refundable_amount: 15.5 },
    'The payment does not allow it',
  ),
  'REFUND_NOT_ALLOWED.pending_refunds': {
    summary: 'Pending refunds hold the rest',
    value: envelope('REFUND_NOT_ALLOWED', 'Refund not permitted', {
      reason: 'The amount exceeds what is left to refund',
      refundable_amount: 0,
      pending_refund_amount: 25.5,
    }),
  },
  'REFUND_NOT_ALLOWED.refused': refused('REFUND_NOT_ALLOWED'),
  'REFUND_NOT_ALLOWED.reversed': {
    summary: 'Of a replay: the payer’s bank has returned the money since',
    value: envelope('REFUND_NOT_ALLOWED', 'Refund was reversed after it had been paid', {
      reason: 'The payer’s bank returned the refund',
      refund_transaction_id: REFUND_ID,
      status: 'reversed',
      retry_possible: false,
      next_step: 'Pay the money back in another way.',
    }),
  },
  ...(Object.fromEntries(DECLINES.map((code) => [code, refused(code)])) satisfies Partial<Record<ErrorCode, Example>>),
  ...errorExample('INVALID_AMOUNT', 'Invalid refund amount'),
  ...MALFORMED,
};

export const refundPayment: ZodOpenApiOperationObject = {
  operationId: 'refundPayment',
  tags: ['Refunds'],
  summary: 'Refund a payment, in part or in full',
  description: `A payment can be refunded in several parts. When all of it has been refunded, its booking can be paid again. ${OWN_IDS} ${scopeLine('refunds:write')}`,
  security: needs('refunds:write'),
  parameters: [IDEMPOTENCY_KEY],
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: refundRequest,
        examples: {
          refund: {
            summary: 'All of a payment',
            value: {
              booking_id: BOOKING_ID,
              original_transaction_id: PAYMENT_ID,
              refund_amount: AMOUNT,
              reason: 'Customer cancellation',
              user_id: USER_ID,
            },
          },
          part: {
            summary: 'A part of it',
            value: {
              booking_id: BOOKING_ID,
              original_transaction_id: PAYMENT_ID,
              refund_amount: 10,
              reason: 'One of two seats',
              user_id: USER_ID,
            },
          },
        },
      },
    },
  },
  responses: {
    ...guarded('POST', 'refunds:write'),
    ...WITH_BODY,
    '200': answer({
      description: 'The refund is completed.',
      schema: refundSuccessResponse,
      sometimes: ['Idempotent-Replayed'],
      examples: { success: { summary: 'The money is on its way back', value: SUCCESS } },
    }),
    '400': errorAnswer({
      description: 'Nothing was refunded, or the payer’s bank returned the refund.',
      sometimes: ['Idempotent-Replayed'],
      examples: REFUSALS,
    }),
    '404': ORIGINAL_NOT_FOUND,
    '409': errorAnswer({
      description: 'The request with this `Idempotency-Key` has no outcome yet.',
      always: ['Retry-After'],
      examples: errorExample(
        'IDEMPOTENCY_IN_PROGRESS',
        'The request with this Idempotency-Key has no outcome yet: send it again later, or ask for its status.',
        { refund_transaction_id: REFUND_ID, status: 'pending' },
      ),
    }),
    '422': errorAnswer({
      description: 'A field is missing or wrong, or the `Idempotency-Key` belongs to another request.',
      examples: { ...VALIDATION_ERROR, ...KEY_REUSED },
    }),
    '502': errorAnswer({
      description:
        'With `details.status` `failed`, no money moved. With `pending`, the outcome is not known yet, or the provider is still processing the refund: poll its status.',
      sometimes: ['Retry-After', 'Idempotent-Replayed'],
      examples: {
        PAYMENT_GATEWAY_ERROR: {
          summary: 'The outcome is not known yet',
          value: envelope('PAYMENT_GATEWAY_ERROR', 'It is not known yet whether the refund was processed', {
            reason: 'The outcome is not known yet: ask for the status of the refund',
            refund_transaction_id: REFUND_ID,
            status: 'pending',
            retry_possible: false,
            next_step: `GET /payment/status/${REFUND_ID} returns the outcome; the amount is reserved until then.`,
          }),
        },
        'PAYMENT_GATEWAY_ERROR.failed': refused('PAYMENT_GATEWAY_ERROR'),
      },
    }),
    '503': errorAnswer({
      description:
        'Nothing was refunded; but with a `details.refund_transaction_id`, the refund may be paid later: ask for its status before you send another one.',
      counted: 'perhaps',
      sometimes: ['Retry-After'],
      examples: {
        ...errorExample(
          'SERVICE_UNAVAILABLE',
          'It is not known whether the refund was recorded. Ask for its status first: asked for again, it could be paid twice, unless both requests have the same Idempotency-Key.',
          { refund_transaction_id: REFUND_ID, status: 'pending', retry_possible: false },
          'The database stopped answering after the request',
        ),
        ...errorExample('NOT_CONFIGURED', 'The payment service is not configured.', {
          problems: ['BRIDGE_URL is missing'],
        }),
      },
    }),
  },
};

/** GET /payment/status/{id} */
import type { ZodOpenApiOperationObject, ZodOpenApiParameterObject } from 'zod-openapi';
import { type StatusResponse, statusResponse } from '../../contract/responses.ts';
import { answer, EXAMPLE_TIME, type Examples, envelope, errorAnswer, errorExample } from '../answer.ts';
import { guarded } from '../common-errors.ts';
import { AMOUNT, HELD_ID, OWN_IDS, PAYMENT, REFUND_ID } from '../examples.ts';
import { needs, scopeLine } from '../security.ts';

const TIMES = { created_at: EXAMPLE_TIME, processed_at: EXAMPLE_TIME };

const STATUSES: Examples = {
  completed: {
    summary: 'A completed payment',
    value: { ...PAYMENT, status: 'completed', ...TIMES } satisfies StatusResponse,
  },
  refunded: {
    summary: 'A payment that was refunded in full',
    value: {
      ...PAYMENT,
      status: 'refunded',
      ...TIMES,
      refunded_amount: AMOUNT,
      refundable_amount: 0,
    } satisfies StatusResponse,
  },
  authorized: {
    summary: 'A payment whose money is held',
    value: {
      ...PAYMENT,
      transaction_id: HELD_ID,
      status: 'authorized',
      created_at: EXAMPLE_TIME,
      processed_at: null,
      capture_before: '2026-11-28T16:41:31Z',
    } satisfies StatusResponse,
  },
  refund: {
    summary: 'A refund',
    value: {
      ...PAYMENT,
      transaction_id: REFUND_ID,
      status: 'completed',
      ...TIMES,
      original_transaction_id: PAYMENT.transaction_id,
    } satisfies StatusResponse,
  },
};

const ARCHIVED = {
  archived: true,
  next_step:
    "Payments of that time are in the archive, and this service changes nothing of them. Ask whoever operates it for the record; a refund is made in the provider's dashboard.",
} as const;

const notFound = (message: string): Examples => ({
  ...errorExample('TRANSACTION_NOT_FOUND', message),
  'TRANSACTION_NOT_FOUND.archived': {
    summary: 'It may be in the archive',
    value: envelope('TRANSACTION_NOT_FOUND', message, ARCHIVED),
  },
});

export const PAYMENT_NOT_FOUND = errorAnswer({
  description: 'There is no such payment or refund, it belongs to another organisation, or it is archived.',
  examples: notFound('Transaction not found'),
});
export const ORIGINAL_NOT_FOUND = errorAnswer({
  description: 'There is no such payment, it belongs to another organisation, or it is archived.',
  examples: notFound('Original transaction not found'),
});

/** @param whose of what the id is */
export const idParameter = (whose: string, example: string): ZodOpenApiParameterObject => ({
  name: 'id',
  in: 'path',
  required: true,
  description: whose,
  schema: { type: 'string', minLength: 1 },
  example,
});

export const getPaymentStatus: ZodOpenApiOperationObject = {
  operationId: 'getPaymentStatus',
  tags: ['Payments'],
  summary: 'How a payment or a refund ended',
  description: `If a look-up of a pending payment or refund is due, this request makes it, so the answer may already be the outcome. ${OWN_IDS} ${scopeLine('payments:read')}`,
  security: needs('payments:read'),
  parameters: [idParameter('The `TXN-…` of a payment, or the `REF-…` of a refund.', PAYMENT.transaction_id)],
  responses: {
    ...guarded('GET, HEAD', 'payments:read'),
    '200': answer({ description: 'Its status.', schema: statusResponse, examples: STATUSES }),
    '404': PAYMENT_NOT_FOUND,
  },
};

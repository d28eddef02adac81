/** GET /payment/transactions and GET /payment/transactions/{id} */
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { searchQuery } from '../../contract/search.ts';
import {
  type FoundTransaction,
  type SearchResponse,
  type StoryResponse,
  searchResponse,
  storyResponse,
} from '../../contract/search-responses.ts';
import { answer, EXAMPLE_TIME, errorAnswer, errorExample } from '../answer.ts';
import { GUARDED } from '../common-errors.ts';
import { PAYMENT, REFUND_ID, USER_ID } from '../examples.ts';
import { needs, scopeLine } from '../security.ts';
import { idParameter, PAYMENT_NOT_FOUND } from './status.ts';

const FOUND: FoundTransaction = {
  ...PAYMENT,
  status: 'completed',
  user_id: USER_ID,
  currency: 'USD',
  gateway: 'sandbox',
  gateway_reference: `sandbox_charge_${PAYMENT.transaction_id}`,
  card_brand: 'visa',
  card_last4: '1111',
  refunded_amount: 10,
  error_code: null,
  error_message: null,
  created_at: EXAMPLE_TIME,
  processed_at: EXAMPLE_TIME,
};

const PAGE: SearchResponse = { transactions: [FOUND], next_cursor: null };

const STORY: StoryResponse = {
  transaction: {
    ...FOUND,
    capture_method: 'automatic',
    hold_minutes: null,
    refundable_amount: 15.5,
    pending_refund_amount: 0,
    expires_at: null,
    gateway_intent: null,
    next_look_up_at: null,
    look_ups: 0,
  },
  refunds: [
    {
      refund_transaction_id: REFUND_ID,
      kind: 'requested',
      status: 'completed',
      refund_amount: 10,
      reason: 'One of two seats',
      gateway_reference: `sandbox_refund_${REFUND_ID}`,
      error_code: null,
      error_message: null,
      created_at: EXAMPLE_TIME,
      processed_at: EXAMPLE_TIME,
    },
  ],
  events: [
    {
      event_id: 'evt_01M84N7ZMCZCJ1ZC4MRCMVD5CE',
      event_type: 'payment.success',
      created_at: EXAMPLE_TIME,
      delivered_at: EXAMPLE_TIME,
      attempts: 1,
      last_error: null,
    },
  ],
  disputes: [],
  is_complete: true,
  history: [
    {
      at: '2026-11-28T16:31:31.204Z',
      type: 'payment.attempted',
      id: PAYMENT.transaction_id,
      actor: 'key:booking-service',
      request_id: 'c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b',
      audit_entry: 1,
      detail: {},
    },
  ],
};

export const searchTransactions: ZodOpenApiOperationObject = {
  operationId: 'searchTransactions',
  tags: ['Search'],
  summary: 'Search the payments',
  description: `Newest first. All filters have to match. ${scopeLine('payments:read')}`,
  security: needs('payments:read'),
  requestParams: { query: searchQuery },
  responses: {
    ...GUARDED,
    '200': answer({
      description:
        'A page of payments. It may have fewer than `limit`, even none, while there is a `next_cursor`: ask for the next page with the same filters and `cursor`.',
      schema: searchResponse,
      examples: { page: { summary: 'The last page', value: PAGE } },
    }),
    '422': errorAnswer({
      description: 'A filter is unknown or wrong.',
      examples: errorExample('VALIDATION_ERROR', 'The request is not valid: see details.issues.', {
        issues: [{ path: 'created_from', message: 'must be a time such as 2026-11-22 or 2026-11-22T18:30:00Z' }],
      }),
    }),
  },
};

export const getTransaction: ZodOpenApiOperationObject = {
  operationId: 'getTransaction',
  tags: ['Search'],
  summary: 'All that is recorded of one payment',
  description: `The payment with its refunds, events and disputes, and its history. ${scopeLine('payments:read')}`,
  security: needs('payments:read'),
  parameters: [idParameter('The `TXN-…` of a payment.', PAYMENT.transaction_id)],
  responses: {
    ...GUARDED,
    '200': answer({
      description: 'The payment.',
      schema: storyResponse,
      examples: { payment: { summary: 'A payment that was refunded in part', value: STORY } },
    }),
    '404': PAYMENT_NOT_FOUND,
  },
};

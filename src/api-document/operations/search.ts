/** GET /payment/transactions and GET /payment/transactions/{id} */
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { searchQuery } from '../../contract/search.ts';
import { type SearchResponse, searchResponse, storyResponse } from '../../contract/search-responses.ts';
import { answer, errorAnswer, errorExample } from '../answer.ts';
import { guarded } from '../common-errors.ts';
import { OWN_IDS, PAYMENT } from '../examples.ts';
import { needs, scopeLine } from '../security.ts';
import { FOUND, STORY } from './search-examples.ts';
import { idParameter, PAYMENT_NOT_FOUND } from './status.ts';

const PAGE: SearchResponse = { transactions: [FOUND], next_cursor: null };

export const searchTransactions: ZodOpenApiOperationObject = {
  operationId: 'searchTransactions',
  tags: ['Search'],
  summary: 'Search the payments',
  description: `Newest first. All filters have to match. ${scopeLine('payments:read')}`,
  security: needs('payments:read'),
  requestParams: { query: searchQuery },
  responses: {
    ...guarded('GET, HEAD', 'payments:read'),
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
  description: `The payment with its refunds, events and disputes, and its history. ${OWN_IDS} ${scopeLine('payments:read')}`,
  security: needs('payments:read'),
  parameters: [idParameter('The `TXN-…` of a payment, or the `REF-…` of one of its refunds.', PAYMENT.transaction_id)],
  responses: {
    ...guarded('GET, HEAD', 'payments:read'),
    '200': answer({
      description: 'The payment.',
      schema: storyResponse,
      examples: { payment: { summary: 'A payment that was refunded in part', value: STORY } },
    }),
    '404': PAYMENT_NOT_FOUND,
  },
};

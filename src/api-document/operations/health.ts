/** GET /health */
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { type HealthResponse, healthResponse } from '../../contract/responses.ts';
import { answer, EXAMPLE_TIME, errorAnswer, errorExample } from '../answer.ts';
import { methodNotAllowed } from '../common-errors.ts';
import { NOBODY_ASKED } from '../security.ts';

const HEALTHY: HealthResponse = {
  status: 'healthy',
  service: 'payment-service',
  timestamp: EXAMPLE_TIME,
  payment_gateways: { credit_card: 'sandbox', debit_card: 'sandbox', paypal: 'sandbox', stripe: null },
};

export const getHealth: ZodOpenApiOperationObject = {
  operationId: 'getHealth',
  tags: ['Service'],
  summary: 'Whether the Worker runs, and which gateway takes which method',
  description: 'It has no rate limit, and asks neither the database nor a gateway.',
  security: NOBODY_ASKED,
  responses: {
    '200': answer({
      description: 'The Worker runs. `payment_gateways` is missing until the service is configured.',
      schema: healthResponse,
      counted: 'never',
      examples: { sandbox: { summary: 'With the sandbox', value: HEALTHY } },
    }),
    '405': methodNotAllowed('GET, HEAD', { counted: 'never' }),
    '500': errorAnswer({
      description: 'A bug. The log has it under the `X-Request-Id` of the answer.',
      counted: 'never',
      examples: errorExample('INTERNAL_ERROR', 'Internal server error'),
    }),
  },
};

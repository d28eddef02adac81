/** GET /payment/methods */
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { type PaymentMethodsResponse, paymentMethodsResponse } from '../../contract/responses.ts';
import { answer } from '../answer.ts';
import { guarded } from '../common-errors.ts';
import { needs } from '../security.ts';

const METHODS: PaymentMethodsResponse = {
  payment_methods: [
    { id: 'credit_card', name: 'Credit Card', description: 'Visa, MasterCard, American Express', enabled: true },
    { id: 'debit_card', name: 'Debit Card', description: 'Bank debit cards', enabled: true },
    { id: 'paypal', name: 'PayPal', description: 'Pay with your PayPal account', enabled: true },
    { id: 'stripe', name: 'Stripe', description: 'Secure online payments', enabled: false },
  ],
};

export const listPaymentMethods: ZodOpenApiOperationObject = {
  operationId: 'listPaymentMethods',
  tags: ['Payments'],
  summary: 'Which methods are enabled',
  description: 'Any key or token will do.',
  security: needs(null),
  responses: {
    ...guarded('GET, HEAD', null),
    '200': answer({
      description: 'All methods, and whether each is enabled.',
      schema: paymentMethodsResponse,
      examples: { sandbox: { summary: 'With the sandbox', value: METHODS } },
    }),
  },
};

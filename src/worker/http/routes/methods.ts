/** GET /payment/methods: what can be paid with, as the service is configured. */
import { Hono } from 'hono/tiny';
import type { PaymentMethodsResponse } from '../../../contract/responses.ts';
import type { HttpEnv } from '../http-env.ts';

const METHODS = [
  { id: 'credit_card', name: 'Credit Card', description: 'Visa, MasterCard, American Express' },
  { id: 'debit_card', name: 'Debit Card', description: 'Bank debit cards' },
  { id: 'paypal', name: 'PayPal', description: 'Pay with your PayPal account' },
  { id: 'stripe', name: 'Stripe', description: 'Secure online payments' },
] as const;

export const methodsRoute = new Hono<HttpEnv>().get('/', (c) => {
  const { gateways } = c.get('shards').at(0);
  return c.json<PaymentMethodsResponse>({
    payment_methods: METHODS.map((method) => ({ ...method, enabled: gateways.forMethod(method.id) !== null })),
  });
});

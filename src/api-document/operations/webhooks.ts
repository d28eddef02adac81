/** POST /webhooks/stripe and POST /webhooks/paypal: what providers call. */
import type { ZodOpenApiOperationObject, ZodOpenApiParameterObject } from 'zod-openapi';
import { webhookResponse } from '../../contract/responses.ts';
import { answer, errorAnswer, errorExample } from '../answer.ts';
import { WEBHOOK_ERRORS, WEBHOOK_HEADER_EXAMPLES } from '../common-errors.ts';
import { NOBODY_ASKED } from '../security.ts';

const signed = (name: string, description: string): ZodOpenApiParameterObject => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
});

function webhook(
  provider: 'Stripe' | 'PayPal',
  parameters: ZodOpenApiParameterObject[],
  event: object,
): ZodOpenApiOperationObject {
  return {
    operationId: `receive${provider}Webhook`,
    tags: ['Webhooks'],
    summary: `For ${provider}: progress of a payment, a refund or a dispute`,
    description: `${provider} signs each webhook. It sends a webhook again until it gets a 200.`,
    security: NOBODY_ASKED,
    parameters,
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { type: 'object', description: `An event, as ${provider} documents it.` },
          examples: { event: { summary: 'An event', value: event } },
        },
      },
    },
    responses: {
      ...WEBHOOK_ERRORS,
      '200': answer({
        description: 'The event was handled, or is of no interest.',
        headerExamples: WEBHOOK_HEADER_EXAMPLES,
        schema: webhookResponse,
        examples: { received: { summary: 'Received', value: { received: true } } },
      }),
      '400': errorAnswer({
        description: 'The signature or the body is not valid; the message names the cause.',
        headerExamples: WEBHOOK_HEADER_EXAMPLES,
        examples: errorExample('INVALID_REQUEST', 'The signature does not match.'),
      }),
      '404': errorAnswer({
        description: `No payments are taken with ${provider}.`,
        headerExamples: WEBHOOK_HEADER_EXAMPLES,
        examples: errorExample('NOT_FOUND', 'There is nothing at this path: no payments are taken with this provider.'),
      }),
    },
  };
}

export const receiveStripeWebhook = webhook(
  'Stripe',
  [signed('Stripe-Signature', 'The time and the signature of the body.')],
  { id: 'evt_1', object: 'event', type: 'payment_intent.succeeded', data: { object: { id: 'pi_1' } } },
);

export const receivePayPalWebhook = webhook(
  'PayPal',
  [
    signed('PayPal-Transmission-Id', 'The id of the transmission, which is signed.'),
    signed('PayPal-Transmission-Time', 'When it was sent.'),
    signed('PayPal-Transmission-Sig', 'The signature.'),
    signed('PayPal-Cert-Url', 'The certificate that it was signed with.'),
    signed('PayPal-Auth-Algo', 'How it was signed: `SHA256withRSA`.'),
  ],
  { id: 'WH-1', event_type: 'PAYMENT.CAPTURE.COMPLETED', resource: { id: '2GG279541U471931P' } },
);

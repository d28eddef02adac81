/**
 * The OpenAPI document of the HTTP API: about it, who may call, and its paths. It is made from the schemas that requests are validated with
 * and answers are typed by, when the pages are built; nothing of it is in the Worker. It is made in two forms: exact, and as it is published.
 */
import { createDocument } from 'zod-openapi';
import { COMMON_ANSWERS } from './common-errors.ts';
import { describeFields } from './field-descriptions.ts';
import { getHealth } from './operations/health.ts';
import { capturePayment, voidPayment } from './operations/hold.ts';
import { listPaymentMethods } from './operations/methods.ts';
import { getMetrics } from './operations/metrics.ts';
import { processPayment } from './operations/process.ts';
import { getReadiness } from './operations/ready.ts';
import { refundPayment } from './operations/refund.ts';
import { getTransaction, searchTransactions } from './operations/search.ts';
import { getPaymentStatus } from './operations/status.ts';
import { receivePayPalWebhook, receiveStripeWebhook } from './operations/webhooks.ts';
import { readable, registerSchemas } from './schemas.ts';
import { SECURITY_SCHEMES } from './security.ts';

export type ApiDocument = ReturnType<typeof createDocument>;

/** Of the API, not of the service: it changes where a caller has to. */
const API_VERSION = '1.0.0';

const INFO = {
  title: 'Payment service',
  version: API_VERSION,
  description: `Takes payments and refunds for a movie-ticket application.

- **Amounts** are decimal numbers of the installation's currency. An amount that is sent may be a string with such a number.
- **Times** are UTC with whole seconds.
- **Ids** are opaque strings: \`TXN-…\` of a payment, \`REF-…\` of a refund.
- **Unknown fields** of a request body are ignored, and optional fields may be \`null\`.
- **New fields** may be added to answers by a later version: ignore those that you do not know.
- **Errors** have the envelope \`error\`. Failed payments have the flat fields beside it, with the cause in \`error_code\`.`,
};

const TAGS = [
  { name: 'Payments', description: 'Take a payment, hold its money, capture or void it, and ask how it ended.' },
  { name: 'Refunds', description: 'Pay back, in part or in full.' },
  { name: 'Search', description: 'Find payments, and see all that is recorded of one.' },
  { name: 'Service', description: 'Whether the service runs, and what it has done.' },
  { name: 'Webhooks', description: 'For the providers.' },
];

/** Has every field of every answer, and allows no other: tests hold the service to it. */
export function exactDocument(): ApiDocument {
  registerSchemas();
  const document = createDocument(
    {
      openapi: '3.1.1',
      info: INFO,
      // The origin that serves the document.
      servers: [{ url: '/' }],
      tags: TAGS,
      paths: {
        '/payment/process': { post: processPayment },
        '/payment/capture': { post: capturePayment },
        '/payment/void': { post: voidPayment },
        '/payment/refund': { post: refundPayment },
        '/payment/status/{id}': { get: getPaymentStatus },
        '/payment/methods': { get: listPaymentMethods },
        '/payment/transactions': { get: searchTransactions },
        '/payment/transactions/{id}': { get: getTransaction },
        '/health': { get: getHealth },
        '/ready': { get: getReadiness },
        '/metrics': { get: getMetrics },
        '/webhooks/stripe': { post: receiveStripeWebhook },
        '/webhooks/paypal': { post: receivePayPalWebhook },
      },
      components: { responses: COMMON_ANSWERS, securitySchemes: SECURITY_SCHEMES },
    },
    { override: readable },
  );
  describeFields(document);
  return document;
}

/** For callers: their generated clients must accept the fields that a later version adds to an answer. */
export function publishedDocument(): ApiDocument {
  return JSON.parse(JSON.stringify(exactDocument()), (key, value) =>
    key === 'additionalProperties' && value === false ? undefined : value,
  );
}

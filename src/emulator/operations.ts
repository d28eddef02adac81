/** The provider and operation of a request. */
import type { ApiRequest } from './api.ts';

export type Provider = 'stripe' | 'paypal';

export interface Operation {
  provider: Provider;
  /** As the providers' SDKs call it. */
  name: string;
  /** The path as the published descriptions have it. */
  template: string;
  /** The id in the path, if it has one. */
  id: string;
}

/** "name, method, path" of all emulated operations. */
const OPERATIONS: Readonly<Record<Provider, readonly (readonly [name: string, method: string, path: string])[]>> = {
  stripe: [
    ['payment_methods.create', 'POST', '/v1/payment_methods'],
    ['payment_intents.create', 'POST', '/v1/payment_intents'],
    ['payment_intents.list', 'GET', '/v1/payment_intents'],
    ['payment_intents.search', 'GET', '/v1/payment_intents/search'],
    ['payment_intents.retrieve', 'GET', '/v1/payment_intents/{intent}'],
    ['payment_intents.update', 'POST', '/v1/payment_intents/{intent}'],
    ['payment_intents.confirm', 'POST', '/v1/payment_intents/{intent}/confirm'],
    ['payment_intents.capture', 'POST', '/v1/payment_intents/{intent}/capture'],
    ['payment_intents.cancel', 'POST', '/v1/payment_intents/{intent}/cancel'],
    ['refunds.create', 'POST', '/v1/refunds'],
    ['refunds.list', 'GET', '/v1/refunds'],
    ['refunds.retrieve', 'GET', '/v1/refunds/{refund}'],
    ['events.list', 'GET', '/v1/events'],
    ['balance.retrieve', 'GET', '/v1/balance'],
    ['accounts.retrieve', 'GET', '/v1/account'],
  ],
  paypal: [
    ['oauth2.token', 'POST', '/v1/oauth2/token'],
    ['orders.create', 'POST', '/v2/checkout/orders'],
    ['orders.get', 'GET', '/v2/checkout/orders/{id}'],
    ['orders.patch', 'PATCH', '/v2/checkout/orders/{id}'],
    ['orders.capture', 'POST', '/v2/checkout/orders/{id}/capture'],
    ['orders.authorize', 'POST', '/v2/checkout/orders/{id}/authorize'],
    ['authorizations.get', 'GET', '/v2/payments/authorizations/{authorization_id}'],
    ['authorizations.capture', 'POST', '/v2/payments/authorizations/{authorization_id}/capture'],
    ['authorizations.void', 'POST', '/v2/payments/authorizations/{authorization_id}/void'],
    ['captures.get', 'GET', '/v2/payments/captures/{capture_id}'],
    ['captures.refund', 'POST', '/v2/payments/captures/{capture_id}/refund'],
    ['refunds.get', 'GET', '/v2/payments/refunds/{refund_id}'],
    ['webhooks.verify', 'POST', '/v1/notifications/verify-webhook-signature'],
    ['certificates.get', 'GET', '/v1/notifications/certs/{certificate}'],
    ['webhook-events.list', 'GET', '/v1/notifications/webhooks-events'],
  ],
};

export const OPERATION_NAMES: readonly string[] = Object.values(OPERATIONS).flatMap((list) =>
  list.map(([name]) => name),
);

/** PayPal's paths below /v1; everything else there is Stripe's. */
const PAYPAL_PATH = /^\/(v1\/(oauth2|notifications)\/|v2\/|checkoutnow$)/;

export function providerOf(request: ApiRequest): Provider {
  return PAYPAL_PATH.test(pathOf(request)) ? 'paypal' : 'stripe';
}

/** @returns null where the emulator knows no such path or method */
export function operationOf(request: ApiRequest): Operation | null {
  const provider = providerOf(request);
  const path = pathOf(request);
  for (const [name, method, template] of OPERATIONS[provider]) {
    if (method !== request.method) continue;
    const id = idIn(path, template);
    if (id !== null) return { provider, name, template, id };
  }
  return null;
}

/** Idempotency-Key or PayPal-Request-Id. */
export function keyOf(request: ApiRequest): string | null {
  return request.headers[providerOf(request) === 'stripe' ? 'idempotency-key' : 'paypal-request-id'] ?? null;
}

export function pathOf(request: ApiRequest): string {
  return request.url.split('?', 1)[0] as string;
}

export function queryOf(request: ApiRequest): string {
  const start = request.url.indexOf('?');
  return start === -1 ? '' : request.url.slice(start + 1);
}

function idIn(path: string, template: string): string | null {
  const [before, after] = template.split(/\{\w+\}/);
  if (after === undefined) return path === before ? '' : null;
  if (!path.startsWith(before as string) || !path.endsWith(after)) return null;
  const id = path.slice((before as string).length, path.length - after.length);
  // Ids have no characters that would have to be escaped.
  return /^[\w-]+$/.test(id) ? id : null;
}

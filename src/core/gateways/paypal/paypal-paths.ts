/** The paths of PayPal's objects. */

/** Of an order, an authorization, a capture or a refund. Any other text in a path could be another address. */
export const PAYPAL_ID = /^[A-Z0-9]{1,36}$/;

export const ORDERS = '/v2/checkout/orders';
export const orderPath = (orderId: string) => `${ORDERS}/${encodeURIComponent(orderId)}`;
export const authorizationPath = (authorizationId: string) =>
  `/v2/payments/authorizations/${encodeURIComponent(authorizationId)}`;
export const capturePath = (captureId: string) => `/v2/payments/captures/${encodeURIComponent(captureId)}`;

/** PayPal's objects as answers and events show them. */
import type { AuthorizationRow, CaptureRow, DisputeRow, OrderRow, PayPalBooks, RefundRow } from './paypal-books.ts';
import { showMoney } from './paypal-money.ts';

type Shown = Record<string, unknown>;

export const PAYEE_EMAIL = 'shop@example.com';
export const PAYER = {
  name: { given_name: 'Johanna', surname: 'Doe' },
  email_address: 'payer@example.com',
  payer_id: 'QYR5Z8XDVJNXQ',
};

const SELLER_PROTECTION = {
  status: 'ELIGIBLE',
  dispute_categories: ['ITEM_NOT_RECEIVED', 'UNAUTHORIZED_TRANSACTION'],
};

/** What PayPal keeps of a payment: part of it, and a fixed sum. */
const FEE_PER_MILLE = 35;
const FEE_MINOR = 49;

export function showOrder(books: PayPalBooks, order: OrderRow): Shown {
  const isApproved = order.status === 'APPROVED' || order.status === 'COMPLETED';
  return {
    id: order.id,
    intent: order.intent,
    status: order.status,
    ...paymentSource(order),
    ...(isApproved && { payer: { ...PAYER, address: { country_code: 'US' } } }),
    purchase_units: [
      {
        reference_id: order.referenceId,
        amount: showMoney(order.minor, order.currency),
        payee: { email_address: PAYEE_EMAIL, merchant_id: order.merchantId },
        ...(order.description !== null && { description: order.description }),
        ...ids(order),
        ...(order.softDescriptor !== null && { soft_descriptor: order.softDescriptor }),
        ...payments(books, order),
      },
    ],
    ...times(order),
    links: orderLinks(books, order),
  };
}

/** What PayPal answers with unless the whole is asked for. */
export function showShortOrder(books: PayPalBooks, order: OrderRow): Shown {
  return {
    id: order.id,
    status: order.status,
    ...(order.status === 'PAYER_ACTION_REQUIRED' && paymentSource(order)),
    links: orderLinks(books, order),
  };
}

function paymentSource({ status }: OrderRow): Shown {
  if (status === 'CREATED') return {};
  if (status === 'PAYER_ACTION_REQUIRED') return { payment_source: { paypal: {} } };
  const { email_address, payer_id, name } = PAYER;
  return { payment_source: { paypal: { email_address, account_id: payer_id, account_status: 'VERIFIED', name } } };
}

function payments(books: PayPalBooks, order: OrderRow): Shown {
  const authorizations = books.authorizationsOf(order).map((authorization) => showAuthorization(books, authorization));
  const captures = books.capturesOf(order);
  const refunds = captures.flatMap((capture) => books.refundsOf(capture)).map((refund) => showRefund(books, refund));
  const collection = {
    ...(authorizations.length > 0 && { authorizations }),
    ...(captures.length > 0 && { captures: captures.map((capture) => showCapture(books, capture)) }),
    ...(refunds.length > 0 && { refunds }),
  };
  return Object.keys(collection).length === 0 ? {} : { payments: collection };
}

export function orderLinks({ baseUrl }: PayPalBooks, order: OrderRow): Shown[] {
  const self = `${baseUrl()}/v2/checkout/orders/${order.id}`;
  const links = [{ href: self, rel: 'self', method: 'GET' }];
  const approval = approvalUrl(baseUrl(), order.id);
  if (order.status === 'COMPLETED') return links;
  if (order.status === 'PAYER_ACTION_REQUIRED')
    return [...links, { href: approval, rel: 'payer-action', method: 'GET' }];
  links.push({ href: self, rel: 'update', method: 'PATCH' });
  const next = order.intent === 'CAPTURE' ? 'capture' : 'authorize';
  if (order.status === 'CREATED') links.push({ href: approval, rel: 'approve', method: 'GET' });
  else links.push({ href: `${self}/${next}`, rel: next, method: 'POST' });
  return links;
}

export function approvalUrl(baseUrl: string, orderId: string): string {
  return `${baseUrl}/checkoutnow?token=${orderId}`;
}

/** As an order lists it. */
function showAuthorization(books: PayPalBooks, authorization: AuthorizationRow): Shown {
  const { id, status, minor, order, expiresAtMs } = authorization;
  return {
    id,
    status,
    amount: showMoney(minor, order.currency),
    ...ids(authorization),
    seller_protection: SELLER_PROTECTION,
    expiration_time: timeOf(expiresAtMs),
    ...times(authorization),
    links: authorizationLinks(books, authorization),
  };
}

function authorizationLinks({ baseUrl }: PayPalBooks, { id, status, order }: AuthorizationRow): Shown[] {
  const self = `${baseUrl()}/v2/payments/authorizations/${id}`;
  const isOpen = status === 'CREATED' || status === 'PARTIALLY_CAPTURED';
  const next = isOpen ? (['capture', 'void', 'reauthorize'] as const) : [];
  return [
    { href: self, rel: 'self', method: 'GET' },
    ...next.map((rel) => ({ href: `${self}/${rel}`, rel, method: 'POST' })),
    { href: `${baseUrl()}/v2/checkout/orders/${order.id}`, rel: 'up', method: 'GET' },
  ];
}

/** With what leads back to its order, as the authorization's own address and its events have it. */
export function showWholeAuthorization(books: PayPalBooks, authorization: AuthorizationRow): Shown {
  const { order } = authorization;
  return {
    ...showAuthorization(books, authorization),
    supplementary_data: { related_ids: { order_id: order.id } },
    payee: { email_address: PAYEE_EMAIL, merchant_id: order.merchantId },
  };
}

export function showCapture(books: PayPalBooks, capture: CaptureRow): Shown {
  const { minor, order } = capture;
  const { currency } = order;
  const status = books.statusOf(capture);
  const fee = Math.round((minor * FEE_PER_MILLE) / 1000) + FEE_MINOR;
  return {
    id: capture.id,
    status,
    ...(status === 'PENDING' && { status_details: { reason: 'PENDING_REVIEW' } }),
    amount: showMoney(minor, currency),
    final_capture: capture.isFinal,
    disbursement_mode: 'INSTANT',
    seller_protection: SELLER_PROTECTION,
    ...(capture.status === 'COMPLETED' && {
      seller_receivable_breakdown: {
        gross_amount: showMoney(minor, currency),
        paypal_fee: showMoney(fee, currency),
        net_amount: showMoney(minor - fee, currency),
      },
    }),
    ...ids(capture),
    ...times(capture),
    links: captureLinks(books, capture),
  };
}

export function captureLinks({ baseUrl }: PayPalBooks, { id, authorization, order }: CaptureRow): Shown[] {
  const self = `${baseUrl()}/v2/payments/captures/${id}`;
  const above = authorization === null ? [] : [`${baseUrl()}/v2/payments/authorizations/${authorization.id}`];
  above.push(`${baseUrl()}/v2/checkout/orders/${order.id}`);
  return [
    { href: self, rel: 'self', method: 'GET' },
    { href: `${self}/refund`, rel: 'refund', method: 'POST' },
    ...above.map((href) => ({ href, rel: 'up', method: 'GET' })),
  ];
}

/** With what leads back to its order, as the capture's own address and its events have it. */
export function showWholeCapture(books: PayPalBooks, capture: CaptureRow): Shown {
  const { order, authorization } = capture;
  const related = { order_id: order.id, ...(authorization !== null && { authorization_id: authorization.id }) };
  return {
    ...showCapture(books, capture),
    supplementary_data: { related_ids: related },
    payee: { email_address: PAYEE_EMAIL, merchant_id: order.merchantId },
  };
}

export function showRefund(books: PayPalBooks, refund: RefundRow): Shown {
  const { capture, minor } = refund;
  const { currency } = capture.order;
  const amount = showMoney(minor, currency);
  return {
    id: refund.id,
    status: refund.status,
    ...(refund.status === 'PENDING' && { status_details: { reason: 'ECHECK' } }),
    amount,
    ...idsTold(books, refund),
    ...(refund.note !== null && { note_to_payer: refund.note }),
    seller_payable_breakdown: {
      gross_amount: amount,
      paypal_fee: showMoney(0, currency),
      net_amount: amount,
      total_refunded_amount: showMoney(books.refundedOf(capture), currency),
    },
    ...times(refund),
    links: refundLinks(books, refund),
  };
}

export function refundLinks({ baseUrl }: PayPalBooks, { id, capture }: RefundRow): Shown[] {
  return [
    { href: `${baseUrl()}/v2/payments/refunds/${id}`, rel: 'self', method: 'GET' },
    { href: `${baseUrl()}/v2/payments/captures/${capture.id}`, rel: 'up', method: 'GET' },
  ];
}

export function showDispute({ baseUrl }: PayPalBooks, dispute: DisputeRow): Shown {
  const { capture } = dispute;
  return {
    dispute_id: dispute.id,
    ...times(dispute),
    disputed_transactions: [
      {
        seller_transaction_id: capture.id,
        ...(capture.customId !== null && { custom: capture.customId }),
        ...(capture.invoiceId !== null && { invoice_number: capture.invoiceId }),
        seller: { merchant_id: capture.order.merchantId, email: PAYEE_EMAIL },
        seller_protection_eligible: true,
      },
    ],
    reason: dispute.reason,
    status: dispute.status,
    dispute_amount: showMoney(capture.minor, capture.order.currency),
    ...(dispute.outcome !== null && { dispute_outcome: { outcome_code: dispute.outcome } }),
    dispute_life_cycle_stage: 'INQUIRY',
    dispute_channel: 'INTERNAL',
    links: [{ href: `${baseUrl()}/v1/customer/disputes/${dispute.id}`, rel: 'self', method: 'GET' }],
  };
}

function idsTold({ tellsOfRefunds }: PayPalBooks, { customId, invoiceId }: RefundRow): Shown {
  return ids({
    customId: tellsOfRefunds === 'both' ? customId : null,
    invoiceId: tellsOfRefunds === 'neither' ? null : invoiceId,
  });
}

function ids({ customId, invoiceId }: { customId: string | null; invoiceId: string | null }): Shown {
  return { ...(customId !== null && { custom_id: customId }), ...(invoiceId !== null && { invoice_id: invoiceId }) };
}

function times({ createdAtMs, updatedAtMs }: { createdAtMs: number; updatedAtMs: number }): Shown {
  return { create_time: timeOf(createdAtMs), update_time: timeOf(updatedAtMs) };
}

/** Whole seconds, as PayPal's resources have them. */
export function timeOf(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** PayPal's objects as answers and events show them. */
import type { CaptureRow, DisputeRow, OrderRow, PayPalBooks, RefundRow } from './paypal-books.ts';
import { showMoney } from './paypal-money.ts';

type Shown = Record<string, unknown>;

export const PAYEE_EMAIL = 'shop@example.com';
const PAYER = {
  name: { given_name: 'Johanna', surname: 'Doe' },
  email_address: 'payer@example.com',
  payer_id: 'QYR5Z8XDVJNXQ',
};

/** What PayPal keeps of a payment: part of it, and a fixed sum. */
const FEE_PER_MILLE = 35;
const FEE_MINOR = 49;

export function showOrder(books: PayPalBooks, order: OrderRow): Shown {
  const { capture } = order;
  const approved = order.status !== 'CREATED';
  return {
    id: order.id,
    intent: 'CAPTURE',
    status: order.status,
    ...(approved && {
      payment_source: {
        paypal: {
          email_address: PAYER.email_address,
          account_id: PAYER.payer_id,
          account_status: 'VERIFIED',
          name: PAYER.name,
        },
      },
      payer: { ...PAYER, address: { country_code: 'US' } },
    }),
    purchase_units: [
      {
        reference_id: order.referenceId,
        amount: showMoney(order.minor, order.currency),
        payee: { email_address: PAYEE_EMAIL, merchant_id: order.merchantId },
        ...(order.description !== null && { description: order.description }),
        ...ids(order),
        ...(capture !== null && {
          payments: {
            captures: [showCapture(books, capture)],
            ...(books.refundsOf(capture).length > 0 && {
              refunds: books.refundsOf(capture).map((refund) => showRefund(books, refund)),
            }),
          },
        }),
      },
    ],
    ...times(order),
    links: orderLinks(books, order),
  };
}

export function orderLinks({ baseUrl }: PayPalBooks, order: OrderRow): Shown[] {
  const self = `${baseUrl()}/v2/checkout/orders/${order.id}`;
  const links = [{ href: self, rel: 'self', method: 'GET' }];
  if (order.status === 'COMPLETED') return links;
  links.push({ href: self, rel: 'update', method: 'PATCH' });
  if (order.status === 'CREATED') links.push({ href: approvalUrl(baseUrl(), order.id), rel: 'approve', method: 'GET' });
  else links.push({ href: `${self}/capture`, rel: 'capture', method: 'POST' });
  return links;
}

export function approvalUrl(baseUrl: string, orderId: string): string {
  return `${baseUrl}/checkoutnow?token=${orderId}`;
}

export function showCapture(books: PayPalBooks, capture: CaptureRow): Shown {
  const { minor, currency } = capture.order;
  const status = books.statusOf(capture);
  const fee = Math.round((minor * FEE_PER_MILLE) / 1000) + FEE_MINOR;
  const self = `${books.baseUrl()}/v2/payments/captures/${capture.id}`;
  return {
    id: capture.id,
    status,
    ...(status === 'PENDING' && { status_details: { reason: 'PENDING_REVIEW' } }),
    amount: showMoney(minor, currency),
    final_capture: true,
    disbursement_mode: 'INSTANT',
    seller_protection: { status: 'ELIGIBLE', dispute_categories: ['ITEM_NOT_RECEIVED', 'UNAUTHORIZED_TRANSACTION'] },
    ...(capture.status === 'COMPLETED' && {
      seller_receivable_breakdown: {
        gross_amount: showMoney(minor, currency),
        paypal_fee: showMoney(fee, currency),
        net_amount: showMoney(minor - fee, currency),
      },
    }),
    ...ids(capture),
    ...times(capture),
    links: [
      { href: self, rel: 'self', method: 'GET' },
      { href: `${self}/refund`, rel: 'refund', method: 'POST' },
      { href: `${books.baseUrl()}/v2/checkout/orders/${capture.order.id}`, rel: 'up', method: 'GET' },
    ],
  };
}

/** With what leads back to its order, as the capture's own address and its events have it. */
export function showWholeCapture(books: PayPalBooks, capture: CaptureRow): Shown {
  return {
    ...showCapture(books, capture),
    supplementary_data: { related_ids: { order_id: capture.order.id } },
    payee: { email_address: PAYEE_EMAIL, merchant_id: capture.order.merchantId },
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
    dispute_amount: showMoney(capture.order.minor, capture.order.currency),
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

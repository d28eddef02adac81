/** The page on which the payer approves an order, which PayPal has on its own site. */
import type { ApiAnswer, ApiRequest } from './api.ts';
import { queryOf } from './operations.ts';
import { payerPage } from './payer-page.ts';
import type { PayPalEmulator } from './paypal.ts';
import type { OrderRow } from './paypal-books.ts';
import { showMoney } from './paypal-money.ts';

/** An order without return addresses is approved at once: then a page of the shop waits for it, and nobody has to press a button. */
export function approvalPage(request: ApiRequest, paypal: PayPalEmulator): ApiAnswer {
  const orderId = new URLSearchParams(queryOf(request)).get('token') ?? '';
  if (!/^[A-Z0-9]{1,36}$/.test(orderId)) return page(400, 'An order is expected: /checkoutnow?token=ORDER');
  if (!paypal.hasOrder(orderId)) return page(404, `There is no order ${orderId}.`);
  if (request.method === 'POST') return decided(request, orderId, paypal);
  if (request.method !== 'GET') return page(405, 'The page is opened with GET, and its forms are sent with POST.');
  const order = paypal.openOrder(orderId);
  if (order.status === 'COMPLETED') return page(200, `The order ${orderId} has been paid.`);
  if (order.returnUrl !== null || order.cancelUrl !== null) return choice(order);
  paypal.approveOrder(orderId);
  return page(200, approved(orderId));
}

function decided({ body }: ApiRequest, orderId: string, paypal: PayPalEmulator): ApiAnswer {
  switch (new URLSearchParams(body).get('decision')) {
    case 'pay':
      return sentTo(paypal.approveOrder(orderId)) ?? page(200, approved(orderId));
    case 'cancel':
      return sentTo(paypal.cancelOrder(orderId)) ?? page(200, `The order ${orderId} is not approved.`);
    default:
      return page(400, 'A decision is expected: pay or cancel.');
  }
}

const approved = (orderId: string) => `The order ${orderId} is approved. The shop can take the payment.`;

function sentTo(address: string | null): ApiAnswer | null {
  return address === null ? null : { status: 303, headers: { location: address }, body: '' };
}

function choice(order: Readonly<OrderRow>): ApiAnswer {
  const { currency_code: currency, value } = showMoney(order.minor, order.currency);
  const button = (decision: string, name: string) =>
    `<form method="post" action="/checkoutnow?token=${order.id}"><button name="decision" value="${decision}">${name}</button></form>`;
  const lines = [
    ...(order.brandName === null ? [] : [`<p>${escaped(order.brandName)}</p>`]),
    ...(order.description === null ? [] : [`<p>${escaped(order.description)}</p>`]),
    button('pay', 'Pay'),
    button('cancel', 'Cancel and return'),
  ];
  return html(200, `<h1>Pay ${value} ${escaped(currency)}?</h1>\n${lines.join('\n')}`);
}

function page(status: number, sentence: string): ApiAnswer {
  return html(status, `<p>${sentence}</p>`);
}

function html(status: number, content: string): ApiAnswer {
  const title = 'PayPal, emulated';
  return payerPage(status, title, `<p class="quiet">${title}</p>\n${content}`);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] as string);
}

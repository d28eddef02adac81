/** Orders of a PayPal account: created by a server or a page, approved by the payer, then captured or authorized. */
import type { Ending } from './api.ts';
import { addAuthorization } from './paypal-authorizations.ts';
import type { AuthorizationRow, CaptureRow, OrderRow, PayPalBooks } from './paypal-books.ts';
import { type Money, readMoney } from './paypal-money.ts';
import { approvalUrl, PAYER, showOrder } from './paypal-objects.ts';
import { addCapture, type Refuse, refuseDuplicateInvoice } from './paypal-payments.ts';

/** By default the payer has to be sent to PayPal within so long, and has as long again from then on. */
const APPROVED_WITHIN_MS = 3 * 60 * 60 * 1000;

interface ExperienceContext {
  brand_name?: string;
  return_url?: string;
  cancel_url?: string;
}

export interface OrderRequest {
  intent: 'CAPTURE' | 'AUTHORIZE';
  purchase_units: {
    reference_id?: string;
    amount: Money;
    payee?: { merchant_id?: string };
    custom_id?: string;
    invoice_id?: string;
    description?: string;
    soft_descriptor?: string;
  }[];
  payment_source?: { paypal?: { experience_context?: ExperienceContext } };
  application_context?: ExperienceContext;
}

export function createOrder(
  books: PayPalBooks,
  request: OrderRequest,
  ourMerchantId: string,
  key: string | null,
  refuse: Refuse,
): OrderRow {
  const [unit] = request.purchase_units;
  const source = request.payment_source;
  // PayPal has others, too; the service does not use them.
  if (unit === undefined || request.purchase_units.length > 1) {
    throw refuse(400, 'NOT_SUPPORTED', { field: '/purchase_units' });
  }
  if (source !== undefined && (source.paypal === undefined || Object.keys(source).length > 1)) {
    throw refuse(400, 'NOT_SUPPORTED', { field: '/payment_source' });
  }
  if (source !== undefined && key === null) throw refuse(400, 'PAYPAL_REQUEST_ID_REQUIRED');
  const money = readMoney(unit.amount);
  if (money.kind === 'invalid') {
    const issue = money.problem === 'DECIMALS_NOT_SUPPORTED' ? 'DECIMAL_PRECISION' : money.problem;
    throw refuse(422, issue, { field: "/purchase_units/@reference_id=='default'/amount/value" });
  }
  const [context, place] =
    source === undefined
      ? [request.application_context, '/application_context']
      : [source.paypal?.experience_context, '/payment_source/paypal/experience_context'];
  for (const name of ['return_url', 'cancel_url'] as const) {
    const address = context?.[name];
    if (address === undefined || isWebAddress(address)) continue;
    throw refuse(400, 'INVALID_PARAMETER_SYNTAX', { field: `${place}/${name}` });
  }
  return addOrder(books, {
    intent: request.intent,
    ...{ minor: money.minor, currency: unit.amount.currency_code },
    status: source === undefined ? 'CREATED' : 'PAYER_ACTION_REQUIRED',
    merchantId: unit.payee?.merchant_id ?? ourMerchantId,
    referenceId: unit.reference_id ?? 'default',
    customId: unit.custom_id ?? null,
    invoiceId: unit.invoice_id ?? null,
    description: unit.description ?? null,
    softDescriptor: unit.soft_descriptor ?? null,
    brandName: context?.brand_name ?? null,
    returnUrl: context?.return_url ?? null,
    cancelUrl: context?.cancel_url ?? null,
    expiresAtMs: books.clock.nowMs() + APPROVED_WITHIN_MS,
  });
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

export function addOrder(
  books: PayPalBooks,
  order: Omit<OrderRow, 'id' | 'isExpired' | 'createdAtMs' | 'updatedAtMs'>,
): OrderRow {
  const nowMs = books.clock.nowMs();
  const row = { ...order, id: books.id(), isExpired: false, createdAtMs: nowMs, updatedAtMs: nowMs };
  books.orders.set(row.id, row);
  return row;
}

export function isAwaitingPayer({ status }: OrderRow): boolean {
  return status === 'CREATED' || status === 'PAYER_ACTION_REQUIRED';
}

/** Whether PayPal has an order no more: it was expired, or its time was over before anybody approved it. */
export function isGone({ clock }: PayPalBooks, order: OrderRow): boolean {
  const { isExpired, expiresAtMs } = order;
  return isExpired || (isAwaitingPayer(order) && expiresAtMs !== null && expiresAtMs <= clock.nowMs());
}

/** The payer has come to PayPal, and has time from now on. */
export function openOrder(books: PayPalBooks, order: OrderRow): void {
  if (order.expiresAtMs !== null) order.expiresAtMs = books.clock.nowMs() + APPROVED_WITHIN_MS;
}

/**
 * The payer's part. One that is approved can be approved again: PayPal sends the payer back for another instrument.
 *
 * @returns where PayPal sends the payer; null where the order has no such address
 */
export function approveOrder(books: PayPalBooks, order: OrderRow): string | null {
  if (order.status !== 'COMPLETED') {
    order.status = 'APPROVED';
    order.updatedAtMs = books.clock.nowMs();
    const summary = 'An order has been approved by buyer';
    books.emit('CHECKOUT.ORDER.APPROVED', 'checkout-order', showOrder(books, order), summary);
  }
  return order.returnUrl && withParameters(order.returnUrl, `token=${order.id}&PayerID=${PAYER.payer_id}`);
}

/** The payer leaves PayPal without approval, which changes nothing. @returns as `approveOrder` */
export function cancelOrder(order: OrderRow): string | null {
  return order.cancelUrl && withParameters(order.cancelUrl, `token=${order.id}`);
}

/** What the address has already stays as it is, byte for byte. */
function withParameters(address: string, parameters: string): string {
  const [before = '', fragment] = address.split(/#(.*)/s);
  const joint = !before.includes('?') ? '?' : /[?&]$/.test(before) ? '' : '&';
  return `${before}${joint}${parameters}${fragment === undefined ? '' : `#${fragment}`}`;
}

export interface Patch {
  op: string;
  path?: string;
  value?: unknown;
}

const PATCHABLE = { custom_id: 'customId', invoice_id: 'invoiceId', description: 'description' } as const;
const LONGEST = 127;

export function patchOrder(books: PayPalBooks, order: OrderRow, patches: Patch[], refuse: Refuse): void {
  if (order.status === 'COMPLETED') {
    const description = 'The order cannot be patched after it is completed.';
    throw refuse(422, 'ORDER_ALREADY_COMPLETED', { description });
  }
  const patched = { ...order };
  for (const [index, { op, path = '', value }] of patches.entries()) {
    const match = /^\/purchase_units\/@reference_id=='([^']*)'\/(\w+)$/.exec(path);
    const field = `/${index}/path`;
    if (match === null) throw refuse(422, 'INVALID_JSON_POINTER_FORMAT', { field });
    if (match[1] !== order.referenceId) throw refuse(422, 'REFERENCE_ID_NOT_FOUND', { field });
    const name = PATCHABLE[match[2] as keyof typeof PATCHABLE];
    if (name === undefined) throw refuse(422, 'NOT_PATCHABLE', { field });
    const isPresent = patched[name] !== null;
    if (!['add', 'replace', 'remove'].includes(op) || (op === 'add') === isPresent) {
      throw refuse(400, 'INVALID_PATCH_OPERATION', { field: `/${index}/op` });
    }
    if (op === 'remove') patched[name] = null;
    else if (value === undefined) throw refuse(422, 'PATCH_VALUE_REQUIRED', { field: `/${index}/value` });
    else if (typeof value !== 'string') throw refuse(400, 'INVALID_PARAMETER_SYNTAX', { field: `/${index}/value` });
    else if (value === '' || value.length > LONGEST) {
      throw refuse(400, 'INVALID_STRING_LENGTH', { field: `/${index}/value` });
    } else patched[name] = value;
  }
  Object.assign(order, patched, { updatedAtMs: books.clock.nowMs() });
}

export function captureOrder(books: PayPalBooks, order: OrderRow, ending: Ending, refuse: Refuse): CaptureRow {
  if (order.intent !== 'CAPTURE') {
    const description =
      "Order was created with an intent to 'AUTHORIZE'. Please use v2/checkout/orders/order_id/authorize to complete the transaction.";
    throw refuse(422, 'ACTION_DOES_NOT_MATCH_INTENT', { description });
  }
  if (order.status === 'COMPLETED') throw refuse(422, 'ORDER_ALREADY_CAPTURED');
  refuseUnapproved(books, order, refuse);
  refuseDuplicateInvoice(books, order.invoiceId, refuse);
  complete(books, order);
  const { minor, customId, invoiceId } = order;
  return addCapture(books, { order, authorization: null, minor, isFinal: true, customId, invoiceId }, ending);
}

export function authorizeOrder(books: PayPalBooks, order: OrderRow, ending: Ending, refuse: Refuse): AuthorizationRow {
  if (order.intent !== 'AUTHORIZE') throw refuse(422, 'ACTION_DOES_NOT_MATCH_INTENT');
  if (order.status === 'COMPLETED') throw refuse(422, 'ORDER_ALREADY_AUTHORIZED');
  refuseUnapproved(books, order, refuse);
  refuseDuplicateInvoice(books, order.invoiceId, refuse);
  complete(books, order);
  return addAuthorization(books, order, ending);
}

function refuseUnapproved(books: PayPalBooks, order: OrderRow, refuse: Refuse): void {
  if (!isAwaitingPayer(order)) return;
  const approve = { href: approvalUrl(books.baseUrl(), order.id), rel: 'approve', method: 'GET' };
  throw refuse(422, 'ORDER_NOT_APPROVED', { links: [approve] });
}

function complete(books: PayPalBooks, order: OrderRow): void {
  order.status = 'COMPLETED';
  order.updatedAtMs = books.clock.nowMs();
}

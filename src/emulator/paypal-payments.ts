/** Orders, captures and refunds of a PayPal account, and what becomes of them. */
import type { Ending } from './api.ts';
import type { CaptureRow, DisputeRow, OrderRow, PayPalBooks, RefundRow } from './paypal-books.ts';
import { type Money, readMoney, showMoney } from './paypal-money.ts';
import { approvalUrl, showDispute, showOrder, showRefund, showWholeCapture } from './paypal-objects.ts';

/** Refuses the call that is being carried out, with an issue of its description. */
export type Refuse = (
  status: number,
  issue: string,
  more?: { field?: string; description?: string; links?: unknown[] },
) => Error;

export interface OrderRequest {
  intent: 'CAPTURE' | 'AUTHORIZE';
  purchase_units: {
    reference_id?: string;
    amount: Money;
    payee?: { merchant_id?: string };
    custom_id?: string;
    invoice_id?: string;
    description?: string;
  }[];
}

export function createOrder(
  books: PayPalBooks,
  request: OrderRequest,
  ourMerchantId: string,
  refuse: Refuse,
): OrderRow {
  const [unit] = request.purchase_units;
  if (request.intent !== 'CAPTURE' || unit === undefined || request.purchase_units.length > 1) {
    // PayPal has others, too; the service does not use them.
    throw refuse(400, 'NOT_SUPPORTED', { field: unit === undefined ? '/purchase_units' : '/intent' });
  }
  const money = readMoney(unit.amount);
  if (money.kind === 'invalid') {
    const issue = money.problem === 'DECIMALS_NOT_SUPPORTED' ? 'DECIMAL_PRECISION' : money.problem;
    throw refuse(422, issue, { field: "/purchase_units/@reference_id=='default'/amount/value" });
  }
  return addOrder(books, {
    ...{ minor: money.minor, currency: unit.amount.currency_code, status: 'CREATED' },
    merchantId: unit.payee?.merchant_id ?? ourMerchantId,
    referenceId: unit.reference_id ?? 'default',
    customId: unit.custom_id ?? null,
    invoiceId: unit.invoice_id ?? null,
    description: unit.description ?? null,
  });
}

type NewOrder = Omit<OrderRow, 'id' | 'capture' | 'createdAtMs' | 'updatedAtMs'>;

export function addOrder(books: PayPalBooks, order: NewOrder): OrderRow {
  const nowMs = books.clock.nowMs();
  const row = { ...order, id: books.id(), capture: null, createdAtMs: nowMs, updatedAtMs: nowMs };
  books.orders.set(row.id, row);
  return row;
}

/** The payer's part. */
export function approveOrder(books: PayPalBooks, order: OrderRow): void {
  if (order.status !== 'CREATED') return;
  order.status = 'APPROVED';
  order.updatedAtMs = books.clock.nowMs();
  books.emit(
    'CHECKOUT.ORDER.APPROVED',
    'checkout-order',
    showOrder(books, order),
    'An order has been approved by buyer',
  );
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

export function captureOrder(
  books: PayPalBooks,
  order: OrderRow,
  refusesDuplicateInvoices: boolean,
  ending: Ending,
  refuse: Refuse,
): CaptureRow {
  if (order.status === 'COMPLETED') throw refuse(422, 'ORDER_ALREADY_CAPTURED');
  if (order.status !== 'APPROVED') {
    const approve = { href: approvalUrl(books.baseUrl(), order.id), rel: 'approve', method: 'GET' };
    throw refuse(422, 'ORDER_NOT_APPROVED', { links: [approve] });
  }
  const used = [...books.captures.values()].some(
    ({ invoiceId, status }) => invoiceId !== null && invoiceId === order.invoiceId && status !== 'DECLINED',
  );
  if (used && refusesDuplicateInvoices) throw refuse(422, 'DUPLICATE_INVOICE_ID');
  const nowMs = books.clock.nowMs();
  const status = ending.decline ? 'DECLINED' : ending.pending ? 'PENDING' : 'COMPLETED';
  const { customId, invoiceId } = order;
  const times = { createdAtMs: nowMs, updatedAtMs: nowMs };
  const capture: CaptureRow = { id: books.id(), order, status, customId, invoiceId, ...times };
  books.captures.set(capture.id, capture);
  order.capture = capture;
  order.status = 'COMPLETED';
  order.updatedAtMs = nowMs;
  announceCapture(books, capture);
  return capture;
}

/** One that was pending. */
export function endCapture(books: PayPalBooks, capture: CaptureRow, end: 'COMPLETED' | 'DECLINED'): void {
  if (capture.status !== 'PENDING') throw new Error(`${capture.id} is not pending, but ${capture.status}`);
  capture.status = end;
  capture.updatedAtMs = books.clock.nowMs();
  announceCapture(books, capture);
}

function announceCapture(books: PayPalBooks, capture: CaptureRow): void {
  const { minor, currency } = capture.order;
  const type = { COMPLETED: 'COMPLETED', PENDING: 'PENDING', DECLINED: 'DENIED' }[capture.status];
  const { value } = showMoney(minor, currency);
  const summary = `Payment ${type.toLowerCase()} for ${value} ${currency}`;
  books.emit(`PAYMENT.CAPTURE.${type}`, 'capture', showWholeCapture(books, capture), summary);
}

export interface RefundRequest {
  amount?: Money;
  custom_id?: string;
  invoice_id?: string;
  note_to_payer?: string;
}

export function refundCapture(
  books: PayPalBooks,
  capture: CaptureRow,
  request: RefundRequest,
  ending: Ending,
  refuse: Refuse,
): RefundRow {
  const left = capture.order.minor - books.refundedOf(capture);
  const minor = request.amount === undefined ? left : minorOf(request.amount, capture, refuse);
  if (capture.status === 'PENDING') throw refuse(422, 'PENDING_CAPTURE');
  if (capture.status === 'DECLINED') throw refuse(422, 'REFUND_NOT_ALLOWED');
  if (left === 0) throw refuse(422, 'CAPTURE_FULLY_REFUNDED');
  if (books.openDisputeOf(capture) && minor < capture.order.minor) throw refuse(422, 'TRANSACTION_DISPUTED');
  if (minor > left) throw refuse(422, 'REFUND_AMOUNT_EXCEEDED', { field: '/amount/value' });
  const refunds = [...books.refunds.values()].filter(({ status }) => status !== 'FAILED');
  if (request.invoice_id !== undefined && refunds.some(({ invoiceId }) => invoiceId === request.invoice_id)) {
    throw refuse(422, 'DUPLICATE_INVOICE_ID', { field: '/invoice_id' });
  }
  return addRefund(books, capture, request, minor, ending);
}

function minorOf(amount: Money, { order }: CaptureRow, refuse: Refuse): number {
  const money = readMoney(amount);
  if (money.kind === 'invalid') {
    const issue = money.problem === 'MAX_VALUE_EXCEEDED' ? 'REFUND_AMOUNT_EXCEEDED' : money.problem;
    throw refuse(422, issue, { field: '/amount/value' });
  }
  if (amount.currency_code !== order.currency) {
    throw refuse(422, 'REFUND_CAPTURE_CURRENCY_MISMATCH', { field: '/amount/currency_code' });
  }
  return money.minor;
}

/** `reversed`: PayPal reverses the capture without a request. */
export function addRefund(
  books: PayPalBooks,
  capture: CaptureRow,
  request: RefundRequest,
  minor: number,
  ending: Ending,
  by: 'refunded' | 'reversed' = 'refunded',
): RefundRow {
  const nowMs = books.clock.nowMs();
  const refund: RefundRow = {
    id: books.id(),
    capture,
    status: ending.pending ? 'PENDING' : 'COMPLETED',
    minor,
    customId: request.custom_id ?? null,
    invoiceId: request.invoice_id ?? null,
    note: request.note_to_payer ?? null,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  books.refunds.set(refund.id, refund);
  capture.updatedAtMs = nowMs;
  announceRefund(books, refund, by);
  if (refund.status === 'COMPLETED') ending.onRefund?.(refund.id);
  return refund;
}

export function endRefund(books: PayPalBooks, refund: RefundRow, end: 'COMPLETED' | 'FAILED'): void {
  if (refund.status === 'FAILED' || refund.status === end) throw new Error(`${refund.id} is ${refund.status} already`);
  refund.status = end;
  refund.updatedAtMs = books.clock.nowMs();
  announceRefund(books, refund);
}

function announceRefund(books: PayPalBooks, refund: RefundRow, by: 'refunded' | 'reversed' = 'refunded'): void {
  const { currency } = refund.capture.order;
  const type = {
    COMPLETED: by === 'refunded' ? 'PAYMENT.CAPTURE.REFUNDED' : 'PAYMENT.CAPTURE.REVERSED',
    PENDING: 'PAYMENT.REFUND.PENDING',
    FAILED: 'PAYMENT.REFUND.FAILED',
  }[refund.status];
  const summary = `A ${showMoney(refund.minor, currency).value} ${currency} capture payment was ${by}: ${refund.status}`;
  books.emit(type, 'refund', showRefund(books, refund), summary);
}

export function openDispute(books: PayPalBooks, capture: CaptureRow, id: string, reason: string): DisputeRow {
  const nowMs = books.clock.nowMs();
  const times = { createdAtMs: nowMs, updatedAtMs: nowMs };
  const dispute: DisputeRow = { id, capture, reason, status: 'OPEN', outcome: null, ...times };
  books.disputes.set(id, dispute);
  books.emit(
    'CUSTOMER.DISPUTE.CREATED',
    'dispute',
    showDispute(books, dispute),
    `A new dispute opened with Case # ${id}`,
  );
  return dispute;
}

export function changeDispute(
  books: PayPalBooks,
  dispute: DisputeRow,
  status: 'UNDER_REVIEW' | 'RESOLVED',
  outcome: string | null,
): void {
  Object.assign(dispute, { status, outcome, updatedAtMs: books.clock.nowMs() });
  const [type, what] = status === 'RESOLVED' ? ['RESOLVED', 'was resolved'] : ['UPDATED', 'was updated'];
  books.emit(
    `CUSTOMER.DISPUTE.${type}`,
    'dispute',
    showDispute(books, dispute),
    `A dispute ${what} with case # ${dispute.id}`,
  );
}

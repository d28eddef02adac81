/** Captures, refunds and disputes of a PayPal account, and what becomes of them. */
import type { Ending } from './api.ts';
import type { CaptureRow, DisputeRow, PayPalBooks, RefundRow } from './paypal-books.ts';
import { type Money, readMoney, showMoney } from './paypal-money.ts';
import { showDispute, showRefund, showWholeCapture } from './paypal-objects.ts';

/** Refuses the call that is being carried out, with an issue of its description. */
export type Refuse = (
  status: number,
  issue: string,
  more?: { field?: string; description?: string; links?: unknown[] },
) => Error;

/** An issue unless an invoice may be paid once more. */
export function refuseDuplicateInvoice(
  books: PayPalBooks,
  invoiceId: string | null,
  refuse: Refuse,
  paidBefore: (capture: CaptureRow) => boolean = () => true,
): void {
  if (invoiceId === null || !books.refusesDuplicateInvoices) return;
  const captures = [...books.captures.values()].filter(({ status }) => status !== 'DECLINED');
  const isPaid = captures.some((capture) => capture.invoiceId === invoiceId && paidBefore(capture));
  if (isPaid) throw refuse(422, 'DUPLICATE_INVOICE_ID');
}

type NewCapture = Pick<CaptureRow, 'order' | 'authorization' | 'minor' | 'isFinal' | 'customId' | 'invoiceId'>;

export function addCapture(books: PayPalBooks, capture: NewCapture, ending: Ending): CaptureRow {
  const nowMs = books.clock.nowMs();
  const status = ending.decline ? 'DECLINED' : ending.pending ? 'PENDING' : 'COMPLETED';
  const row: CaptureRow = { ...capture, id: books.id(), status, createdAtMs: nowMs, updatedAtMs: nowMs };
  books.captures.set(row.id, row);
  announceCapture(books, row);
  return row;
}

/** One that was pending. */
export function endCapture(books: PayPalBooks, capture: CaptureRow, end: 'COMPLETED' | 'DECLINED'): void {
  if (capture.status !== 'PENDING') throw new Error(`${capture.id} is not pending, but ${capture.status}`);
  capture.status = end;
  capture.updatedAtMs = books.clock.nowMs();
  announceCapture(books, capture);
}

function announceCapture(books: PayPalBooks, capture: CaptureRow): void {
  const { minor, order } = capture;
  const { currency } = order;
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
  const left = capture.minor - books.refundedOf(capture);
  const minor = request.amount === undefined ? left : minorOf(request.amount, capture, refuse);
  if (capture.status === 'PENDING') throw refuse(422, 'PENDING_CAPTURE');
  if (capture.status === 'DECLINED') throw refuse(422, 'REFUND_NOT_ALLOWED');
  if (left === 0) throw refuse(422, 'CAPTURE_FULLY_REFUNDED');
  if (books.openDisputeOf(capture) && minor < capture.minor) throw refuse(422, 'TRANSACTION_DISPUTED');
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

/** Authorizations of a PayPal account: money held for a while, until it is captured or released. */
import type { Ending } from './api.ts';
import type { AuthorizationRow, CaptureRow, OrderRow, PayPalBooks } from './paypal-books.ts';
import { type Money, readMoney, showMoney } from './paypal-money.ts';
import { showWholeAuthorization } from './paypal-objects.ts';
import { addCapture, type Refuse, refuseDuplicateInvoice } from './paypal-payments.ts';

const HELD_FOR_MS = 29 * 24 * 60 * 60 * 1000;
/** Of what was authorized: the sum of all captures may be this much. */
const CAPTURABLE_PERCENT = 115;

export function addAuthorization(books: PayPalBooks, order: OrderRow, ending: Ending): AuthorizationRow {
  const nowMs = books.clock.nowMs();
  const { minor, currency, customId, invoiceId } = order;
  const authorization: AuthorizationRow = {
    ...{ id: books.id(), order, minor, customId, invoiceId, isExpired: false },
    status: ending.decline ? 'DENIED' : 'CREATED',
    ...{ expiresAtMs: nowMs + HELD_FOR_MS, createdAtMs: nowMs, updatedAtMs: nowMs },
  };
  books.authorizations.set(authorization.id, authorization);
  // PayPal has no event of a denied one.
  if (authorization.status === 'CREATED') {
    const { value } = showMoney(minor, currency);
    announce(
      books,
      authorization,
      'CREATED',
      `A successful payment authorization was created for ${value} ${currency}`,
    );
  }
  return authorization;
}

export interface CaptureRequest {
  amount?: Money;
  invoice_id?: string;
  final_capture?: boolean;
}

export function captureAuthorization(
  books: PayPalBooks,
  authorization: AuthorizationRow,
  request: CaptureRequest,
  ending: Ending,
  refuse: Refuse,
): CaptureRow {
  const { order, status, isExpired, customId } = authorization;
  const captured = books.capturedOf(authorization);
  const minor =
    request.amount === undefined ? authorization.minor - captured : minorOf(request.amount, authorization, refuse);
  if (isExpired) throw refuse(422, 'AUTHORIZATION_EXPIRED');
  if (status === 'VOIDED') throw refuse(422, 'AUTHORIZATION_VOIDED');
  if (status === 'DENIED') throw refuse(422, 'AUTHORIZATION_DENIED');
  if (status === 'CAPTURED') throw refuse(422, 'AUTHORIZATION_ALREADY_CAPTURED');
  if ((captured + minor) * 100 > authorization.minor * CAPTURABLE_PERCENT) {
    throw refuse(422, 'MAX_CAPTURE_AMOUNT_EXCEEDED', { field: '/amount/value' });
  }
  const invoiceId = request.invoice_id ?? authorization.invoiceId;
  // The invoice of the order is that of all its captures.
  const isAnother = request.invoice_id === undefined ? (one: CaptureRow) => one.order !== order : undefined;
  refuseDuplicateInvoice(books, invoiceId, refuse, isAnother);
  const isFinal = request.final_capture ?? false;
  const capture = addCapture(books, { order, authorization, minor, isFinal, customId, invoiceId }, ending);
  if (capture.status !== 'DECLINED') {
    const isWhole = isFinal || captured + minor >= authorization.minor;
    change(books, authorization, isWhole ? 'CAPTURED' : 'PARTIALLY_CAPTURED');
  }
  return capture;
}

function minorOf(amount: Money, { order }: AuthorizationRow, refuse: Refuse): number {
  const money = readMoney(amount);
  if (money.kind === 'invalid') {
    const issue = money.problem === 'MAX_VALUE_EXCEEDED' ? 'MAX_CAPTURE_AMOUNT_EXCEEDED' : money.problem;
    throw refuse(422, issue, { field: '/amount/value' });
  }
  if (amount.currency_code !== order.currency) {
    throw refuse(422, 'AUTH_CAPTURE_CURRENCY_MISMATCH', { field: '/amount/currency_code' });
  }
  return money.minor;
}

export function voidAuthorization(
  books: PayPalBooks,
  authorization: AuthorizationRow,
  refuse: Refuse,
): AuthorizationRow {
  const { status } = authorization;
  if (status === 'CAPTURED') throw refuse(422, 'PREVIOUSLY_CAPTURED');
  // Of a denied one nothing is held either; PayPal describes no issue of its own for it.
  if (status === 'VOIDED' || status === 'DENIED') throw refuse(422, 'PREVIOUSLY_VOIDED');
  change(books, authorization, 'VOIDED');
  announce(books, authorization, 'VOIDED', 'A payment authorization was voided.');
  return authorization;
}

export function isOpen({ status }: AuthorizationRow): boolean {
  return status === 'CREATED' || status === 'PARTIALLY_CAPTURED';
}

/** PayPal releases what is held; its event is the one of a void, in other words. */
export function expireAuthorization(books: PayPalBooks, authorization: AuthorizationRow): void {
  authorization.isExpired = true;
  change(books, authorization, 'VOIDED');
  announce(books, authorization, 'VOIDED', 'A payment authorization was expired.');
}

/** Those whose time is over. The emulator has no timers: they expire before the next call. */
export function expireDueAuthorizations(books: PayPalBooks): void {
  const nowMs = books.clock.nowMs();
  for (const authorization of books.authorizations.values()) {
    if (isOpen(authorization) && authorization.expiresAtMs <= nowMs) expireAuthorization(books, authorization);
  }
}

function change(books: PayPalBooks, authorization: AuthorizationRow, status: AuthorizationRow['status']): void {
  authorization.status = status;
  authorization.updatedAtMs = books.clock.nowMs();
}

function announce(
  books: PayPalBooks,
  authorization: AuthorizationRow,
  type: 'CREATED' | 'VOIDED',
  summary: string,
): void {
  const shown = showWholeAuthorization(books, authorization);
  books.emit(`PAYMENT.AUTHORIZATION.${type}`, 'authorization', shown, summary);
}

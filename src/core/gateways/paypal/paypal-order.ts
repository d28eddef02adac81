/**
 * Checks of a PayPal order: whether it matches the payment, which booking it was created for, and the outcome of its capture or its
 * authorization. The payer's browser may have created or changed it, so each field is checked before use.
 */
import { minorUnits } from '../../domain/money.ts';
import { isIdentifier, type Transaction } from '../../domain/transaction.ts';
import type { ChargeRequest, GatewayOutcome } from '../gateway.ts';
import { declinedBecause } from '../refusal.ts';
import { isAmountOf } from './paypal-amount.ts';
import type { PayPalSettings } from './paypal-client.ts';
import { approvalAddress, intentFor, isOfNewOrder } from './paypal-new-order.ts';
import {
  type Authorization,
  authorizationOf,
  type Capture,
  captureOf,
  isDeclined,
  type KnownState,
  type Order,
  stateOfAuthorization,
  stateOfCapture,
} from './paypal-outcomes.ts';

/** Whether the order is one purchase of this amount, to be paid to this merchant. */
export function isAsAsked(order: Order, transaction: Transaction, { merchantId }: PayPalSettings): boolean {
  const [unit, ...others] = order.purchase_units ?? [];
  return (
    unit !== undefined &&
    others.length === 0 &&
    order.intent === intentFor(transaction) &&
    isAmountOf(unit.amount, transaction) &&
    unit.payee?.merchant_id === merchantId
  );
}

/** Null where the order may pay for this booking. */
export async function refusedForBooking(
  order: Order,
  { transaction, isOfSameBooking = async () => false }: ChargeRequest,
): Promise<GatewayOutcome | null> {
  const booking = bookingOf(order, transaction);
  if (booking.kind === 'accepted') return null;
  if (booking.kind === 'another_booking') return declinedBecause('order_of_another_booking');
  const answers = await Promise.all(booking.transactionIds.map(isOfSameBooking));
  if (answers.includes(true)) return null;
  if (!answers.includes(null)) return declinedBecause('order_of_another_booking');
  return { kind: 'failed', reason: 'the ledger did not return the booking that the order was marked for' };
}

/** PayPal's default name for the only purchase unit of an order. */
const UNNAMED = 'default';

type OrderBooking =
  /** It names this booking, or none. */
  | { kind: 'accepted' }
  | { kind: 'another_booking' }
  /** Earlier attempts have put their transaction ids in place of what was there: it belongs to the booking that these are of. */
  | { kind: 'marked'; transactionIds: string[] };

/**
 * A payer approves an order for one booking, and everybody who knows its id can present it: so an order that names a booking pays
 * for that one only. Names are `reference_id`, `custom_id` and `invoice_id`; one of them is enough.
 */
function bookingOf(order: Order, { transactionId, bookingId }: Transaction): OrderBooking {
  const { reference_id, custom_id, invoice_id } = order.purchase_units?.[0] ?? {};
  const ids = [reference_id === UNNAMED ? undefined : reference_id, custom_id, invoice_id].filter(
    (id) => id !== undefined,
  );
  if (ids.includes(bookingId)) return { kind: 'accepted' };
  // Only `custom_id` and `invoice_id` are ever written by this service.
  const marks: string[] = [custom_id, invoice_id].filter((id) => isIdentifier(id, 'TXN-'));
  if (marks.includes(transactionId)) return { kind: 'accepted' };
  if (marks.length > 0) return { kind: 'marked', transactionIds: [...new Set(marks)] };
  return ids.length === 0 ? { kind: 'accepted' } : { kind: 'another_booking' };
}

/** Writes our id on the order, and with it on the capture. The operation is `replace` where a value exists, as PayPal requires. */
export function marksFor(order: Order, transactionId: string): object[] {
  const [unit] = order.purchase_units ?? [];
  const path = `/purchase_units/@reference_id=='${unit?.reference_id ?? 'default'}'`;
  return (['custom_id', 'invoice_id'] as const).map((field) => ({
    op: unit?.[field] === undefined ? 'add' : 'replace',
    path: `${path}/${field}`,
    value: transactionId,
  }));
}

/** What is known of a transaction before its order is looked at. */
interface Circumstances {
  /**
   * Whether a capture or an authorization that carries no transaction's id is this one's. The page can replace its mark until the
   * capture: so it is, but where the order was captured before this transaction came to it.
   */
  unmarkedCounts: boolean;
  nowMs: number;
}

/**
 * What the order says of this transaction: of a capture that carries another id, that it is another one's. The page that made the
 * order can change its amount between our look at it and the capture: what was captured then is owed back. Only reads (invariant 9).
 */
export function judge(
  settings: PayPalSettings,
  order: Order,
  transaction: Transaction,
  { unmarkedCounts, nowMs }: Circumstances,
): KnownState {
  const payee = order.purchase_units?.[0]?.payee?.merchant_id;
  const isPaidElsewhere = payee !== settings.merchantId;
  const capture = captureOf(order, transaction, unmarkedCounts);
  const taken = capture && judgeCapture(capture, transaction, isPaidElsewhere);
  const authorization = authorizationOf(order, transaction, unmarkedCounts);
  const held =
    transaction.captureMethod === 'manual' && authorization
      ? judgeAuthorization(authorization, transaction, isPaidElsewhere, nowMs)
      : undefined;
  // A capture that PayPal declined leaves the money held: it is released when the capture is sent again.
  const isStillHeld = held?.kind === 'authorized' && (taken?.kind === 'declined' || taken?.kind === 'failed');
  if (taken !== undefined && !isStillHeld) return taken;
  if (held !== undefined) return held;
  if (order.status === 'COMPLETED') return declinedBecause(isDeclined(order) ? 'capture_declined' : 'order_used');
  return isOfNewOrder(transaction) ? judgeNewOrder(settings, order, transaction) : { kind: 'not_found' };
}

/** @param isPaidElsewhere whether another merchant has the money */
export function judgeCapture(capture: Capture, transaction: Transaction, isPaidElsewhere: boolean): KnownState {
  const state = stateOfCapture(capture);
  if (state.kind !== 'approved') return state;
  if (isPaidElsewhere) return declinedBecause('order_changed', 'PAYEE');
  if (isAmountOf(capture.amount, transaction)) return state;
  // Already refunded: nothing is owed.
  if (capture.status === 'REFUNDED') return declinedBecause('order_changed', 'AMOUNT');
  const { amount } = capture;
  const amountMinor =
    amount?.currency_code === transaction.currency ? minorUnits(amount.value, transaction.currency) : null;
  return {
    kind: 'mischarged',
    reference: state.reference,
    amountMinor,
    cause: 'order_changed',
    providerCode: 'AMOUNT',
  };
}

function judgeAuthorization(
  authorization: Authorization,
  transaction: Transaction,
  isPaidElsewhere: boolean,
  nowMs: number,
): KnownState {
  const state = stateOfAuthorization(authorization, nowMs);
  if (state.kind !== 'authorized') return state;
  if (isPaidElsewhere) return declinedBecause('order_changed', 'PAYEE');
  // That of a payment that has ended is to be released, whatever its amount.
  const isToBeReleased = transaction.status !== 'pending';
  return isToBeReleased || isAmountOf(authorization.amount, transaction)
    ? state
    : declinedBecause('order_changed', 'AMOUNT');
}

/** Of one that this service created, of which nothing has been taken or held yet. That happens only if `completeCharge` is called. */
function judgeNewOrder({ apiUrl }: PayPalSettings, order: Order, { step }: Transaction): KnownState {
  // Once the row says that it is voided or has expired, it is never completed, whatever the payer does.
  if (order.status === 'VOIDED' || step === 'void' || step === 'expire') return { kind: 'cancelled' };
  if (order.status === 'APPROVED') return { kind: 'payer_approved' };
  return { kind: 'challenged', url: approvalAddress(order.links ?? [], apiUrl) };
}

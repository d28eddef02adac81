/** Which booking an order was created for, by the ids on its purchase unit: pure. */
import { isIdentifier, type Transaction } from '../../domain/transaction.ts';
import type { Order } from './paypal-outcomes.ts';

/** What PayPal calls the only purchase unit of an order, unless whoever creates the order gives it a name. */
const UNNAMED = 'default';

export type OrderBooking =
  /** It names this booking, or none. */
  | { kind: 'accepted' }
  | { kind: 'another_booking' }
  /** Earlier attempts have put their transaction ids in place of what was there: it belongs to the booking that these are of. */
  | { kind: 'marked'; transactionIds: string[] };

/**
 * A payer approves an order for one booking, and everybody who knows its id can present it: so an order that names a booking pays
 * for that one only. Names are `reference_id`, `custom_id` and `invoice_id`; one of them is enough.
 */
export function bookingOf(order: Order, { transactionId, bookingId }: Transaction): OrderBooking {
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

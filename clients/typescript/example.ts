/**
 * What a shop does, with test cards: `PAYMENT_SERVICE=http://localhost:8003 node example.ts`. In production, PAYMENT_API_KEY is the shop's key.
 */
import { randomUUID } from 'node:crypto';
import { PaymentClient, PaymentFailed, type PaymentRequest } from './payment-client.ts';

const { PAYMENT_SERVICE = 'http://localhost:8003', PAYMENT_API_KEY } = process.env;
const payments = new PaymentClient({
  baseUrl: PAYMENT_SERVICE,
  ...(PAYMENT_API_KEY && { apiKey: PAYMENT_API_KEY }),
});

function order(cardNumber: string): PaymentRequest {
  return {
    user_id: 'user_123',
    booking_id: `BOOK-${randomUUID()}`,
    amount: 25.5,
    payment_method: 'credit_card',
    card_details: {
      card_number: cardNumber,
      expiry_month: '12',
      expiry_year: '2030',
      cvv: '123',
      cardholder_name: 'John Doe',
    },
  };
}

/** Stands for a table of your database: the keys of each booking's payments and refunds. */
const keys: { bookingId: string; key: string }[] = [];

/** A key for one attempt, stored before the request is sent: after a crash, send the request again under it. Another attempt needs another key. */
function newKey(bookingId: string): string {
  const key = randomUUID();
  keys.push({ bookingId, key });
  return key;
}

// Pay. Sent twice under one key, it is one payment.
const booking = order('4111111111111111');
const key = newKey(booking.booking_id);
const paid = await payments.pay(booking, key);
const again = await payments.pay(booking, key);
console.log('pay:', paid.status, again.transaction_id === paid.transaction_id ? 'once' : 'twice');
console.log('status:', (await payments.status(paid.transaction_id)).status);

// Refund a part of it.
const refunded = await payments.refund(
  {
    booking_id: booking.booking_id,
    original_transaction_id: paid.transaction_id,
    refund_amount: 10.25,
    reason: 'Customer cancellation',
    user_id: booking.user_id,
  },
  newKey(booking.booking_id),
);
console.log('refund:', refunded.status, refunded.refund_amount);

// Hold the money, and take it.
const held = { ...order('4111111111111111'), capture_method: 'manual' as const, hold_minutes: 10 };
const authorized = await payments.pay(held, newKey(held.booking_id));
const hold = { booking_id: held.booking_id, transaction_id: authorized.transaction_id, user_id: held.user_id };
const captured = await payments.capture(hold);
console.log('capture:', authorized.status, captured.status);

// Hold the money, and release it.
const other = { ...held, booking_id: `BOOK-${randomUUID()}` };
const released = await payments.pay(other, newKey(other.booking_id));
const voided = await payments.void({ ...hold, booking_id: other.booking_id, transaction_id: released.transaction_id });
console.log('void:', voided.status, voided.error_code);

// A card that is declined, and then another one for the same booking: a new attempt, under a new key.
const declined = order('4000000000000002');
try {
  await payments.pay(declined, newKey(declined.booking_id));
} catch (error) {
  if (!(error instanceof PaymentFailed)) throw error;
  console.log('decline:', error.code);
}
const retried = { ...order('4111111111111111'), booking_id: declined.booking_id };
console.log('another card:', (await payments.pay(retried, newKey(retried.booking_id))).status);

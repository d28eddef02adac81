/** The requests that the benchmark sends, as a booking service does. */
import { randomBytes } from 'node:crypto';
import { TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../test/data/cards.ts';

/** The network that RFC 2544 keeps for benchmarks. */
const NETWORK = '198.18.0';
const AMOUNT = 25.5;
const USER_ID = 'user_123';

export interface BenchRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** One of few clients, because each costs the local simulator a file. @param client from 0 to 255 */
export function clientHeaders(client: number): Record<string, string> {
  const address = `${NETWORK}.${client}`;
  return { 'CF-Connecting-IP': address, 'X-Forwarded-For': address };
}

/** Never used before, and no number. */
export function newBookingId(): string {
  return `BOOK-f${randomBytes(6).toString('hex').slice(1)}`;
}

export function processRequest(bookingId: string, options: { manual?: boolean; key?: string } = {}): BenchRequest {
  return post(
    '/payment/process',
    {
      user_id: USER_ID,
      booking_id: bookingId,
      amount: AMOUNT,
      payment_method: 'credit_card',
      card_details: {
        card_number: TEST_CARDS.visa,
        expiry_month: '12',
        expiry_year: TEST_EXPIRY_YEAR,
        cvv: TEST_CVV,
        cardholder_name: 'John Doe',
      },
      ...(options.manual && { capture_method: 'manual' }),
    },
    options.key === undefined ? {} : { 'Idempotency-Key': options.key },
  );
}

/** A payment that was made before. */
export interface MadePayment {
  bookingId: string;
  transactionId: string;
}

export function statusRequest({ transactionId }: MadePayment): BenchRequest {
  return { method: 'GET', path: `/payment/status/${transactionId}`, headers: {} };
}

export function refundRequest({ bookingId, transactionId }: MadePayment): BenchRequest {
  return post('/payment/refund', {
    booking_id: bookingId,
    original_transaction_id: transactionId,
    refund_amount: AMOUNT,
    reason: 'Customer cancellation',
    user_id: USER_ID,
  });
}

/** @param step what becomes of money that is held */
export function holdRequest(step: 'capture' | 'void', { bookingId, transactionId }: MadePayment): BenchRequest {
  return post(`/payment/${step}`, { booking_id: bookingId, transaction_id: transactionId, user_id: USER_ID });
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): BenchRequest {
  return {
    method: 'POST',
    path,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
}

import { describe, expect, it } from 'vitest';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { ERROR_STATUSES } from '../data/contract-examples.ts';
import { EVENT_ID, expectEnvelope, expectPaymentFailure, TIMESTAMP, TRANSACTION_ID } from './matchers.ts';
import { database } from './operation.ts';
import { CARD, cardNumbered, pay, payment, sendWith, status } from './request.ts';
import { eventsOf, transactionsOf } from './stored.ts';

async function told(bookingId: string) {
  const ids = (await eventsOf(bookingId)).map(({ event_id }) => String(event_id));
  return (await findEvents(database, ids)).events;
}

describe('a sandbox card that succeeds', () => {
  it.each([
    ['Visa', TEST_CARDS.visa, 'visa', '1111'],
    ['MasterCard', TEST_CARDS.mastercard, 'mastercard', '4444'],
    ['American Express', TEST_CARDS.amex, 'american-express', '0005'],
    ['Discover', TEST_CARDS.discover, 'discover', '1117'],
  ])('%s: is charged, recorded with brand and last four digits, and told', async (_, number, brand, lastFour) => {
    const request = payment({ card_details: cardNumbered(number) });
    const bookingId = String(request.booking_id);
    const answer = await pay(request);

    expect(answer.status).toBe(200);
    const transactionId = answer.body.transaction_id;
    expect(await transactionsOf(bookingId)).toMatchObject([
      {
        transaction_id: transactionId,
        status: 'completed',
        amount_minor: 2550,
        currency: 'USD',
        reserved_minor: 0,
        refunded_minor: 0,
        card_brand: brand,
        card_last4: lastFour,
        gateway: 'sandbox',
        gateway_reference: `sandbox_charge_${transactionId}`,
        error_code: null,
        failure_reason: null,
        next_lookup_at_ms: null,
      },
    ]);
    expect(await told(bookingId)).toEqual([
      {
        event_id: EVENT_ID,
        event_type: 'payment.success',
        user_id: 'user_123',
        user_email: null,
        booking_id: bookingId,
        transaction_id: transactionId,
        amount: 25.5,
        payment_method: 'credit_card',
        timestamp: TIMESTAMP,
      },
    ]);
  });

  it.each(['739', '7390'])('American Express may be given the CVV of %s', async (cvv) => {
    const answer = await pay(payment({ card_details: { ...cardNumbered(TEST_CARDS.amex), cvv } }));
    expect(answer.status).toBe(200);
  });

  it.each([
    ['12', '2024', 200],
    ['12', '24', 200],
    ['01', '2025', 200],
    ['11', '2024', 400],
    ['12', '2023', 400],
  ])('is good to the end of its month, by the contract’s date: %s/%s', async (expiry_month, expiry_year, code) => {
    const answer = await pay(payment({ card_details: { ...CARD, expiry_month, expiry_year } }));
    expect(answer.status).toBe(code);
    if (code === 400) expect(answer.body.error_code).toBe('CARD_EXPIRED');
  });
});

describe('a sandbox card that fails', () => {
  it.each([
    [TEST_CARDS.visaDeclined, 'CARD_DECLINED', 'Card declined by bank', 'Card declined by bank'],
    [TEST_CARDS.insufficientFunds, 'INSUFFICIENT_FUNDS', 'Insufficient funds', 'Insufficient funds in account'],
    [TEST_CARDS.expired, 'CARD_EXPIRED', 'Card has expired', 'Card has expired'],
    [TEST_CARDS.invalid, 'INVALID_CARD', 'Invalid card details', 'Invalid card details'],
    [TEST_CARDS.gatewayFails, 'PAYMENT_GATEWAY_ERROR', 'Gateway service error', 'Gateway service error'],
  ] as const)('%s: %s is answered, recorded and told', async (number, code, reason, message) => {
    const request = payment({ card_details: cardNumbered(number) });
    const bookingId = String(request.booking_id);
    const answer = await pay(request);

    expect(answer.status).toBe(ERROR_STATUSES[code]);
    expectPaymentFailure(answer, {
      errorCode: code,
      bookingId,
      amount: 25.5,
      method: 'credit_card',
      transactionId: TRANSACTION_ID,
      retryPossible: true,
    });
    expect([answer.body.error_message, answer.body.error.details.reason]).toEqual([message, reason]);
    expect(await transactionsOf(bookingId)).toMatchObject([
      {
        transaction_id: answer.body.transaction_id,
        status: 'failed',
        error_code: code,
        failure_reason: reason,
        card_brand: 'visa',
        card_last4: number.slice(-4),
        gateway_reference: null,
      },
    ]);
    expect(await told(bookingId)).toEqual([
      {
        event_id: EVENT_ID,
        event_type: 'payment.failed',
        user_id: 'user_123',
        user_email: null,
        booking_id: bookingId,
        amount: 25.5,
        payment_method: 'credit_card',
        failure_reason: reason,
        error_code: code,
        timestamp: TIMESTAMP,
      },
    ]);
    expect((await status(answer.body.transaction_id)).body.status).toBe('failed');
  });
});

describe('a sandbox card whose outcome is not known', () => {
  const soon = { PAYMENT_GATEWAY_TIMEOUT_MS: '50' };
  const payWith = (request: Record<string, unknown>) => sendWith(soon, 'POST', '/payment/process', { body: request });

  it.each([
    ['answers after the deadline', TEST_CARDS.answersLate],
    ['never gets there', TEST_CARDS.neverArrives],
  ])('%s: the payment is pending, and nothing is guessed or told (invariant 3)', async (_, number) => {
    const request = payment({ card_details: cardNumbered(number) });
    const bookingId = String(request.booking_id);
    const answer = await payWith(request);

    expect(answer.status).toBe(502);
    expectPaymentFailure(answer, {
      status: 'pending',
      errorCode: 'PAYMENT_GATEWAY_ERROR',
      bookingId,
      amount: 25.5,
      method: 'credit_card',
      transactionId: TRANSACTION_ID,
      retryPossible: false,
    });
    const { transaction_id } = answer.body;
    expect(await transactionsOf(bookingId)).toMatchObject([
      { transaction_id, status: 'pending', processed_at_ms: null, error_code: null, card_last4: number.slice(-4) },
    ]);
    expect(await eventsOf(bookingId)).toEqual([]);
  });

  it('has the status pending, without a time of processing', async () => {
    const answer = await payWith(payment({ card_details: cardNumbered(TEST_CARDS.answersLate) }));
    expect((await status(answer.body.transaction_id)).body).toMatchObject({ status: 'pending', processed_at: null });
  });

  it('keeps the booking to itself meanwhile (invariant 1)', async () => {
    const request = payment({ card_details: cardNumbered(TEST_CARDS.neverArrives) });
    const unknown = await payWith(request);
    const again = await pay({ ...request, card_details: CARD });

    expect(again.status).toBe(409);
    expectEnvelope(again, 'DUPLICATE_TRANSACTION');
    expect(again.body.error.details).toEqual({ transaction_id: unknown.body.transaction_id, status: 'pending' });
  });
});

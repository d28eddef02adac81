import { describe, expect, it } from 'vitest';
import { findEvents } from '../../src/core/ledger/outbox/find-events.ts';
import { expectPaymentFailure, TRANSACTION_ID } from './matchers.ts';
import { database } from './operation.ts';
import { CARD, pay, payment, send } from './request.ts';
import { eventsOf, eventTypesOf, rowCounts, transactionsOf } from './stored.ts';

const PAYPAL = { email: 'payer@example.com', payment_id: 'PAYID-1' };
const payPalPayment = (overrides: Record<string, unknown> = {}) =>
  payment({ payment_method: 'paypal', card_details: undefined, paypal_details: PAYPAL, ...overrides });

async function emailsTold(bookingId: unknown): Promise<unknown[]> {
  const ids = (await eventsOf(String(bookingId))).map(({ event_id }) => String(event_id));
  return (await findEvents(database, ids)).events.map((event) => event.user_email);
}

describe('a payment with PayPal', () => {
  it('is charged, and nothing of a card is recorded', async () => {
    const request = payPalPayment();
    const answer = await pay(request);
    expect([answer.status, answer.body.payment_method]).toEqual([200, 'paypal']);
    expect(await transactionsOf(String(request.booking_id))).toMatchObject([
      { payment_method: 'paypal', card_brand: null, card_last4: null, user_email: null },
    ]);
    expect(await emailsTold(request.booking_id)).toEqual([PAYPAL.email]);
  });

  it.each([undefined, null])(
    'without its details (%s) fails as a payment, which is recorded and told',
    async (details) => {
      const request = payPalPayment({ paypal_details: details, card_details: CARD });
      const answer = await pay(request);

      expect(answer.status).toBe(400);
      expectPaymentFailure(answer, {
        errorCode: 'PAYMENT_FAILED',
        bookingId: request.booking_id,
        amount: 25.5,
        method: 'paypal',
        transactionId: TRANSACTION_ID,
        retryPossible: true,
      });
      expect(answer.body.error_message).toBe('PayPal details are required');
      expect(await eventTypesOf(String(request.booking_id))).toEqual(['payment.failed']);
    },
  );

  it('with card details beside its own keeps nothing of the card', async () => {
    const request = payPalPayment({ card_details: CARD });
    await pay(request);
    expect(await transactionsOf(String(request.booking_id))).toMatchObject([{ card_brand: null, card_last4: null }]);
  });
});

describe('a debit card', () => {
  it('is charged as one', async () => {
    const answer = await pay(payment({ payment_method: 'debit_card' }));
    expect([answer.status, answer.body.payment_method]).toEqual([200, 'debit_card']);
  });
});

describe('the address in events', () => {
  it.each([
    ['the request’s', { user_email: 'user@example.com' }, 'user@example.com'],
    [
      'the request’s rather than PayPal’s',
      { user_email: 'user@example.com', paypal_details: PAYPAL },
      'user@example.com',
    ],
    ['PayPal’s where the request has none', { user_email: '', paypal_details: PAYPAL }, PAYPAL.email],
    ['null where there is none', {}, null],
  ])('is %s', async (_, overrides, email) => {
    const request = payment(overrides);
    await pay(request);
    expect(await emailsTold(request.booking_id)).toEqual([email]);
  });
});

describe('a method that is disabled', () => {
  it('is refused, and nothing is recorded', async () => {
    const before = await rowCounts();
    const request = payment({ payment_method: 'stripe' });
    const answer = await pay(request);

    expect(answer.status).toBe(400);
    expectPaymentFailure(answer, {
      errorCode: 'PAYMENT_METHOD_DISABLED',
      bookingId: request.booking_id,
      amount: 25.5,
      method: 'stripe',
      retryPossible: false,
    });
    expect(await rowCounts()).toEqual(before);
  });

  it('is one that GET /payment/methods says is disabled, and the others are not', async () => {
    const { body } = await send('GET', '/payment/methods');
    for (const { id, enabled } of body.payment_methods) {
      const answer = await pay(payment({ payment_method: id, paypal_details: PAYPAL }));
      expect([id, answer.body.error_code !== 'PAYMENT_METHOD_DISABLED']).toEqual([id, enabled]);
    }
  });
});

describe('a payment_method_token', () => {
  const TOKEN = 'pm_of_a_card';

  it('replaces a card: no card data is required or kept', async () => {
    const request = payment({ card_details: undefined, payment_method_token: TOKEN });
    const answer = await pay(request);
    expect([answer.status, answer.body.payment_method]).toEqual([200, 'credit_card']);
    expect(await transactionsOf(String(request.booking_id))).toMatchObject([{ card_brand: null, card_last4: null }]);
  });

  it.each([
    ['tok_card_declined', 400, 'CARD_DECLINED'],
    ['tok_insufficient_funds', 400, 'INSUFFICIENT_FUNDS'],
    ['tok_card_expired', 400, 'CARD_EXPIRED'],
    ['tok_invalid_card', 400, 'INVALID_CARD'],
    ['tok_gateway_error', 502, 'PAYMENT_GATEWAY_ERROR'],
  ])('%s fails in the sandbox: %i %s', async (token, status, code) => {
    const answer = await pay(payment({ card_details: undefined, payment_method_token: token }));
    expect([answer.status, answer.body.error_code]).toEqual([status, code]);
  });

  it('is taken in place of card details that come along', async () => {
    const request = payment({ card_details: { ...CARD, card_number: '1' }, payment_method_token: TOKEN });
    expect((await pay(request)).status).toBe(200);
  });

  it.each([null, ''])('that is %j is none', async (token) => {
    const answer = await pay(payment({ card_details: undefined, payment_method_token: token }));
    expect([answer.status, answer.body.error_code]).toEqual([400, 'INVALID_CARD']);
  });

  it('makes another request under the same key, where it is another token', async () => {
    const headers = { 'Idempotency-Key': 'a-token' };
    const body = payment({ card_details: undefined, payment_method_token: TOKEN });
    const sendToken = (token: string) =>
      send('POST', '/payment/process', { body: { ...body, payment_method_token: token }, headers });
    expect((await sendToken(TOKEN)).status).toBe(200);
    expect((await sendToken(TOKEN)).headers.get('Idempotent-Replayed')).toBe('true');
    expect((await sendToken('pm_other')).body.error.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });
});

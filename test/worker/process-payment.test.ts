import { describe, expect, it } from 'vitest';
import { TEST_CARDS } from '../data/cards.ts';
import { expectEnvelope, TIMESTAMP, TRANSACTION_ID } from './matchers.ts';
import { CARD, cardNumbered, newBooking, paid, pay, payment, refund, refundOf, status } from './request.ts';
import { eventTypesOf, transactionsOf } from './stored.ts';

describe('POST /payment/process', () => {
  it('charges a card and answers with the contract’s fields', async () => {
    const request = payment();
    const { status: code, body } = await pay(request);

    expect(code).toBe(200);
    expect(body).toEqual({
      status: 'success',
      transaction_id: TRANSACTION_ID,
      booking_id: request.booking_id,
      amount: 25.5,
      payment_method: 'credit_card',
      processed_at: TIMESTAMP,
      message: 'Payment processed successfully',
    });
    expect((await status(body.transaction_id)).body).toEqual({
      transaction_id: body.transaction_id,
      status: 'completed',
      booking_id: request.booking_id,
      amount: 25.5,
      payment_method: 'credit_card',
      created_at: TIMESTAMP,
      processed_at: TIMESTAMP,
    });
  });

  it('has a request id and security headers, and is not cached', async () => {
    const { headers } = await pay();
    expect(headers.get('X-Request-Id')).toMatch(/\S/);
    expect(headers.get('Cache-Control')).toBe('no-store');
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
  });
});

describe('one charge per booking (invariant 1)', () => {
  it('lets one of 200 concurrent payments of a booking through', { timeout: 30_000 }, async () => {
    const request = payment();
    const answers = await Promise.all(Array.from({ length: 200 }, () => pay(request)));

    const codes = answers.map((answer) => answer.status);
    expect(codes.filter((code) => code === 200)).toHaveLength(1);
    expect(codes.filter((code) => code === 409)).toHaveLength(199);
    const winner = answers.find((answer) => answer.status === 200)?.body.transaction_id;
    for (const { body } of answers.filter((answer) => answer.status === 409)) {
      expect(body.error).toMatchObject({ code: 'DUPLICATE_TRANSACTION', details: { transaction_id: winner } });
    }
    expect(await eventTypesOf(String(request.booking_id))).toEqual(['payment.success']);
    expect(await transactionsOf(String(request.booking_id))).toHaveLength(1);
  });

  it('answers a second payment with the first one', async () => {
    const made = await paid();
    const again = await pay(payment({ booking_id: made.booking_id, user_id: 'somebody else', amount: 1 }));

    expect(again.status).toBe(409);
    expectEnvelope(again, 'DUPLICATE_TRANSACTION');
    expect(again.body.error.details).toEqual({ transaction_id: made.transaction_id, status: 'completed' });
  });

  it('never lets a failed attempt block the next one', async () => {
    const booking_id = newBooking();
    for (const number of [TEST_CARDS.visaDeclined, TEST_CARDS.gatewayFails, TEST_CARDS.badCheckDigit]) {
      expect((await pay(payment({ booking_id, card_details: cardNumbered(number) }))).body.status).toBe('failed');
    }
    expect((await pay(payment({ booking_id, card_details: CARD }))).status).toBe(200);

    expect((await transactionsOf(booking_id)).map((row) => row.status).sort()).toEqual([
      'completed',
      'failed',
      'failed',
      'failed',
    ]);
    expect(await eventTypesOf(booking_id)).toEqual([
      'payment.failed',
      'payment.failed',
      'payment.failed',
      'payment.success',
    ]);
  });

  it('lets many failing attempts at once each fail, or find another one under way', async () => {
    const booking_id = newBooking();
    const declined = payment({ booking_id, card_details: cardNumbered(TEST_CARDS.visaDeclined) });
    const answers = await Promise.all(Array.from({ length: 40 }, () => pay(declined)));

    const failed = answers.filter((answer) => answer.status === 400);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length + answers.filter((answer) => answer.status === 409).length).toBe(40);
    expect(await eventTypesOf(booking_id)).toEqual(failed.map(() => 'payment.failed'));
  });

  it('lets a booking that was refunded be paid again, once', async () => {
    const made = await paid();
    expect((await refund(refundOf(made))).status).toBe(200);

    const again = await Promise.all(Array.from({ length: 20 }, () => pay(payment({ booking_id: made.booking_id }))));
    expect(again.map((answer) => answer.status).sort()).toEqual([200, ...Array(19).fill(409)]);
    expect((await status(made.transaction_id)).body.status).toBe('refunded');
  });

  it('does not let a booking that was refunded in part be paid again', async () => {
    const made = await paid();
    expect((await refund(refundOf(made, { refund_amount: 25.49 }))).status).toBe(200);
    expect((await pay(payment({ booking_id: made.booking_id }))).status).toBe(409);
  });
});

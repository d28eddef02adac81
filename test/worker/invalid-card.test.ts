import { describe, expect, it } from 'vitest';
import { TEST_CARDS } from '../data/cards.ts';
import { MARKER } from './bad-bodies.ts';
import { expectPaymentFailure, TRANSACTION_ID } from './matchers.ts';
import { CARD, cardNumbered, pay, payment } from './request.ts';
import { eventTypesOf, rowCounts, transactionsOf } from './stored.ts';

const with_ = (overrides: Record<string, unknown>) => ({ ...CARD, cardholder_name: MARKER, ...overrides });

/** Card details that are strings, as the schema wants them, and no card all the same. */
const NO_CARDS: [name: string, details: unknown][] = [
  ['no details', undefined],
  ['null for details', null],
  ['an empty number', with_({ card_number: '' })],
  ['a number of letters', with_({ card_number: MARKER })],
  ['a wrong check digit', cardNumbered(TEST_CARDS.badCheckDigit)],
  ['eleven digits', with_({ card_number: '41111111111' })],
  ['twenty digits', with_({ card_number: '4'.repeat(20) })],
  ['ten thousand digits', with_({ card_number: '4'.repeat(10_000) })],
  ['digits of another script', with_({ card_number: '٤١١١١١١١١١١١١١١١' })],
  ['a letter behind the number', with_({ card_number: `${TEST_CARDS.visa}x` })],
  ['a NUL behind the number', with_({ card_number: `${TEST_CARDS.visa}\0` })],
  ['an empty CVV', with_({ cvv: '' })],
  ['a CVV of two digits', with_({ cvv: '73' })],
  ['a CVV of four digits on a Visa card', with_({ cvv: '7390' })],
  ['a CVV of five digits on an Amex card', with_({ card_number: TEST_CARDS.amex, cvv: '73901' })],
  ['a CVV of letters', with_({ cvv: MARKER })],
  ['a CVV with a blank in it', with_({ cvv: '7 39' })],
  ['month 0', with_({ expiry_month: '00' })],
  ['month 13', with_({ expiry_month: '13' })],
  ['no month', with_({ expiry_month: '' })],
  ['a month of letters', with_({ expiry_month: MARKER })],
  ['a negative month', with_({ expiry_month: '-1' })],
  ['a year of the last century', with_({ expiry_year: '1999' })],
  ['a year of three digits', with_({ expiry_year: '025' })],
  ['no year', with_({ expiry_year: '' })],
  ['a year of letters', with_({ expiry_year: MARKER })],
  ['a half-surrogate for a number', with_({ card_number: '\ud800' })],
  ['a NUL for a number', with_({ card_number: '\0' })],
];

describe('card details that are no card', () => {
  it.each(NO_CARDS)('fail as a payment, which is recorded and published: %s', async (_, details) => {
    const request = payment({ user_id: MARKER, card_details: details });
    const before = await rowCounts();
    const answer = await pay(request);

    expect(answer.status).toBe(400);
    expectPaymentFailure(answer, {
      errorCode: 'INVALID_CARD',
      bookingId: request.booking_id,
      amount: 25.5,
      method: 'credit_card',
      transactionId: TRANSACTION_ID,
      retryPossible: true,
    });
    expect(answer.text).not.toContain('zq7x');
    expect(await rowCounts()).toEqual({
      transactions: Number(before?.transactions) + 1,
      refunds: before?.refunds,
      events: Number(before?.events) + 1,
    });
    expect(await transactionsOf(String(request.booking_id))).toMatchObject([
      { status: 'failed', error_code: 'INVALID_CARD', card_brand: null, card_last4: null },
    ]);
    expect(await eventTypesOf(String(request.booking_id))).toEqual(['payment.failed']);
  });

  it('fail a debit card in the same way', async () => {
    const answer = await pay(payment({ payment_method: 'debit_card', card_details: null }));
    expect([answer.status, answer.body.error_code, answer.body.payment_method]).toEqual([
      400,
      'INVALID_CARD',
      'debit_card',
    ]);
  });
});

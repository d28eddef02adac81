import { describe, expect, it } from 'vitest';
import { processPayment } from '../../src/core/payments/process-payment.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { withField } from './bad-fields.ts';
import { paidInYen } from './former-currency.ts';
import { expectEnvelope, REFUND_ID, TIMESTAMP } from './matchers.ts';
import { newId, operation, paymentRequest } from './operation.ts';
import { cardNumbered, newBooking, paid, pay, payment, refund, refundOf, send, sendWith, status } from './request.ts';
import { eventTypesOf, refundsOf, rowCounts, transaction } from './stored.ts';
import { watchedDatabase } from './watched-database.ts';

const NOBODY = { transaction_id: newId('TXN-'), booking_id: 'BOOK-NONE' };

describe('POST /payment/refund', () => {
  it('pays back and answers with the contract’s fields', async () => {
    const made = await paid();
    const answer = await refund(refundOf(made));

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: 'success',
      refund_transaction_id: REFUND_ID,
      original_transaction_id: made.transaction_id,
      booking_id: made.booking_id,
      refund_amount: 25.5,
      processed_at: TIMESTAMP,
      message: 'Refund processed successfully',
    });
    expect(await refundsOf(made.transaction_id)).toMatchObject([
      { refund_id: answer.body.refund_transaction_id, status: 'completed', amount_minor: 2550, error_code: null },
    ]);
    expect(await eventTypesOf(made.booking_id)).toEqual(['payment.success', 'payment.refund']);
    expect((await status(made.transaction_id)).body.status).toBe('refunded');
  });

  it('has a status of its own', async () => {
    const made = await paid();
    const { body } = await refund(refundOf(made, { refund_amount: 10 }));
    const answer = await status(body.refund_transaction_id);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      transaction_id: body.refund_transaction_id,
      status: 'completed',
      booking_id: made.booking_id,
      amount: 10,
      payment_method: 'credit_card',
      created_at: TIMESTAMP,
      processed_at: TIMESTAMP,
      original_transaction_id: made.transaction_id,
    });
  });

  it('answers 404 to a payment that there is none of', async () => {
    const answer = await refund(refundOf(NOBODY));
    expect(answer.status).toBe(404);
    expectEnvelope(answer, 'TRANSACTION_NOT_FOUND');
  });

  it('answers 404 to another tenant’s payment', async () => {
    const answer = await processPayment(operation({ tenant: 'other' }), paymentRequest(), '25.50');
    if (answer.kind !== 'completed') throw new Error('the other tenant could not pay');
    const { transactionId, bookingId } = answer.transaction;
    expect((await refund(refundOf({ transaction_id: transactionId, booking_id: bookingId }))).status).toBe(404);
    expect((await status(transactionId)).status).toBe(404);
  });
});

describe('GET /payment/status', () => {
  it('says what has been refunded and what is left, once something has been', async () => {
    const made = await paid();
    const asPaid = (await status(made.transaction_id)).body;
    expect(Object.keys(asPaid)).not.toContain('refunded_amount');
    expect(Object.keys(asPaid)).not.toContain('refundable_amount');

    await refund(refundOf(made, { refund_amount: 10.2 }));
    expect((await status(made.transaction_id)).body).toEqual({
      ...asPaid,
      refunded_amount: 10.2,
      refundable_amount: 15.3,
    });
    await refund(refundOf(made, { refund_amount: 15.3 }));
    expect((await status(made.transaction_id)).body).toEqual({
      ...asPaid,
      status: 'refunded',
      refunded_amount: 25.5,
      refundable_amount: 0,
    });
  });
});

describe('a refund that is not permitted', () => {
  /** @param amounts what the refusal says of the payment's balance */
  async function expectRefused(request: Record<string, unknown>, reason: RegExp, amounts: object): Promise<void> {
    const before = await rowCounts();
    const answer = await refund(request);
    expect(answer.status).toBe(400);
    expectEnvelope(answer, 'REFUND_NOT_ALLOWED');
    expect(answer.body.error.details).toEqual({ reason: expect.stringMatching(reason), ...amounts });
    expect(await rowCounts()).toEqual(before);
  }

  it('is one of another booking, who learns nothing of its amounts', async () => {
    await expectRefused(refundOf(await paid(), { booking_id: newBooking() }), /another booking/, {});
  });

  it('is one of another user, who learns nothing of its amounts', async () => {
    await expectRefused(refundOf(await paid(), { user_id: 'user_124' }), /another user/, {});
  });

  it('is one of a cent too much, and names what is left', async () => {
    const made = await paid();
    await expectRefused(refundOf(made, { refund_amount: 25.51 }), /exceeds/, { refundable_amount: 25.5 });
    await refund(refundOf(made, { refund_amount: 10.2 }));
    await expectRefused(refundOf(made, { refund_amount: 15.31 }), /exceeds/, { refundable_amount: 15.3 });
  });

  it('is one of more money than there is', async () => {
    const request = refundOf(await paid(), { refund_amount: 9_999_999_999_999 });
    await expectRefused(request, /exceeds/, { refundable_amount: 25.5 });
  });

  it('is one of what a pending refund holds, and says so', async () => {
    const made = await paid();
    await refund(refundOf(made, { refund_amount: 5 }));
    const DB = watchedDatabase((roundTrip) => (roundTrip > 1 ? 'refuse' : 'answer')).d1;
    const pending = await sendWith({ DB }, 'POST', '/payment/refund', { body: refundOf(made, { refund_amount: 10 }) });
    expect(pending.body.error.details.status).toBe('pending');

    const balance = { refundable_amount: 10.5, pending_refund_amount: 10 };
    await expectRefused(refundOf(made, { refund_amount: 20.5 }), /while another refund is pending$/, balance);
    await expectRefused(refundOf(made, { refund_amount: 20.51 }), /left to refund$/, balance);
    expect((await status(made.transaction_id)).body).toMatchObject({ refunded_amount: 5, refundable_amount: 10.5 });
    expect((await refund(refundOf(made, { refund_amount: 10.5 }))).status).toBe(200);
  });

  it('is one of a payment that failed', async () => {
    const declined = await pay(payment({ card_details: cardNumbered(TEST_CARDS.visaDeclined) }));
    await expectRefused(refundOf(declined.body), /failed/, { refundable_amount: 0 });
  });

  it('is one of a payment whose outcome is not known', async () => {
    const unknown = await sendWith({ PAYMENT_GATEWAY_TIMEOUT_MS: '50' }, 'POST', '/payment/process', {
      body: payment({ card_details: cardNumbered(TEST_CARDS.neverArrives) }),
    });
    await expectRefused(refundOf(unknown.body), /pending/, { refundable_amount: 0 });
  });

  it('is one of a payment that was refunded already', async () => {
    const made = await paid();
    await refund(refundOf(made));
    await expectRefused(refundOf(made, { refund_amount: 0.01 }), /already/, { refundable_amount: 0 });
  });
});

describe('never over-refunded (invariant 2)', () => {
  it('lets one of 50 concurrent refunds of 60 % through', async () => {
    const made = await paid({ amount: 100 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => refund(refundOf(made, { refund_amount: 60 }))));

    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    const refused = answers.filter((answer) => answer.status === 400);
    expect(refused).toHaveLength(49);
    for (const { body } of refused) expect(body.error.code).toBe('REFUND_NOT_ALLOWED');
    expect(await transaction(made.transaction_id)).toMatchObject({
      status: 'completed',
      amount_minor: 10_000,
      reserved_minor: 0,
      refunded_minor: 6000,
    });
    expect(await refundsOf(made.transaction_id)).toHaveLength(1);
    expect(await eventTypesOf(made.booking_id)).toEqual(['payment.success', 'payment.refund']);
  });

  it('lets exactly as many of 30 concurrent refunds through as the amount holds', async () => {
    const made = await paid({ amount: 100 });
    const answers = await Promise.all(Array.from({ length: 30 }, () => refund(refundOf(made, { refund_amount: 10 }))));

    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(10);
    expect(await transaction(made.transaction_id)).toMatchObject({ status: 'refunded', refunded_minor: 10_000 });
    expect((await eventTypesOf(made.booking_id)).slice(1)).toEqual(Array(10).fill('payment.refund'));
  });

  it('refunds in parts to the exact sum, and is refunded only then', async () => {
    const made = await paid({ amount: 0.3 });
    for (const [refunded, status_] of [
      [10, 'completed'],
      [20, 'completed'],
      [30, 'refunded'],
    ]) {
      expect((await refund(refundOf(made, { refund_amount: 0.1 }))).status).toBe(200);
      expect(await transaction(made.transaction_id)).toMatchObject({ refunded_minor: refunded, status: status_ });
    }
    expect((await refund(refundOf(made, { refund_amount: 0.1 }))).body.error.code).toBe('REFUND_NOT_ALLOWED');
  });
});

describe('a refund in a currency that is no longer the configured one', () => {
  it('is counted in the payment’s own minor units (invariant 7)', async () => {
    const made = await paidInYen();
    const answer = await refund(refundOf(made, { refund_amount: 2500 }));
    expect([answer.status, answer.body.refund_amount]).toEqual([200, 2500]);
    expect(await transaction(made.transaction_id)).toMatchObject({ status: 'refunded', refunded_minor: 2500 });
  });

  it('may not have decimals that the currency does not have', async () => {
    const made = await paidInYen();
    const answer = await refund(refundOf(made, { refund_amount: 25.5 }));
    expect([answer.status, answer.body.error.code]).toEqual([400, 'INVALID_AMOUNT']);
    expect(await refundsOf(made.transaction_id)).toEqual([]);
  });

  it('may have zeros behind the point', async () => {
    const made = await paidInYen();
    const body = withField(refundOf(made), 'refund_amount', '2500.000');
    expect((await send('POST', '/payment/refund', { body })).status).toBe(200);
  });

  it('is not permitted beyond what was paid', async () => {
    const made = await paidInYen();
    const answer = await refund(refundOf(made, { refund_amount: 2501 }));
    expect([answer.status, answer.body.error.code]).toEqual([400, 'REFUND_NOT_ALLOWED']);
    expect(answer.body.error.details.refundable_amount).toBe(2500);
  });
});

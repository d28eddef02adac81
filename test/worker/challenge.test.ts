import { describe, expect, it } from 'vitest';
import { AUTHENTICATION_CARDS } from '../data/cards.ts';
import { answerPage, capture, challenged, challengedPayment, openPage, RETURN_URL, voidPayment } from './held.ts';
import { newKey, payWithKey } from './idempotent-requests.ts';
import { TIMESTAMP } from './matchers.ts';
import { cardNumbered, pay, payment, status } from './request.ts';
import { eventTypesOf, transaction } from './stored.ts';

describe('a card of which the bank wants the payer to authenticate', () => {
  it.each(AUTHENTICATION_CARDS)(
    '%s without return_url: is declined, and the next step names return_url',
    async (number) => {
      const answer = await pay(payment({ card_details: cardNumbered(number) }));
      expect(answer).toMatchObject({ status: 400, body: { error_code: 'CARD_DECLINED' } });
      expect(answer.body.error.details.next_step).toContain('return_url');
    },
  );

  it.each(AUTHENTICATION_CARDS)(
    '%s with return_url: 202 with the address of the next action, and no event',
    async (number) => {
      const answer = await pay(challengedPayment({ card_details: cardNumbered(number) }));
      expect(answer.status).toBe(202);
      expect(answer.body).toEqual({
        status: 'pending',
        transaction_id: expect.stringMatching(/^TXN-/),
        booking_id: expect.any(String),
        amount: 25.5,
        payment_method: 'credit_card',
        processed_at: null,
        message: expect.any(String),
        next_action: {
          type: 'redirect_to_url',
          url: expect.stringMatching(/^https:\/\/payments\.example\/sandbox\/challenge\/TXN-/),
          expires_at: TIMESTAMP,
        },
      });
      expect(await eventTypesOf(answer.body.booking_id)).toEqual([]);
      const seen = await status(answer.body.transaction_id);
      expect(seen.body).toMatchObject({ status: 'pending', processed_at: null });
      expect(seen.text).not.toContain('token=');
    },
  );

  it('authenticates: the payment is completed, and the payer is sent back with the transaction’s id', async () => {
    const { transaction_id, booking_id, next_action } = await challenged();
    const shown = await openPage(next_action.url);
    expect(shown.status).toBe(200);
    expect(await shown.text()).toContain('25.50');
    const answer = await answerPage(next_action.url, 'authenticated');
    expect(answer.status).toBe(303);
    expect(answer.headers.get('Location')).toBe(`${RETURN_URL}&transaction_id=${transaction_id}`);
    expect((await status(transaction_id)).body).toMatchObject({ status: 'completed' });
    expect(await eventTypesOf(booking_id)).toEqual(['payment.success']);
    const again = await answerPage(next_action.url, 'authenticated');
    expect(again.status).toBe(404);
    expect(await transaction(transaction_id)).toMatchObject({ sealed_action_url: null, sealed_return_url: null });
  });

  it('declines: payment.failed with AUTHENTICATION_FAILED', async () => {
    const { transaction_id, booking_id, next_action } = await challenged();
    expect((await answerPage(next_action.url, 'declined')).status).toBe(303);
    expect(await transaction(transaction_id)).toMatchObject({ status: 'failed', error_code: 'AUTHENTICATION_FAILED' });
    expect(await eventTypesOf(booking_id)).toEqual(['payment.failed']);
  });

  it('is held after authenticating, where capture_method is manual', async () => {
    const payment = await challenged({ capture_method: 'manual' });
    await answerPage(payment.next_action.url, 'authenticated');
    expect((await status(payment.transaction_id)).body).toMatchObject({ status: 'authorized' });
    expect(await capture(payment)).toMatchObject({ status: 200 });
  });

  it('gets out of it by a void', async () => {
    const payment = await challenged();
    expect(await voidPayment(payment)).toMatchObject({ status: 200, body: { error_code: 'PAYMENT_VOIDED' } });
    expect((await openPage(payment.next_action.url)).status).toBe(404);
    await challenged({ booking_id: payment.booking_id });
  });

  it('gets the same address when the request is sent again with its key, and then the outcome', async () => {
    const request = challengedPayment();
    const key = newKey();
    const first = await payWithKey(key, request);
    const second = await payWithKey(key, request);
    expect(second).toMatchObject({ status: 202, body: first.body });
    await answerPage(first.body.next_action.url, 'authenticated');
    expect(await payWithKey(key, request)).toMatchObject({ status: 200, body: { status: 'success' } });
  });

  it('is told how to get out of it when the booking is paid again, and others are not', async () => {
    const { booking_id, transaction_id } = await challenged();
    const own = await pay(payment({ booking_id }));
    expect(own).toMatchObject({ status: 409, body: { error: { details: { transaction_id, expires_at: TIMESTAMP } } } });
    expect(own.body.error.details.next_step).toContain('/payment/void');
    const other = await pay(payment({ booking_id, user_id: 'somebody_else' }));
    expect(other.body.error.details).not.toHaveProperty('next_step');
  });
});

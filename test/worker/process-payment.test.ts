import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { pay, payment, status } from './request.ts';

describe('POST /payment/process', () => {
  it('charges a card and answers with the contract’s fields', async () => {
    const request = payment();
    const { status: code, body } = await pay(request);

    expect(code).toBe(200);
    expect(body).toEqual({
      status: 'success',
      transaction_id: expect.stringMatching(/^TXN-[0-9A-HJKMNP-TV-Z]{26}$/),
      booking_id: request.booking_id,
      amount: 25.5,
      payment_method: 'credit_card',
      processed_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      message: 'Payment processed successfully',
    });
    expect((await status(body.transaction_id)).body.status).toBe('completed');
  });

  it('lets one of 200 concurrent payments of a booking through (invariant 1)', async () => {
    const request = payment();
    const answers = await Promise.all(Array.from({ length: 200 }, () => pay(request)));

    const codes = answers.map((answer) => answer.status);
    expect(codes.filter((code) => code === 200)).toHaveLength(1);
    expect(codes.filter((code) => code === 409)).toHaveLength(199);
    const paid = answers.find((answer) => answer.status === 200)?.body.transaction_id;
    for (const { body } of answers.filter((answer) => answer.status === 409)) {
      expect(body.error).toMatchObject({ code: 'DUPLICATE_TRANSACTION', details: { transaction_id: paid } });
    }
    const events = await env.DB.prepare('SELECT event_type FROM events WHERE booking_id = ?1')
      .bind(request.booking_id)
      .all();
    expect(events.results).toEqual([{ event_type: 'payment.success' }]);
  });
});

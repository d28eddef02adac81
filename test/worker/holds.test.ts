import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { capture, held, heldPayment, voidPayment } from './held.ts';
import { expectEnvelope, TIMESTAMP } from './matchers.ts';
import { pay, payment, refund, refundOf, status } from './request.ts';
import { eventsOf, eventTypesOf, transaction } from './stored.ts';

describe('a payment with capture_method manual', () => {
  it('is authorized: 200 with the time until which it can be captured, and no event', async () => {
    const before = Date.now();
    const answer = await pay(heldPayment({ hold_minutes: 10 }));
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body).toEqual({
      status: 'authorized',
      transaction_id: expect.stringMatching(/^TXN-/),
      booking_id: expect.any(String),
      amount: 25.5,
      payment_method: 'credit_card',
      processed_at: null,
      message: expect.any(String),
      capture_before: TIMESTAMP,
    });
    const untilMs = Date.parse(answer.body.capture_before) - before;
    expect(untilMs).toBeGreaterThan(9.9 * 60_000);
    expect(untilMs).toBeLessThan(10.1 * 60_000);
    expect(await eventTypesOf(answer.body.booking_id)).toEqual([]);
    expect((await status(answer.body.transaction_id)).body).toMatchObject({
      status: 'authorized',
      processed_at: null,
      capture_before: answer.body.capture_before,
    });
  });

  it('keeps its booking: another payment of it is a duplicate', async () => {
    const { booking_id, transaction_id } = await held();
    const answer = await pay(payment({ booking_id }));
    expect(answer).toMatchObject({ status: 409, body: { error: { details: { transaction_id } } } });
  });

  it('is captured: 200, payment.success, and the same answer again', async () => {
    const payment = await held();
    const answer = await capture(payment);
    expect(answer).toMatchObject({ status: 200, body: { status: 'success', transaction_id: payment.transaction_id } });
    expect(answer.body.processed_at).toMatch(/Z$/);
    expect((await capture(payment)).body).toEqual(answer.body);
    expect(await eventTypesOf(payment.booking_id)).toEqual(['payment.success']);
    expect((await refund(refundOf(payment))).status).toBe(200);
  });

  it('is voided: 200, payment.failed with PAYMENT_VOIDED, the same answer again, and the booking is free', async () => {
    const payment = await held();
    const answer = await voidPayment(payment);
    expect(answer).toMatchObject({ status: 200, body: { status: 'failed', error_code: 'PAYMENT_VOIDED' } });
    expect((await voidPayment(payment)).body).toEqual(answer.body);
    expect(await eventsOf(payment.booking_id)).toMatchObject([{ event_type: 'payment.failed' }]);
    await held({ booking_id: payment.booking_id });
  });

  it('cannot be refunded before it is captured', async () => {
    const answer = await refund(refundOf(await held()));
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'REFUND_NOT_ALLOWED' } } });
    expect(answer.body.error.details.reason).toBe('The payment is held, and not captured: it can be voided');
  });

  it('is neither captured nor refunded for another user, and the log says why', async () => {
    const payment = await held();
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    await capture(payment, { user_id: 'another' });
    await refund({ ...refundOf(payment), user_id: 'another' });
    const lines = log.mock.calls.map(([line]) => JSON.parse(line));
    log.mockRestore();
    const reason = 'The transaction belongs to another user';
    expect(lines).toContainEqual(expect.objectContaining({ event: 'payment.capture', began: false, reason }));
    expect(lines).toContainEqual(expect.objectContaining({ event: 'refund.answered', outcome: 'not_allowed', reason }));
  });

  it('that was voided is not captured, and one that was captured is not voided: 409 with the status', async () => {
    const voided = await held();
    await voidPayment(voided);
    const late = await capture(voided);
    expect(late.status).toBe(409);
    expectEnvelope(late, 'DUPLICATE_TRANSACTION');
    const captured = await held();
    await capture(captured);
    expect(await voidPayment(captured)).toMatchObject({
      status: 409,
      body: { error: { details: { status: 'completed' } } },
    });
  });

  it('expires: payment.failed with AUTHORIZATION_EXPIRED, after the gateway was asked', async () => {
    const { transaction_id, booking_id } = await held();
    await env.DB.prepare('UPDATE transactions SET expires_at_ms = 1, next_lookup_at_ms = 1 WHERE transaction_id = ?1')
      .bind(transaction_id)
      .run();
    expect(await capture({ transaction_id, booking_id })).toMatchObject({
      status: 400,
      body: { error: { code: 'CAPTURE_NOT_ALLOWED' } },
    });
    expect((await status(transaction_id)).body).toMatchObject({ status: 'failed' });
    expect(await transaction(transaction_id)).toMatchObject({ step: 'expire', error_code: 'AUTHORIZATION_EXPIRED' });
    expect(await eventTypesOf(booking_id)).toEqual(['payment.failed']);
    expect(await capture({ transaction_id, booking_id })).toMatchObject({ status: 409 });
  });
});

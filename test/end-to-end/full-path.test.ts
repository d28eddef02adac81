import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from 'rabbitmq-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectionTo } from '../../src/bridge/broker-address.ts';
import { until } from '../support/child.ts';
import type { Received } from '../support/exchange.ts';
import { localDatabase } from '../support/local-database.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { card, newBooking, pay, post, type Stack, startStack } from '../support/stack.ts';
import { untilSwept } from '../support/until-swept.ts';

const EVENT_ID = expect.stringMatching(/^evt_[0-9A-HJKMNP-TV-Z]{26}$/);
const TIMESTAMP = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

describe('from HTTP to the exchange', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack('full-path', rabbitmqUrl());
  });
  afterAll(() => stack?.stop());

  it('publishes a payment once, as payment.success, with the contract’s fields', async () => {
    const booking = newBooking();
    const { code, body, headers } = await pay(stack.worker.url, {
      booking_id: booking,
      user_email: 'user@example.com',
    });
    expect(code).toBe(200);

    const [event] = await eventsOf(stack, booking, 1);
    expect(event?.routingKey).toBe('payment.success');
    expect(event?.body).toEqual({
      event_id: EVENT_ID,
      event_type: 'payment.success',
      user_id: 'user_123',
      user_email: 'user@example.com',
      booking_id: booking,
      transaction_id: body.transaction_id,
      amount: 25.5,
      payment_method: 'credit_card',
      timestamp: TIMESTAMP,
    });
    expect(event?.message).toMatchObject({
      messageId: event?.body.event_id,
      type: 'payment.success',
      timestamp: Date.parse(event?.body.timestamp) / 1000,
      contentType: 'application/json',
      appId: 'payment-service',
      durable: true,
      headers: { 'x-request-id': headers.get('X-Request-Id') },
    });
  });

  it('publishes a failed payment once, as payment.failed, with the contract’s fields', async () => {
    const booking = newBooking();
    const declined = { booking_id: booking, card_details: card('4000000000009995') };
    const { code, headers } = await pay(stack.worker.url, declined, { 'X-Request-Id': 'shop-order-17' });
    expect([code, headers.get('X-Request-Id')]).toEqual([400, 'shop-order-17']);

    const [event] = await eventsOf(stack, booking, 1);
    expect(event?.routingKey).toBe('payment.failed');
    expect(event?.message.headers).toEqual({ 'x-request-id': 'shop-order-17' });
    expect(event?.body).toEqual({
      event_id: EVENT_ID,
      event_type: 'payment.failed',
      user_id: 'user_123',
      user_email: null,
      booking_id: booking,
      amount: 25.5,
      payment_method: 'credit_card',
      failure_reason: 'Insufficient funds',
      error_code: 'INSUFFICIENT_FUNDS',
      timestamp: TIMESTAMP,
    });
  });

  it('publishes a refund once, as payment.refund, with the payer’s address and the contract’s fields', async () => {
    const booking = newBooking();
    const paid = await pay(stack.worker.url, {
      booking_id: booking,
      payment_method: 'paypal',
      card_details: null,
      paypal_details: { email: 'payer@example.com', payment_id: 'PAYID-1' },
    });
    const refunded = await post(stack.worker.url, '/payment/refund', {
      booking_id: booking,
      original_transaction_id: paid.body.transaction_id,
      refund_amount: 10.25,
      reason: 'Customer cancellation',
      user_id: 'user_123',
    });
    expect(refunded.code).toBe(200);

    const [, event] = await eventsOf(stack, booking, 2);
    expect(event?.routingKey).toBe('payment.refund');
    expect(event?.message.headers).toEqual({ 'x-request-id': refunded.headers.get('X-Request-Id') });
    expect(event?.body).toEqual({
      event_id: EVENT_ID,
      event_type: 'payment.refund',
      user_id: 'user_123',
      user_email: 'payer@example.com',
      booking_id: booking,
      original_transaction_id: paid.body.transaction_id,
      refund_transaction_id: refunded.body.refund_transaction_id,
      refund_amount: 10.25,
      reason: 'Customer cancellation',
      timestamp: TIMESTAMP,
    });
  });

  // Over a socket: inside workerd, such a header can't be made without a warning.
  it.each(['kéy', '"kéy"'])('refuses an idempotency key that is not ASCII: %s', async (key) => {
    const made = await pay(stack.worker.url);
    const before = rowCounts(stack);
    const headers = { 'Idempotency-Key': key };
    const envelope = {
      error: { code: 'INVALID_REQUEST', message: expect.stringMatching(/\S/), details: expect.any(Object) },
      timestamp: TIMESTAMP,
    };

    const paid = await pay(stack.worker.url, {}, headers);
    expect(paid.code).toBe(400);
    expect(paid.body).toEqual({
      ...envelope,
      status: 'failed',
      booking_id: null,
      amount: null,
      payment_method: null,
      error_code: 'INVALID_REQUEST',
      error_message: expect.stringMatching(/\S/),
      processed_at: TIMESTAMP,
    });
    expect(paid.body).toMatchObject({ error: { details: { retry_possible: false } } });

    const refunded = await post(
      stack.worker.url,
      '/payment/refund',
      {
        booking_id: made.body.booking_id,
        original_transaction_id: made.body.transaction_id,
        refund_amount: 10,
        reason: 'Customer cancellation',
        user_id: 'user_123',
      },
      headers,
    );
    expect(refunded.code).toBe(400);
    expect(refunded.body).toEqual(envelope);
    expect(rowCounts(stack)).toEqual(before);
  });

  it('puts the events into the queue that the contract names, under their own bindings', async () => {
    const connection = new Connection(connectionTo(rabbitmqUrl()));
    await connection.queuePurge({ queue: stack.queue });
    const booking = newBooking();
    await pay(stack.worker.url, { booking_id: booking });
    await eventsOf(stack, booking, 1);

    const message = await connection.basicGet({ queue: stack.queue, noAck: true });
    await connection.close();
    expect(message?.body).toMatchObject({ booking_id: booking, event_type: 'payment.success' });
  });

  it('keeps a booking’s order when the first event is held up (invariant 4)', async () => {
    const booking = newBooking();
    await stack.bridge.child.stop();
    await pay(stack.worker.url, { booking_id: booking, card_details: card('4000000000000002') });
    const { code } = await pay(stack.worker.url, { booking_id: booking });
    expect(code).toBe(200);
    await stack.startBridge();

    await untilSwept(stack, 'both are told', () => stack.listener.of(booking).length >= 2, { firstAfterMs: 1_000 });
    expect(stack.listener.of(booking).map(({ routingKey }) => routingKey)).toEqual([
      'payment.failed',
      'payment.success',
    ]);
  });
});

/** The events of a booking, as the queue alone brings them: as many as there should be, and no more within a moment. */
async function eventsOf(stack: Stack, booking: string, count: number): Promise<Received[]> {
  await until(`${count} events of ${booking}`, () => stack.listener.of(booking).length >= count, {
    deadlineMs: 40_000,
  });
  await sleep(300);
  const events = stack.listener.of(booking);
  expect(events).toHaveLength(count);
  return events;
}

/** Of payments, refunds and idempotency keys. */
function rowCounts({ directory }: Stack): number[] {
  const database = localDatabase(directory);
  try {
    return ['transactions', 'refunds', 'idempotency_keys'].map((table) =>
      database.count(`SELECT count(*) FROM ${table}`),
    );
  } finally {
    database.close();
  }
}

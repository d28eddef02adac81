/** Invariant 3, with a gateway of the test's own behind real sockets: it answers too late, or the charge itself comes late. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/child.ts';
import {
  type CallKind,
  type Fault,
  type PaymentGatewayServer,
  startPaymentGateway,
} from '../support/payment-gateway.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { newBooking, pay, post, type Stack, startStack, statusOf } from '../support/stack.ts';
import { untilSwept } from '../support/until-swept.ts';

const DEADLINE_MS = 2_000;
const ANSWERED_TOO_LATE_MS = 4 * DEADLINE_MS;
/** After the gateway's deadline it takes the service seconds to know an answer that came late; a busy machine, some more. */
const SETTLED_WITHIN_MS = DEADLINE_MS + 30_000;

describe('an outcome that is not known', () => {
  let gateway: PaymentGatewayServer;
  let stack: Stack;

  beforeAll(async () => {
    gateway = await startPaymentGateway();
    stack = await startStack('unknown-outcomes', rabbitmqUrl(), {
      PAYMENT_GATEWAY: 'http',
      PAYMENT_GATEWAY_URL: gateway.url,
      PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
      PAYMENT_GATEWAY_TIMEOUT_MS: String(DEADLINE_MS),
    });
  });
  afterAll(async () => {
    await stack?.stop();
    await gateway?.stop();
  });

  /** Disturbs the next call of this kind, and no other. */
  const disturb = (kind: CallKind, fault: Fault) => {
    gateway.fault = (call) => {
      if (call.kind !== kind) return { kind: 'normal' };
      gateway.fault = () => ({ kind: 'normal' });
      return fault;
    };
  };

  it.each<[string, Fault]>([
    ['is answered too late', { kind: 'commit_then_delay', ms: ANSWERED_TOO_LATE_MS }],
    [
      'lands after the first look-up has found nothing',
      { kind: 'land_late', afterMs: DEADLINE_MS + 5_500, meanwhile: 'hold' },
    ],
  ])('of a charge that %s, is known in time with nobody asking, and the booking is never free', async (_, fault) => {
    disturb('charge', fault);
    const booking = newBooking();
    const startedAtMs = Date.now();
    const first = await pay(stack.worker.url, { booking_id: booking });
    expect(first).toMatchObject({ code: 502, body: { status: 'pending', error_code: 'PAYMENT_GATEWAY_ERROR' } });
    expect(Date.now() - startedAtMs).toBeLessThan(ANSWERED_TOO_LATE_MS);

    const told = () => stack.listener.of(booking).length > 0;
    for (; !told() && Date.now() - startedAtMs < SETTLED_WITHIN_MS; await sleep(200)) {
      expect(await pay(stack.worker.url, { booking_id: booking })).toMatchObject({
        code: 409,
        body: { error: { code: 'DUPLICATE_TRANSACTION' } },
      });
    }
    expect(Date.now() - startedAtMs).toBeLessThan(SETTLED_WITHIN_MS);
    await sleep(1_000);
    expect(stack.listener.of(booking).map(({ routingKey }) => routingKey)).toEqual(['payment.success']);
    expect(await statusOf(stack.worker.url, first.body.transaction_id)).toMatchObject({ status: 'completed' });
    expect(gateway.charges().filter(({ bookingId }) => bookingId === booking)).toHaveLength(1);
  });

  it('is known to whoever asks for the status, once it may be looked up', async () => {
    disturb('charge', { kind: 'commit_then_drop' });
    const booking = newBooking();
    const { body } = await pay(stack.worker.url, { booking_id: booking });
    expect(await statusOf(stack.worker.url, body.transaction_id)).toMatchObject({ status: 'pending' });
    await until(
      'the status says so',
      async () => (await statusOf(stack.worker.url, body.transaction_id)).status === 'completed',
      { deadlineMs: SETTLED_WITHIN_MS },
    );
    await until('the event arrives', () => stack.listener.of(booking).length > 0);
    await sleep(1_000);
    expect(stack.listener.of(booking).map(({ routingKey }) => routingKey)).toEqual(['payment.success']);
  });

  it('of a charge that never got there, ends in a failure behind a fence, and the booking can be paid', async () => {
    disturb('charge', { kind: 'drop' });
    const booking = newBooking();
    const { body } = await pay(stack.worker.url, { booking_id: booking });
    await untilSwept(stack, 'it is told', () => stack.listener.of(booking).length > 0, { firstAfterMs: 60_000 });
    expect(await statusOf(stack.worker.url, body.transaction_id)).toMatchObject({ status: 'failed' });
    expect(gateway.charge(String(body.transaction_id))?.state).toEqual({ status: 'cancelled' });

    expect(await pay(stack.worker.url, { booking_id: booking })).toMatchObject({ code: 200 });
    await untilSwept(stack, 'that is told too', () => stack.listener.of(booking).length >= 2);
    expect(stack.listener.of(booking).map(({ routingKey }) => routingKey)).toEqual([
      'payment.failed',
      'payment.success',
    ]);
  });

  it('of a refund that never got there, is sent again under its id, and paid once', async () => {
    disturb('refund', { kind: 'drop' });
    const booking = newBooking();
    const paid = await pay(stack.worker.url, { booking_id: booking });
    const refund = await post(stack.worker.url, '/payment/refund', {
      booking_id: booking,
      original_transaction_id: paid.body.transaction_id,
      refund_amount: 10,
      reason: 'Customer cancellation',
      user_id: 'user_123',
    });
    expect(refund).toMatchObject({ code: 502, body: { error: { details: { status: 'pending' } } } });
    await until('it is told', () => stack.listener.of(booking).length >= 2, { deadlineMs: SETTLED_WITHIN_MS });
    expect(gateway.refunds().filter(({ chargeId }) => chargeId === paid.body.transaction_id)).toMatchObject([
      { id: stack.listener.of(booking)[1]?.body.refund_transaction_id, amountMinor: 1000 },
    ]);
  });
});

/** Many at once, through HTTP, on the real Worker and its database, with a gateway that says what it really moved. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/child.ts';
import { inLanes } from '../support/in-lanes.ts';
import { type PaymentGatewayServer, startPaymentGateway } from '../support/payment-gateway.ts';
import { rabbitmqUrl } from '../support/run.ts';
import { newBooking, pay, post, type Stack, startStack, statusOf } from '../support/stack.ts';
import { untilSwept } from '../support/until-swept.ts';

const PAYMENTS = 20;
const REFUNDS = 500;
/** So many refunds at once. With all of them, a busy machine's database misses its deadlines. */
const LANES = 100;
const SAME_REQUESTS = 100;

describe('at once', () => {
  let gateway: PaymentGatewayServer;
  let stack: Stack;

  beforeAll(async () => {
    gateway = await startPaymentGateway();
    stack = await startStack('concurrency', rabbitmqUrl(), {
      PAYMENT_GATEWAY: 'http',
      PAYMENT_GATEWAY_URL: gateway.url,
      PAYMENT_GATEWAY_API_KEY: gateway.apiKey,
    });
  });
  afterAll(async () => {
    await stack?.stop();
    await gateway?.stop();
  });

  it(`${REFUNDS} refunds of random amounts never pay back more than was captured, and each is published (invariant 2)`, async () => {
    const payments = await Promise.all(
      Array.from({ length: PAYMENTS }, async () => {
        const booking = newBooking();
        const { body } = await pay(stack.worker.url, { booking_id: booking, amount: 100 });
        return { booking, id: String(body.transaction_id) };
      }),
    );
    const answers = await inLanes(
      LANES,
      Array.from({ length: REFUNDS }, (_, index) => payments[index % PAYMENTS] as (typeof payments)[number]),
      async (payment) => {
        const amount = randomInt(1, 4_000) / 100;
        const { code, body } = await post(stack.worker.url, '/payment/refund', {
          booking_id: payment.booking,
          original_transaction_id: payment.id,
          refund_amount: amount,
          reason: 'Customer cancellation',
          user_id: 'user_123',
        });
        return { paid: await isPaid(code, body), id: payment.id, cents: Math.round(amount * 100) };
      },
    );
    const paid = answers.filter((answer) => answer.paid);
    expect(paid.length).toBeGreaterThan(PAYMENTS);
    expect(paid.length).toBeLessThan(REFUNDS);
    // An event can be published more than once.
    const refundEvents = () => {
      const refunds = stack.listener.received.filter(({ routingKey }) => routingKey === 'payment.refund');
      return new Map(refunds.map((event) => [event.body.event_id, event])).values().toArray();
    };
    await untilSwept(stack, 'all are published', () => refundEvents().length >= paid.length, { firstAfterMs: 1_000 });
    await sleep(1_000);
    for (const { id } of payments) {
      const answered = sum(paid.filter((answer) => answer.id === id).map(({ cents }) => cents));
      const told = refundEvents().filter(({ body }) => body.original_transaction_id === id);
      expect(answered).toBeLessThanOrEqual(10_000);
      expect(sum(gateway.refunds().flatMap((refund) => (refund.chargeId === id ? [refund.amountMinor] : [])))).toBe(
        answered,
      );
      expect(sum(told.map(({ body }) => Math.round(body.refund_amount * 100)))).toBe(answered);
    }
    expect(refundEvents()).toHaveLength(paid.length);
  }, 180_000);

  /** So many at once can be too much for this machine: what is pending then has to settle like any other. */
  async function isPaid(code: number, body: Record<string, unknown>): Promise<boolean> {
    if (code === 200 || code === 400) return code === 200;
    expect([502, 503]).toContain(code);
    const { details } = body.error as { details: { refund_transaction_id: string } };
    let status: unknown;
    const isSettled = async () => {
      ({ status } = await statusOf(stack.worker.url, details.refund_transaction_id));
      return typeof status === 'string' && status !== 'pending';
    };
    await until('the refund is settled', isSettled, { deadlineMs: 100_000, everyMs: 1_000 });
    return status === 'completed';
  }

  it(`the same request, ${SAME_REQUESTS} times under one key, is one payment, after a restart too (invariant 8)`, async () => {
    gateway.fault = (call) => (call.kind === 'charge' ? { kind: 'commit_then_delay', ms: 300 } : { kind: 'normal' });
    const booking = newBooking();
    const headers = { 'Idempotency-Key': `"order-${booking}"` };
    const send = () => pay(stack.worker.url, { booking_id: booking }, headers);
    const answers = await Promise.all(Array.from({ length: SAME_REQUESTS }, send));

    const paid = answers.filter(({ code }) => code === 200);
    const others = answers.filter(({ code }) => code !== 200);
    expect(paid.length).toBeGreaterThan(0);
    for (const { body } of paid) expect(body).toEqual(paid[0]?.body);
    for (const { code, body, headers } of others) {
      expect({ code, error: (body.error as { code: string }).code }).toEqual({
        code: 409,
        error: 'IDEMPOTENCY_IN_PROGRESS',
      });
      expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0);
    }
    const replays = async () => {
      for (let time = 0; time < 10; time += 1) {
        const again = await send();
        expect({ code: again.code, body: again.body }).toEqual({ code: 200, body: paid[0]?.body });
        expect(again.headers.get('Idempotent-Replayed')).toBe('true');
      }
    };
    await replays();
    await stack.worker.child.kill();
    await stack.startWorker();
    await replays();

    await untilSwept(stack, 'it is published', () => stack.listener.of(booking).length > 0, { firstAfterMs: 0 });
    await sleep(1_000);
    // A service that is killed between an event's publishing and its note of that publishes the event once more.
    expect(new Set(stack.listener.of(booking).map(({ body }) => body.event_id)).size).toBe(1);
    expect(gateway.charges().filter(({ bookingId }) => bookingId === booking)).toHaveLength(1);
    expect(await statusOf(stack.worker.url, paid[0]?.body.transaction_id)).toMatchObject({ status: 'completed' });
  }, 180_000);
});

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

/**
 * Each state of a payment that waits, and each transition, at each gateway: from HTTP through the Worker and the adapter to the gateway's
 * own server, with the event that follows or none.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusOf } from '../support/stack.ts';
import {
  becomes,
  begin,
  capture,
  eventsOf,
  hold,
  httpShop,
  paypalShop,
  release,
  sandboxShop,
  stripeShop,
  timeIsOver,
  type WaitingShop,
} from '../support/waiting-shop.ts';

interface Kind {
  start(): Promise<WaitingShop>;
  /** Whether a payer can fail to do what is asked. At PayPal they leave, and the time is over. */
  canFail: boolean;
  /** Whether answers can be lost here. The sandbox has none; PayPal's are lost in paypal-new-orders.test.ts. */
  canLose: boolean;
}

const SHOPS: [gateway: string, kind: Kind][] = [
  ['the sandbox', { start: sandboxShop, canFail: true, canLose: false }],
  ['an HTTP gateway', { start: httpShop, canFail: true, canLose: true }],
  ['Stripe', { start: stripeShop, canFail: true, canLose: true }],
  ['PayPal', { start: paypalShop, canFail: false, canLose: false }],
];

describe.concurrent.each(SHOPS)('at %s', (_, { start, canFail, canLose }) => {
  let shop: WaitingShop;
  beforeAll(async () => {
    shop = await start();
  });
  afterAll(() => shop?.stop());

  const money = (id: string, expected: 'none' | 'held' | 'taken') => {
    const found = shop.money(id);
    if (found !== null) expect(found).toBe(expected);
  };

  it('a payer is challenged: 202, pending, no event', async () => {
    const payment = await begin(shop, shop.challenged);
    expect(payment.answer.code).toBe(202);
    expect(payment.answer.body).toMatchObject({ status: 'pending', processed_at: null });
    expect(payment.url).toMatch(/^http/);
    expect(await statusOf(shop.stack.worker.url, payment.id)).toMatchObject({ status: 'pending' });
    expect(await eventsOf(shop, payment, 0)).toEqual([]);
    money(payment.id, 'none');
  });

  it('challenged → completed, when the payer does what is asked: payment.success', async () => {
    const payment = await begin(shop, shop.challenged);
    await shop.authenticate(payment.url);
    await becomes(shop, payment, 'completed');
    expect(await eventsOf(shop, payment, 1)).toEqual(['payment.success']);
    money(payment.id, 'taken');
  });

  if (canFail) {
    it('challenged → failed, when the payer fails to: payment.failed AUTHENTICATION_FAILED', async () => {
      const payment = await begin(shop, shop.challenged);
      await shop.failAuthentication?.(payment.url);
      await becomes(shop, payment, 'failed');
      expect(await eventsOf(shop, payment, 1)).toEqual(['payment.failed AUTHENTICATION_FAILED']);
      money(payment.id, 'none');
    });
  }

  it('challenged → failed, when the time is over: payment.failed AUTHENTICATION_EXPIRED', async () => {
    const payment = await begin(shop, shop.challenged);
    await timeIsOver(shop, payment);
    await becomes(shop, payment, 'failed');
    expect(await eventsOf(shop, payment, 1)).toEqual(['payment.failed AUTHENTICATION_EXPIRED']);
    money(payment.id, 'none');
  });

  it('challenged → failed, by a void: 200, payment.failed PAYMENT_VOIDED', async () => {
    const payment = await begin(shop, shop.challenged);
    expect(await release(shop, payment)).toMatchObject({ code: 200, body: { error_code: 'PAYMENT_VOIDED' } });
    expect(await eventsOf(shop, payment, 1)).toEqual(['payment.failed PAYMENT_VOIDED']);
    money(payment.id, 'none');
  });

  it('challenged → authorized → completed: no event, then payment.success', async () => {
    const payment = await begin(shop, { ...shop.challenged, capture_method: 'manual' });
    await shop.authenticate(payment.url);
    await becomes(shop, payment, 'authorized');
    expect(await eventsOf(shop, payment, 0)).toEqual([]);
    money(payment.id, 'held');
    expect(await capture(shop, payment)).toMatchObject({ code: 200, body: { status: 'success' } });
    expect(await eventsOf(shop, payment, 1)).toEqual(['payment.success']);
    money(payment.id, 'taken');
  });

  it('the money is held: authorized, with capture_before, no event', async () => {
    const payment = await hold(shop);
    expect(await statusOf(shop.stack.worker.url, payment.id)).toMatchObject({
      status: 'authorized',
      capture_before: expect.stringMatching(/Z$/),
    });
    expect(await eventsOf(shop, payment, 0)).toEqual([]);
    money(payment.id, 'held');
  });

  it('authorized → completed, by a capture, once: payment.success', async () => {
    const payment = await hold(shop);
    const first = await capture(shop, payment);
    expect(first.code).toBe(200);
    expect(await capture(shop, payment)).toMatchObject({ code: 200, body: first.body });
    expect(await release(shop, payment)).toMatchObject({ code: 409 });
    expect(await eventsOf(shop, payment, 1)).toEqual(['payment.success']);
    money(payment.id, 'taken');
  });

  it('authorized → failed, by a void, once: payment.failed PAYMENT_VOIDED', async () => {
    const payment = await hold(shop);
    const first = await release(shop, payment);
    expect(first.code).toBe(200);
    expect(await release(shop, payment)).toMatchObject({ code: 200, body: first.body });
    expect(await capture(shop, payment)).toMatchObject({ code: 409 });
    expect(await eventsOf(shop, payment, 1)).toEqual(['payment.failed PAYMENT_VOIDED']);
    money(payment.id, 'none');
  });

  it('authorized → failed, when the time is over: payment.failed AUTHORIZATION_EXPIRED', async () => {
    const payment = await hold(shop);
    await timeIsOver(shop, payment);
    await becomes(shop, payment, 'failed');
    expect(await eventsOf(shop, payment, 1)).toEqual(['payment.failed AUTHORIZATION_EXPIRED']);
    money(payment.id, 'none');
  });

  if (canLose) {
    it('authorized → 502 pending → completed, when the answer to the capture is lost: payment.success', async () => {
      const payment = await hold(shop);
      shop.loseAnswer?.(payment.id, 'capture');
      expect(await capture(shop, payment)).toMatchObject({ code: 502, body: { status: 'pending' } });
      await becomes(shop, payment, 'completed');
      expect(await eventsOf(shop, payment, 1)).toEqual(['payment.success']);
      money(payment.id, 'taken');
    });

    it('authorized → 502 pending → failed, when the answer to the void is lost: payment.failed PAYMENT_VOIDED', async () => {
      const payment = await hold(shop);
      shop.loseAnswer?.(payment.id, 'release');
      expect(await release(shop, payment)).toMatchObject({ code: 502, body: { status: 'pending' } });
      await becomes(shop, payment, 'failed');
      expect(await eventsOf(shop, payment, 1)).toEqual(['payment.failed PAYMENT_VOIDED']);
      money(payment.id, 'none');
    });
  }
});

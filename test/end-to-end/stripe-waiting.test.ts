/** Payers who authenticate at Stripe, and money that Stripe holds: from HTTP to the exchange, with Stripe's webhooks. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/child.ts';
import { type ProviderStack, startProviderStack } from '../support/provider-stack.ts';
import { newBooking, post } from '../support/stack.ts';

let shop: ProviderStack;
beforeAll(async () => {
  shop = await startProviderStack('stripe-waiting', { webhooks: true });
});
afterAll(() => shop?.stop());

const RETURN_URL = 'https://shop.example/done?step=3';
const AUTHENTICATES = { payment_method_token: 'pm_card_threeDSecure2Required', return_url: RETURN_URL };
const HELD = { capture_method: 'manual' };

async function pay(request: Record<string, unknown>) {
  const booking = newBooking();
  const { code, body } = await shop.pay({ booking_id: booking, ...request });
  const intent = shop.emulator.stripe.intents().find(({ bookingId }) => bookingId === booking)?.id ?? '';
  const hold = { booking_id: booking, transaction_id: body.transaction_id, user_id: 'user_123' };
  const send = (path: string) => post(shop.stack.worker.url, path, hold);
  return { booking, code, body, intent, capture: () => send('/payment/capture'), release: () => send('/payment/void') };
}

const typesOf = async (booking: string, count: number) =>
  (await shop.eventsOf(booking, count)).map(({ routingKey }) => routingKey);
const statusAtStripe = (intent: string) => shop.emulator.stripe.intents().find(({ id }) => id === intent)?.status;

async function becomes(id: unknown, status: string): Promise<void> {
  await until(`the payment is ${status}`, async () => (await shop.status(id)).status === status);
}

describe('a payer who has to authenticate', () => {
  it('goes to Stripe’s address, comes back with the transaction, and has paid', async () => {
    const { booking, code, body, intent } = await pay(AUTHENTICATES);
    expect(code).toBe(202);
    const { url } = body.next_action as { url: string };
    const answered = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'authentication=completed',
      redirect: 'manual',
    });
    const back = new URL(answered.headers.get('location') ?? '');
    expect(back.searchParams.get('transaction_id')).toBe(body.transaction_id);
    expect(back.searchParams.get('step')).toBe('3');
    await becomes(body.transaction_id, 'completed');
    expect(await typesOf(booking, 1)).toEqual(['payment.success']);
    expect(statusAtStripe(intent)).toBe('succeeded');
  });

  it('and fails to has not paid, and Stripe says so by its webhook', async () => {
    const { booking, body, intent } = await pay(AUTHENTICATES);
    shop.emulator.stripe.authenticate(intent, 'failed');
    await becomes(body.transaction_id, 'failed');
    expect(shop.paymentsOf(booking)).toMatchObject([{ errorCode: 'AUTHENTICATION_FAILED' }]);
    expect(await typesOf(booking, 1)).toEqual(['payment.failed']);
  });

  it('and wants another card gets out of it by a void', async () => {
    const { booking, intent, release } = await pay(AUTHENTICATES);
    expect(await release()).toMatchObject({ code: 200, body: { error_code: 'PAYMENT_VOIDED' } });
    expect(statusAtStripe(intent)).toBe('canceled');
    expect((await shop.pay({ booking_id: booking })).code).toBe(200);
  });
});

describe('money that is held', () => {
  it('is captured once, and is revenue only then', async () => {
    const { booking, code, body, intent, capture } = await pay(HELD);
    expect([code, body.status]).toEqual([200, 'authorized']);
    expect(shop.stack.listener.of(booking)).toEqual([]);
    expect(await capture()).toMatchObject({ code: 200, body: { status: 'success' } });
    expect(await capture()).toMatchObject({ code: 200, body: { status: 'success' } });
    expect(await typesOf(booking, 1)).toEqual(['payment.success']);
    expect(shop.emulator.stripe.charges().filter(({ intentId }) => intentId === intent)).toHaveLength(1);
  });

  it('is released by a void, which is no refund', async () => {
    const { booking, body, intent, release } = await pay(HELD);
    expect(await release()).toMatchObject({ code: 200, body: { error_code: 'PAYMENT_VOIDED' } });
    expect(statusAtStripe(intent)).toBe('canceled');
    await shop.emulator.webhooksDelivered();
    expect(shop.refundsOf(body.transaction_id)).toEqual([]);
    expect(await typesOf(booking, 1)).toEqual(['payment.failed']);
  });

  it('is captured though the answer to the capture was lost', async () => {
    const { booking, body, capture } = await pay(HELD);
    shop.strike(booking, 'payment_intents.capture', { kind: 'commit_then_drop' }, 2);
    expect(await capture()).toMatchObject({ code: 502, body: { status: 'pending' } });
    await becomes(body.transaction_id, 'completed');
  });

  it('that Stripe no longer holds fails the payment', async () => {
    const { booking, body, intent } = await pay(HELD);
    shop.emulator.stripe.expireAuthorization(intent);
    await becomes(body.transaction_id, 'failed');
    expect(shop.paymentsOf(booking)).toMatchObject([{ errorCode: 'AUTHORIZATION_EXPIRED' }]);
  });

  it('whose capture in the dashboard was of another amount is refunded', async () => {
    const { booking, body, intent } = await pay(HELD);
    const { url, stripeSecretKey } = shop.emulator;
    await fetch(`${url}/v1/payment_intents/${intent}/capture`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stripeSecretKey}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'amount_to_capture=1000',
    });
    await becomes(body.transaction_id, 'failed');
    await until('the refund is paid', () => shop.refundsOf(body.transaction_id)[0]?.status === 'completed');
    expect(shop.paymentsOf(booking)).toMatchObject([{ status: 'failed', cause: 'captured_amount_differs' }]);
  });
});

/** Orders that the service creates at PayPal, and money that is held there: from HTTP to the exchange. PayPal tells by webhooks. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProviderStack, startProviderStack } from '../support/provider-stack.ts';
import { newBooking, post } from '../support/stack.ts';

const RETURN_URL = 'https://shop.example/paid';

let shop: ProviderStack;

beforeAll(async () => {
  shop = await startProviderStack('paypal-new-orders', { without: 'stripe', webhooks: true });
});
afterAll(() => shop?.stop());

/** A payment of 25.50 whose payer is sent to PayPal. */
async function begin(overrides: Record<string, unknown> = {}) {
  const booking_id = newBooking();
  const request = { user_id: 'user_123', booking_id, amount: 25.5, payment_method: 'paypal', return_url: RETURN_URL };
  const { code, body } = await post(shop.stack.worker.url, '/payment/process', { ...request, ...overrides });
  expect(code).toBe(202);
  const { url } = body.next_action as { url: string };
  const orderId = new URL(url).searchParams.get('token') ?? '';
  return { booking_id, transaction_id: body.transaction_id as string, orderId };
}

type Begun = Awaited<ReturnType<typeof begin>>;

const statusOf = async ({ transaction_id }: Begun) => (await shop.status(transaction_id)).status;
const eventsOf = async ({ booking_id }: Begun) =>
  (await shop.eventsOf(booking_id, 1)).map(({ routingKey }) => routingKey);
const ask = (path: string, { booking_id, transaction_id }: Begun) =>
  post(shop.stack.worker.url, path, { booking_id, transaction_id, user_id: 'user_123' });
/** On PayPal's page. @returns where PayPal sends the payer */
async function approve({ orderId }: Begun): Promise<string> {
  const page = shop.emulator.paypal.approvalUrl(orderId);
  const body = new URLSearchParams({ decision: 'pay' });
  const answer = await fetch(page, { method: 'POST', body, redirect: 'manual' });
  return answer.headers.get('location') ?? '';
}
const capturesOf = ({ orderId }: Begun) =>
  shop.emulator.paypal.captures().filter((capture) => capture.orderId === orderId);
const authorizationsOf = ({ orderId }: Begun) =>
  shop.emulator.paypal.authorizations().filter((authorization) => authorization.orderId === orderId);

describe('a payment whose payer approves an order of ours', () => {
  it('is taken once the payer has approved it', async () => {
    const payment = await begin();
    expect(await statusOf(payment)).toBe('pending');
    expect(await approve(payment)).toContain(`transaction_id=${payment.transaction_id}`);
    await expect.poll(() => statusOf(payment), { timeout: 45_000 }).toBe('completed');
    expect(capturesOf(payment)).toMatchObject([{ transactionId: payment.transaction_id, value: '25.50' }]);
    expect(await eventsOf(payment)).toEqual(['payment.success']);
  });

  it('fails when PayPal declines it, and can be paid with a new order', async () => {
    const payment = await begin();
    shop.strike(payment.orderId, 'orders.capture', { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' });
    await approve(payment);
    await expect.poll(() => statusOf(payment), { timeout: 45_000 }).toBe('failed');
    const again = await begin({ booking_id: payment.booking_id });
    await approve(again);
    await expect.poll(() => statusOf(again), { timeout: 45_000 }).toBe('completed');
    expect(capturesOf(payment)).toEqual([]);
  });

  it('that was voided is not taken, even if the payer approves it afterwards', async () => {
    const payment = await begin();
    expect(await ask('/payment/void', payment)).toMatchObject({ code: 200 });
    await shop.emulator.webhooksDelivered();
    shop.emulator.webhookAnswers.length = 0;
    await approve(payment);
    const approval = { type: 'CHECKOUT.ORDER.APPROVED', status: 200 };
    await expect.poll(() => shop.emulator.webhookAnswers, { timeout: 45_000 }).toMatchObject([approval]);
    expect(await statusOf(payment)).toBe('failed');
    expect(capturesOf(payment)).toEqual([]);
  });

  it('is taken once where the answer of the capture is lost', async () => {
    const payment = await begin();
    shop.strike(payment.orderId, 'orders.capture', { kind: 'commit_then_drop' });
    await approve(payment);
    await expect.poll(() => statusOf(payment), { timeout: 60_000 }).toBe('completed');
    expect(capturesOf(payment)).toHaveLength(1);
  });
});

describe('a payment whose money is held', () => {
  const hold = async () => {
    const payment = await begin({ capture_method: 'manual' });
    await approve(payment);
    await expect.poll(() => statusOf(payment), { timeout: 45_000 }).toBe('authorized');
    return payment;
  };

  it('is taken when it is captured', async () => {
    const payment = await hold();
    expect(await ask('/payment/capture', payment)).toMatchObject({ code: 200, body: { status: 'success' } });
    expect(await statusOf(payment)).toBe('completed');
    expect(capturesOf(payment)).toMatchObject([{ value: '25.50', status: 'COMPLETED' }]);
    expect(await eventsOf(payment)).toEqual(['payment.success']);
  });

  it('is released when it is voided', async () => {
    const payment = await hold();
    expect(await ask('/payment/void', payment)).toMatchObject({ code: 200 });
    expect(authorizationsOf(payment)).toMatchObject([{ status: 'VOIDED' }]);
    expect(await eventsOf(payment)).toEqual(['payment.failed']);
  });

  it('fails when PayPal ends the hold', async () => {
    const payment = await hold();
    const [{ authorizationId } = { authorizationId: '' }] = authorizationsOf(payment);
    shop.emulator.paypal.expireAuthorization(authorizationId);
    await expect.poll(() => statusOf(payment), { timeout: 45_000 }).toBe('failed');
  });
});

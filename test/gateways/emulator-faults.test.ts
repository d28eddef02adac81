/** What can go wrong with a call to the emulated providers, and what is true afterwards. */
import type { Stripe } from 'stripe';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { applyFault, type Fault } from '../../src/emulator/faults.ts';
import { type PayPalCaller, paypalCallerOf, stripeClientOf } from '../support/emulator-clients.ts';

let emulator: GatewayEmulator;
let stripe: Stripe;
let call: PayPalCaller;

beforeEach(async () => {
  emulator = await startGatewayEmulator();
  stripe = stripeClientOf(emulator);
  call = await paypalCallerOf(emulator);
});
afterEach(() => emulator.stop());

describe('with Stripe', () => {
  it.each<[Fault, { charged: boolean; again: number }]>([
    [{ kind: 'drop' }, { charged: false, again: 200 }],
    [{ kind: 'commit_then_drop' }, { charged: true, again: 200 }],
    [
      { kind: 'error_500', committed: false, cached: false },
      { charged: false, again: 200 },
    ],
    [
      { kind: 'error_500', committed: true, cached: false },
      { charged: true, again: 200 },
    ],
    [
      { kind: 'error_500', committed: false, cached: true },
      { charged: false, again: 500 },
    ],
    [
      { kind: 'error_500', committed: true, cached: true },
      { charged: true, again: 500 },
    ],
    [{ kind: 'conflict_409' }, { charged: false, again: 200 }],
    [
      { kind: 'rate_limited_429', retryAfterSeconds: 7 },
      { charged: false, again: 200 },
    ],
    [
      { kind: 'stripe_error', status: 403, type: 'invalid_request_error', message: 'no' },
      { charged: false, again: 200 },
    ],
    [
      { kind: 'answer', status: 503, body: '<html>', committed: true },
      { charged: true, again: 200 },
    ],
  ])('%j', async (fault, { charged, again }) => {
    const intent = await create();
    strike('payment_intents.confirm', fault);
    await expect(confirm(intent)).rejects.toThrow();
    expect(emulator.stripe.charges()).toHaveLength(charged ? 1 : 0);
    const repeated = await confirm(intent).then(
      () => 200,
      ({ statusCode }) => statusCode,
    );
    expect(repeated).toBe(again);
    expect(emulator.calls.filter(({ operation }) => operation === 'payment_intents.confirm')).toMatchObject([
      { key: 'confirm', attempt: 1 },
      { key: 'confirm', attempt: 2 },
    ]);
  });

  it('a conflict, a full queue and a replayed failure have Stripe’s error bodies', async () => {
    const intent = await create();
    const failed = async (fault: Fault) => {
      emulator.fault = () => fault;
      return confirm(intent).catch((error) => error);
    };
    expect(await failed({ kind: 'conflict_409' })).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' });
    const limited = await failed({ kind: 'rate_limited_429', retryAfterSeconds: 7 });
    expect(limited).toMatchObject({ statusCode: 429, headers: { 'retry-after': '7' } });
    await failed({ kind: 'error_500', committed: true, cached: true });
    const replayed = await failed({ kind: 'normal' });
    expect(replayed.headers).toMatchObject({ 'idempotent-replayed': 'true', 'stripe-should-retry': 'false' });
  });

  it('a decline has the code of the fault', async () => {
    const intent = await create();
    strike('payment_intents.confirm', { kind: 'decline', code: 'card_declined', declineCode: 'do_not_honor' });
    await expect(confirm(intent)).rejects.toMatchObject({ statusCode: 402, decline_code: 'do_not_honor' });
    expect(emulator.stripe.intents()).toMatchObject([{ status: 'requires_payment_method' }]);
  });

  it('a payment is processing until it is decided', async () => {
    const intent = await create();
    strike('payment_intents.confirm', { kind: 'pending' });
    expect((await confirm(intent)).status).toBe('processing');
    expect(emulator.stripe.charges()).toEqual([]);
    emulator.stripe.finishIntent(intent, 'succeeded');
    expect(emulator.stripe.charges()).toHaveLength(1);
  });

  it('a refund is pending, or fails afterwards', async () => {
    const intent = await create();
    await confirm(intent);
    strike('refunds.create', { kind: 'pending' });
    const pending = await stripe.refunds.create({ payment_intent: intent, amount: 100 });
    expect(pending.status).toBe('pending');
    emulator.stripe.succeedRefund(pending.id);
    strike('refunds.create', { kind: 'refund_fails_later', afterMs: 10 });
    const failing = await stripe.refunds.create({ payment_intent: intent, amount: 200 });
    expect(failing.status).toBe('succeeded');
    await vi.waitFor(() => {
      expect(emulator.stripe.refunds()).toMatchObject([{ status: 'succeeded' }, { status: 'failed' }]);
    }, 10_000);
  });

  it('forgotten keys make a second intent', async () => {
    const first = await create('key');
    strike('payment_intents.create', { kind: 'forget_keys' });
    expect(await create('key')).not.toBe(first);
  });

  it.each<[Fault['kind'], boolean]>([
    ['delay', false],
    ['commit_then_delay', true],
  ])('%s takes its time before or after', async (kind, charged) => {
    const intent = await create();
    strike('payment_intents.confirm', { kind, ms: 1_000 } as Fault);
    const confirming = confirm(intent);
    await vi.waitFor(() => expect(emulator.calls.at(-1)?.operation).toBe('payment_intents.confirm'), 10_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(emulator.stripe.charges()).toHaveLength(charged ? 1 : 0);
    expect((await confirming).status).toBe('succeeded');
  });
});

describe('with PayPal', () => {
  it.each<[Fault, { captured: boolean; status: number | null; issue?: string }]>([
    [{ kind: 'drop' }, { captured: false, status: null }],
    [{ kind: 'commit_then_drop' }, { captured: true, status: null }],
    [
      { kind: 'error_500', committed: true, cached: true },
      { captured: true, status: 500 },
    ],
    [{ kind: 'conflict_409' }, { captured: false, status: 409, issue: 'PREVIOUS_REQUEST_IN_PROGRESS' }],
    [
      { kind: 'rate_limited_429', retryAfterSeconds: 7 },
      { captured: false, status: 429 },
    ],
    [
      { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' },
      { captured: false, status: 422, issue: 'INSTRUMENT_DECLINED' },
    ],
    [
      { kind: 'answer', status: 200, body: '{}', committed: true },
      { captured: true, status: 200 },
    ],
  ])('%j', async (fault, { captured, status, issue }) => {
    const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD' });
    strike('orders.capture', fault);
    const answer = await capture(orderId).catch(() => null);
    expect(answer?.status ?? null).toBe(status);
    expect(answer?.body?.details?.[0]?.issue).toBe(issue);
    expect(emulator.paypal.captures()).toHaveLength(captured ? 1 : 0);
    expect(await capture(orderId)).toMatchObject({ status: captured ? 200 : 201, body: { status: 'COMPLETED' } });
  });

  it('a capture is pending until PayPal decides, or declined at once', async () => {
    const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD' });
    strike('orders.capture', { kind: 'pending' });
    const { body } = await capture(orderId);
    const [pending] = body.purchase_units[0].payments.captures;
    expect(pending.status).toBe('PENDING');
    const early = await call('POST', `/v2/payments/captures/${pending.id}/refund`, { body: {} });
    expect(early.body.details[0].issue).toBe('PENDING_CAPTURE');
    emulator.paypal.completeCapture(pending.id);

    strike('orders.capture', { kind: 'decline', code: 'card_declined' });
    await capture(emulator.paypal.createOrder({ value: '10.00', currency: 'USD' }));
    expect(emulator.paypal.captures().map(({ status }) => status)).toEqual(['COMPLETED', 'DECLINED']);
  });

  it('a refund fails after it has succeeded', async () => {
    const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD' });
    const { body } = await capture(orderId);
    strike('captures.refund', { kind: 'refund_fails_later', afterMs: 10 });
    const { id } = body.purchase_units[0].payments.captures[0];
    expect((await call('POST', `/v2/payments/captures/${id}/refund`, { body: {} })).body.status).toBe('COMPLETED');
    await vi.waitFor(() => expect(emulator.paypal.refunds()).toMatchObject([{ status: 'FAILED' }]), 10_000);
  });
});

describe('without a socket', () => {
  it('a fault is carried out all the same, at once', () => {
    const request = {
      method: 'POST',
      url: '/v1/payment_intents',
      headers: {
        authorization: `Bearer ${emulator.stripeSecretKey}`,
        'content-type': 'application/x-www-form-urlencoded',
        'idempotency-key': 'key',
      },
      body: 'amount=100&currency=usd&allowed_payment_method_types[0]=card',
    };
    const later = () => {};
    expect(applyFault(emulator, request, { kind: 'drop' }, later)).toBe('dropped');
    expect(emulator.stripe.intents()).toHaveLength(0);
    expect(applyFault(emulator, request, { kind: 'commit_then_drop' }, later)).toBe('dropped');
    const answer = applyFault(emulator, request, { kind: 'normal' }, later);
    expect(answer).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } });
    expect(emulator.stripe.intents()).toHaveLength(1);
    expect(() => applyFault(emulator, request, { kind: 'issue', status: 422, issue: 'X' }, later)).toThrow('no issues');
  });
});

describe('by hand', () => {
  it('can be asked for a fault of the next call, an order, refunds, and what there is', async () => {
    const ask = async (path: string, body?: unknown) => {
      const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      const response = await fetch(`${emulator.url}/emulator/${path}`, init);
      // biome-ignore lint/suspicious/noExplicitAny: each path answers something else.
      return { status: response.status, body: (await response.json()) as any };
    };
    await ask('faults', {
      operation: 'orders.capture',
      fault: { kind: 'issue', status: 422, issue: 'PAYER_CANNOT_PAY' },
    });
    const { body: made } = await ask('orders', { value: '25.50', currency: 'USD' });
    expect((await capture(made.order)).body.details[0].issue).toBe('PAYER_CANNOT_PAY');
    expect((await capture(made.order)).status).toBe(201);
    const [{ captureId } = { captureId: '' }] = emulator.paypal.captures();
    expect((await ask('paypal/refund', { capture: captureId, value: '5.00' })).status).toBe(200);
    const intent = await create();
    await confirm(intent);
    expect((await ask('stripe/refund', { intent, amount: 100 })).status).toBe(200);
    const { body: state } = await ask('state');
    expect(state).toMatchObject({ stripe: { refunds: [{ amount: 100 }] }, paypal: { refunds: [{ value: '5.00' }] } });

    expect(await ask('orders', { value: '1.005', currency: 'USD' })).toMatchObject({ status: 400 });
    expect(await ask('stripe/refund', { intent: 'pi_none' })).toMatchObject({ status: 400 });
    const senseless = { operation: 'refunds.create', fault: { kind: 'decline', code: 'card_declined' } };
    expect((await ask('faults', senseless)).body.error).toContain('decline is for');
    expect((await ask('faults', { operation: 'refunds.destroy', fault: { kind: 'drop' } })).status).toBe(400);
    expect((await ask('nothing')).status).toBe(404);
  });
});

/** Only the first call of the operation from now on. */
function strike(operation: string, fault: Fault): void {
  let isStruck = false;
  emulator.fault = (each) => {
    if (isStruck || each.operation !== operation) return { kind: 'normal' };
    isStruck = true;
    return fault;
  };
}

async function create(idempotencyKey?: string): Promise<string> {
  const params = { amount: 2550, currency: 'usd', allowed_payment_method_types: ['card' as const] };
  return (await stripe.paymentIntents.create(params, idempotencyKey === undefined ? {} : { idempotencyKey })).id;
}

function confirm(intentId: string) {
  const params = { payment_method: 'pm_card_visa', error_on_requires_action: true };
  return stripe.paymentIntents.confirm(intentId, params, { idempotencyKey: 'confirm' });
}

function capture(orderId: string) {
  return call('POST', `/v2/checkout/orders/${orderId}/capture`, { body: {}, requestId: `capture-${orderId}` });
}

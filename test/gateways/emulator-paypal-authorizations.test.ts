/** Money that is held at the emulated PayPal: authorized, then captured, released, or expired. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { type PayPalAnswer, type PayPalCaller, paypalCallerOf } from '../support/emulator-clients.ts';

const DAY_MS = 86_400_000;
const USD = (value: string) => ({ currency_code: 'USD', value });

let emulator: GatewayEmulator;
let call: PayPalCaller;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 15, 12);
  emulator = await startGatewayEmulator({ clock: { nowMs: () => nowMs, random: Math.random } });
  emulator.paypal.tokenLifetimeSeconds = 100 * 86_400;
  call = await paypalCallerOf(emulator);
});
afterEach(() => emulator.stop());

describe('an order with intent AUTHORIZE', () => {
  it('is created by a server, approved, and authorized once', async () => {
    const unit = { reference_id: 'BOOK-1', custom_id: 'TXN-1', invoice_id: 'INV-1', amount: USD('25.50') };
    const context = { return_url: 'https://shop.example/paid', cancel_url: 'https://shop.example/left' };
    const { body: created } = await call('POST', '/v2/checkout/orders', {
      body: {
        intent: 'AUTHORIZE',
        purchase_units: [unit],
        payment_source: { paypal: { experience_context: context } },
      },
      requestId: 'TXN-1',
    });
    expect(issueOf(await authorize(created.id))).toBe('ORDER_NOT_APPROVED');
    emulator.paypal.approveOrder(created.id);
    const { body: approved } = await call('GET', `/v2/checkout/orders/${created.id}`);
    expect(approved.links.map(({ rel }: { rel: string }) => rel)).toEqual(['self', 'update', 'authorize']);
    expect(issueOf(await captureOrder(created.id))).toBe('ACTION_DOES_NOT_MATCH_INTENT');

    const authorized = await authorize(created.id);
    expect(authorized).toMatchObject({ status: 201, body: { intent: 'AUTHORIZE', status: 'COMPLETED' } });
    const [authorization] = authorized.body.purchase_units[0].payments.authorizations;
    expect(authorization).toMatchObject({
      ...{ status: 'CREATED', amount: USD('25.50'), custom_id: 'TXN-1', invoice_id: 'INV-1' },
      seller_protection: { status: 'ELIGIBLE' },
      create_time: '2026-01-15T12:00:00Z',
      expiration_time: '2026-02-13T12:00:00Z',
    });
    const { body: whole } = await call('GET', `/v2/payments/authorizations/${authorization.id}`);
    expect(whole).toMatchObject({ ...authorization, supplementary_data: { related_ids: { order_id: created.id } } });
    expect(whole.payee.merchant_id).toBe(emulator.paypalMerchantId);
    expect(lastEvent()).toMatchObject({
      event_type: 'PAYMENT.AUTHORIZATION.CREATED',
      resource_type: 'authorization',
      resource: whole,
    });

    const again = await authorize(created.id);
    expect(again).toMatchObject({ status: 200, body: authorized.body });
    expect(issueOf(await authorize(created.id, 'another'))).toBe('ORDER_ALREADY_AUTHORIZED');
    expect(emulator.paypal.authorizations()).toHaveLength(1);
    expect(emulator.misfits).toEqual([]);
  });

  it('is not authorized with intent CAPTURE', async () => {
    const order = emulator.paypal.createOrder({ value: '1.00', currency: 'USD' });
    expect(issueOf(await authorize(order))).toBe('ACTION_DOES_NOT_MATCH_INTENT');
  });

  it('may be declined, and then nothing can be captured', async () => {
    await strike('orders.authorize', { kind: 'decline', code: 'declined' });
    const id = await held();
    expect(await statusOf(id)).toBe('DENIED');
    expect(issueOf(await capture(id))).toBe('AUTHORIZATION_DENIED');
    expect(emulator.paypal.events()).toEqual([]);
  });
});

describe('an authorization', () => {
  it('is captured whole, and the capture leads back to it and to its order, and is refunded like any other', async () => {
    const id = await held();
    const captured = await capture(id, { final_capture: true, invoice_id: 'INV-2' });
    expect(captured).toMatchObject({
      status: 201,
      body: { status: 'COMPLETED', amount: USD('10.00'), final_capture: true, custom_id: 'TXN-1', invoice_id: 'INV-2' },
    });
    const { body } = captured;
    const orderId = emulator.paypal.authorizations()[0]?.orderId;
    expect(body.supplementary_data.related_ids).toEqual({ order_id: orderId, authorization_id: id });
    const up = body.links.filter(({ rel }: { rel: string }) => rel === 'up');
    expect(up.map(({ href }: { href: string }) => new URL(href).pathname)).toEqual([
      `/v2/payments/authorizations/${id}`,
      `/v2/checkout/orders/${orderId}`,
    ]);
    expect(await statusOf(id)).toBe('CAPTURED');
    expect(lastEvent()).toMatchObject({ event_type: 'PAYMENT.CAPTURE.COMPLETED', resource: body });

    const refund = { body: { amount: USD('4.00') }, requestId: 'REF-1' };
    expect((await call('POST', `/v2/payments/captures/${body.id}/refund`, refund)).status).toBe(201);
    const { body: order } = await call('GET', `/v2/checkout/orders/${orderId}`);
    expect(order.purchase_units[0].payments).toMatchObject({
      authorizations: [{ id, status: 'CAPTURED' }],
      captures: [{ id: body.id, status: 'PARTIALLY_REFUNDED' }],
      refunds: [{ amount: USD('4.00') }],
    });
    expect(emulator.misfits).toEqual([]);
  });

  it('is captured once for a request id, for 45 days', async () => {
    const id = await held();
    const first = await capture(id);
    nowMs += 45 * DAY_MS - 1;
    const again = await capture(id);
    expect(again).toMatchObject({ status: 201, body: { id: first.body.id } });
    expect(issueOf(await capture(id, {}, 'another'))).toBe('AUTHORIZATION_ALREADY_CAPTURED');
    nowMs += 1;
    expect(issueOf(await capture(id))).toBe('AUTHORIZATION_ALREADY_CAPTURED');
    expect(issueOf(await release(id))).toBe('PREVIOUSLY_CAPTURED');
    expect(emulator.paypal.captures()).toHaveLength(1);
  });

  it('is captured in parts, up to 115 percent of it', async () => {
    const id = await held({ invoiceId: 'INV-1' });
    expect(await capture(id, { amount: USD('4.00') }, 'part-1')).toMatchObject({ body: { final_capture: false } });
    expect(await statusOf(id)).toBe('PARTIALLY_CAPTURED');
    const tooMuch = await capture(id, { amount: USD('7.51') }, 'part-2');
    expect(issueOf(tooMuch)).toBe('MAX_CAPTURE_AMOUNT_EXCEEDED');
    expect((await capture(id, { amount: USD('7.50') }, 'part-3')).body).toMatchObject({ amount: USD('7.50') });
    expect(await statusOf(id)).toBe('CAPTURED');
  });

  it('is at its end with a final capture of a part, and what is left is captured without an amount', async () => {
    const final = await held();
    await capture(final, { amount: USD('4.00'), final_capture: true });
    expect(await statusOf(final)).toBe('CAPTURED');
    const rest = await held();
    await capture(rest, { amount: USD('4.00') }, 'part-1');
    expect((await capture(rest, {}, 'part-2')).body.amount).toEqual(USD('6.00'));
  });

  it.each<[string, object, string]>([
    ['another currency', { amount: { currency_code: 'EUR', value: '1.00' } }, 'AUTH_CAPTURE_CURRENCY_MISMATCH'],
    ['nothing', { amount: USD('0.00') }, 'CANNOT_BE_ZERO_OR_NEGATIVE'],
    ['too many decimals', { amount: USD('1.005') }, 'DECIMAL_PRECISION'],
    ['an invoice that is paid', { invoice_id: 'PAID' }, 'DUPLICATE_INVOICE_ID'],
  ])('of %s is not captured', async (_, body, issue) => {
    await captureOrder(emulator.paypal.createOrder({ value: '1.00', currency: 'USD', invoiceId: 'PAID' }));
    const id = await held();
    expect(await capture(id, body)).toMatchObject({ status: 422, body: { details: [{ issue }] } });
    expect(await statusOf(id)).toBe('CREATED');
  });

  it('is voided once, by 204, or by 200 where the whole is asked for', async () => {
    const id = await held();
    expect(await release(id)).toMatchObject({ status: 204, body: null });
    expect(lastEvent()).toMatchObject({
      event_type: 'PAYMENT.AUTHORIZATION.VOIDED',
      summary: 'A payment authorization was voided.',
      resource: { id, status: 'VOIDED', custom_id: 'TXN-1' },
    });
    const again = await release(id, { prefer: 'return=representation' });
    expect(again).toMatchObject({ status: 200, body: { id, status: 'VOIDED', supplementary_data: {} } });
    expect(issueOf(await release(id, { requestId: 'another' }))).toBe('PREVIOUSLY_VOIDED');
    expect(issueOf(await capture(id))).toBe('AUTHORIZATION_VOIDED');
    expect(emulator.paypal.events().map(({ type }) => type)).toEqual([
      'PAYMENT.AUTHORIZATION.CREATED',
      'PAYMENT.AUTHORIZATION.VOIDED',
    ]);
  });

  it('is voided after 29 days by PayPal', async () => {
    const id = await held();
    nowMs += 29 * DAY_MS - 1;
    expect(await statusOf(id)).toBe('CREATED');
    nowMs += 1;
    await expectExpired(id);
  });

  it('expires when a person says so, unless it has ended', async () => {
    const id = await held();
    expect((await control('paypal/expire', { authorization: id })).status).toBe(200);
    await expectExpired(id);
    expect((await control('paypal/expire', { authorization: id })).status).toBe(400);
  });

  it('that nobody knows is not found', async () => {
    const gone = { status: 404, body: { details: [{ issue: 'INVALID_RESOURCE_ID' }] } };
    expect(await call('GET', '/v2/payments/authorizations/0AB12345CD678901E')).toMatchObject(gone);
    expect(await capture('0AB12345CD678901E')).toMatchObject(gone);
    expect(await release('0AB12345CD678901E')).toMatchObject(gone);
  });

  it('is listed in the state, with its order', async () => {
    const id = await held();
    const response = await fetch(`${emulator.url}/emulator/state`);
    const [order] = emulator.paypal.orders();
    const authorization = { authorizationId: id, orderId: order?.orderId, transactionId: 'TXN-1', status: 'CREATED' };
    expect(await response.json()).toMatchObject({
      paypal: { orders: [{ orderId: order?.orderId, intent: 'AUTHORIZE' }], authorizations: [authorization] },
    });
  });

  async function expectExpired(id: string): Promise<void> {
    expect(await statusOf(id)).toBe('VOIDED');
    expect(lastEvent()).toMatchObject({
      event_type: 'PAYMENT.AUTHORIZATION.VOIDED',
      summary: 'A payment authorization was expired.',
      resource: { id, status: 'VOIDED' },
    });
    expect(issueOf(await capture(id))).toBe('AUTHORIZATION_EXPIRED');
    expect(issueOf(await release(id))).toBe('PREVIOUSLY_VOIDED');
    expect(emulator.paypal.authorizations()).toMatchObject([{ authorizationId: id, isExpired: true }]);
  }
});

describe('a capture of an authorization', () => {
  it('is pending until PayPal decides', async () => {
    const id = await held();
    await strike('authorizations.capture', { kind: 'pending' });
    const { body: pending } = await capture(id);
    expect(pending.status).toBe('PENDING');
    expect(lastEvent()).toMatchObject({ event_type: 'PAYMENT.CAPTURE.PENDING' });
    await control('end', { id: pending.id, end: 'succeeded' });
    expect((await call('GET', `/v2/payments/captures/${pending.id}`)).body.status).toBe('COMPLETED');
    expect(lastEvent()).toMatchObject({ event_type: 'PAYMENT.CAPTURE.COMPLETED', resource: { id: pending.id } });
  });

  it('may be declined, with the money still held', async () => {
    const id = await held();
    await strike('authorizations.capture', { kind: 'decline', code: 'declined' });
    expect((await capture(id)).body.status).toBe('DECLINED');
    expect(await statusOf(id)).toBe('CREATED');
    expect((await capture(id, {}, 'another')).body.status).toBe('COMPLETED');
  });
});

describe('a call about held money', () => {
  const FAULTS: [fault: object, isDone: boolean, status: number | null][] = [
    [{ kind: 'drop' }, false, null],
    [{ kind: 'commit_then_drop' }, true, null],
    [{ kind: 'error_500', committed: false, cached: false }, false, 500],
    [{ kind: 'error_500', committed: true, cached: false }, true, 500],
    [{ kind: 'conflict_409' }, false, 409],
    [{ kind: 'issue', status: 422, issue: 'TRANSACTION_REFUSED' }, false, 422],
  ];

  it.each(FAULTS)('orders.authorize with %j holds it once', async (fault, isDone, status) => {
    const order = emulator.paypal.createOrder({ value: '10.00', currency: 'USD', intent: 'AUTHORIZE' });
    await strike('orders.authorize', fault);
    expect((await authorize(order).catch(() => null))?.status ?? null).toBe(status);
    expect(emulator.paypal.authorizations()).toHaveLength(isDone ? 1 : 0);
    expect((await authorize(order)).status).toBe(isDone ? 200 : 201);
    expect(emulator.paypal.authorizations()).toHaveLength(1);
  });

  it.each(FAULTS)('authorizations.capture with %j takes it once', async (fault, isDone, status) => {
    const id = await held();
    await strike('authorizations.capture', fault);
    expect((await capture(id).catch(() => null))?.status ?? null).toBe(status);
    expect(await statusOf(id)).toBe(isDone ? 'CAPTURED' : 'CREATED');
    expect((await capture(id)).body.status).toBe('COMPLETED');
    expect(emulator.paypal.captures()).toHaveLength(1);
  });

  it.each(FAULTS)('authorizations.void with %j releases it once', async (fault, isDone, status) => {
    const id = await held();
    await strike('authorizations.void', fault);
    expect((await release(id).catch(() => null))?.status ?? null).toBe(status);
    expect(await statusOf(id)).toBe(isDone ? 'VOIDED' : 'CREATED');
    expect((await release(id)).status).toBe(204);
    expect(emulator.paypal.events().filter(({ type }) => type === 'PAYMENT.AUTHORIZATION.VOIDED')).toHaveLength(1);
  });
});

/** Ten dollars. @returns the authorization's id */
async function held({ invoiceId }: { invoiceId?: string } = {}): Promise<string> {
  const order = { value: '10.00', currency: 'USD', customId: 'TXN-1', ...(invoiceId !== undefined && { invoiceId }) };
  const { body } = await authorize(emulator.paypal.createOrder({ ...order, intent: 'AUTHORIZE' }));
  return body.purchase_units[0].payments.authorizations[0].id;
}

function authorize(orderId: string, requestId = orderId): Promise<PayPalAnswer> {
  return call('POST', `/v2/checkout/orders/${orderId}/authorize`, { body: {}, requestId });
}

function captureOrder(orderId: string): Promise<PayPalAnswer> {
  return call('POST', `/v2/checkout/orders/${orderId}/capture`, { body: {}, requestId: orderId });
}

function capture(id: string, body: object = {}, requestId = `capture-${id}`): Promise<PayPalAnswer> {
  return call('POST', `/v2/payments/authorizations/${id}/capture`, { body, requestId });
}

function release(id: string, { requestId = `void-${id}`, prefer = 'return=minimal' } = {}): Promise<PayPalAnswer> {
  return call('POST', `/v2/payments/authorizations/${id}/void`, { requestId, prefer });
}

async function statusOf(id: string): Promise<string> {
  return (await call('GET', `/v2/payments/authorizations/${id}`)).body.status;
}

function issueOf({ status, body }: PayPalAnswer): string {
  expect(status).toBe(422);
  return body.details[0].issue;
}

function lastEvent() {
  return JSON.parse(emulator.paypal.events().at(-1)?.body ?? 'null');
}

async function strike(operation: string, fault: object): Promise<void> {
  expect(await control('faults', { operation, fault })).toMatchObject({ status: 200 });
}

async function control(path: string, body: object): Promise<PayPalAnswer> {
  const response = await fetch(`${emulator.url}/emulator/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

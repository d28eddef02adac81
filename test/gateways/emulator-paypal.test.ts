/** The emulated PayPal, asked by HTTP. Whatever it answers below /v2 has been held against PayPal's own description. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { type PayPalCaller, paypalCallerOf, paypalLogin } from '../support/emulator-clients.ts';

const UNIT = "/purchase_units/@reference_id=='default'";
const USD = (value: string) => ({ currency_code: 'USD', value });

let emulator: GatewayEmulator;
let call: PayPalCaller;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 15, 12);
  emulator = await startGatewayEmulator({ clock: { nowMs: () => nowMs, random: Math.random } });
  call = await paypalCallerOf(emulator);
});
afterEach(() => emulator.stop());

describe('an order', () => {
  it('is created, approved by the payer on a page, captured and refunded', async () => {
    const purchase = { amount: USD('25.50'), custom_id: 'TXN-1' };
    const created = await call('POST', '/v2/checkout/orders', {
      body: { intent: 'CAPTURE', purchase_units: [purchase] },
    });
    expect(created).toMatchObject({ status: 201, body: { status: 'CREATED' } });
    const orderId = created.body.id;
    const early = await capture(orderId, 'TXN-1');
    expect(early).toMatchObject({ status: 422, body: { details: [{ issue: 'ORDER_NOT_APPROVED' }] } });

    const { href } = created.body.links.find(({ rel }: { rel: string }) => rel === 'approve');
    expect(await (await fetch(href)).text()).toContain('is approved');
    const captured = await capture(orderId, 'TXN-1');
    expect(captured).toMatchObject({ status: 201, body: { status: 'COMPLETED' } });
    const [{ id: captureId }] = captured.body.purchase_units[0].payments.captures;
    const refunded = await refund(captureId, '5.50', 'REF-1');
    expect(refunded).toMatchObject({
      status: 201,
      body: { status: 'COMPLETED', custom_id: 'REF-1', amount: USD('5.50') },
    });

    const { body: order } = await call('GET', `/v2/checkout/orders/${orderId}`);
    expect(order.purchase_units[0].payments).toMatchObject({
      captures: [{ id: captureId, custom_id: 'TXN-1', status: 'PARTIALLY_REFUNDED' }],
      refunds: [{ id: refunded.body.id, custom_id: 'REF-1' }],
    });
    const { body: whole } = await call('GET', `/v2/payments/captures/${captureId}`);
    expect(whole.supplementary_data.related_ids).toEqual({ order_id: orderId });
    expect(whole.payee.merchant_id).toBe(emulator.paypalMerchantId);
    expect((await call('GET', `/v2/payments/refunds/${refunded.body.id}`)).body).toEqual(refunded.body);
    expect(emulator.paypal.events().map(({ type }) => type)).toEqual([
      'CHECKOUT.ORDER.APPROVED',
      'PAYMENT.CAPTURE.COMPLETED',
      'PAYMENT.CAPTURE.REFUNDED',
    ]);
    expect(emulator.paypal.captures()).toMatchObject([{ captureId, orderId, transactionId: 'TXN-1', value: '25.50' }]);
    expect(emulator.paypal.refunds()).toMatchObject([
      { refundId: 'REF-1', captureId, transactionId: 'TXN-1', value: '5.50' },
    ]);
    expect(emulator.misfits).toEqual([]);
  });

  it('carries the marks that are patched on it, and none once it is paid', async () => {
    const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD' });
    const patch = (op: string, path: string, value = 'TXN-1') =>
      call('PATCH', `/v2/checkout/orders/${orderId}`, { body: [{ op, path, value }] });
    const issueOf = async (answer: ReturnType<typeof patch>) => (await answer).body.details[0].issue;
    expect(await patch('add', `${UNIT}/custom_id`)).toMatchObject({ status: 204, body: null });
    expect(await issueOf(patch('add', `${UNIT}/custom_id`))).toBe('INVALID_PATCH_OPERATION');
    expect(await issueOf(patch('replace', `${UNIT}/invoice_id`))).toBe('INVALID_PATCH_OPERATION');
    expect(await patch('replace', `${UNIT}/custom_id`, 'TXN-2')).toMatchObject({ status: 204 });
    expect(await issueOf(patch('add', "/purchase_units/@reference_id=='x'/invoice_id"))).toBe('REFERENCE_ID_NOT_FOUND');
    expect(await issueOf(patch('replace', `${UNIT}/status`))).toBe('NOT_PATCHABLE');
    const { body } = await capture(orderId, 'TXN-2');
    expect(body.purchase_units[0].payments.captures[0].custom_id).toBe('TXN-2');
    expect(await issueOf(patch('replace', `${UNIT}/custom_id`))).toBe('ORDER_ALREADY_COMPLETED');
  });

  it('is captured once: the same request id is answered with the present state, another one is refused', async () => {
    const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD' });
    const first = await capture(orderId, 'TXN-1');
    const [{ id: captureId }] = first.body.purchase_units[0].payments.captures;
    emulator.paypal.refundInDashboard(captureId);
    const again = await capture(orderId, 'TXN-1');
    expect(again.status).toBe(200);
    expect(again.body.purchase_units[0].payments.captures).toMatchObject([{ id: captureId, status: 'REFUNDED' }]);
    expect((await capture(orderId, 'TXN-2')).body.details[0].issue).toBe('ORDER_ALREADY_CAPTURED');
    nowMs += 6 * 3_600_000;
    call = await paypalCallerOf(emulator);
    expect((await capture(orderId, 'TXN-1')).body.details[0].issue).toBe('ORDER_ALREADY_CAPTURED');
  });

  it('has an invoice that no other paid order has', async () => {
    const order = { value: '10.00', currency: 'USD', invoiceId: 'INV-1' };
    const orders = [emulator.paypal.createOrder(order), emulator.paypal.createOrder(order)] as const;
    await capture(orders[0], 'TXN-1');
    expect((await capture(orders[1], 'TXN-2')).body.details[0].issue).toBe('DUPLICATE_INVOICE_ID');
    emulator.paypal.refusesDuplicateInvoices = false;
    expect((await capture(orders[1], 'TXN-2')).status).toBe(201);
  });

  it.each([
    ['1.005', 'USD', 'DECIMAL_PRECISION'],
    ['100.50', 'JPY', 'DECIMAL_PRECISION'],
    ['1.00', 'XXX', 'INVALID_CURRENCY_CODE'],
    ['0.00', 'USD', 'CANNOT_BE_ZERO_OR_NEGATIVE'],
  ])('of %s %s is refused', async (value, currency, issue) => {
    const purchase = { amount: { value, currency_code: currency } };
    const answer = await call('POST', '/v2/checkout/orders', {
      body: { intent: 'CAPTURE', purchase_units: [purchase] },
    });
    expect(answer).toMatchObject({ status: 422, body: { name: 'UNPROCESSABLE_ENTITY', details: [{ issue }] } });
  });

  it('that nobody knows is not found', async () => {
    for (const path of ['checkout/orders', 'payments/captures', 'payments/refunds']) {
      const answer = await call('GET', `/v2/${path}/0AB12345CD678901E`);
      expect(answer).toMatchObject({ status: 404, body: { details: [{ issue: 'INVALID_RESOURCE_ID' }] } });
    }
  });

  it('is answered in short where the whole is not asked for', async () => {
    const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD' });
    const options = { body: {}, requestId: 'TXN-1', prefer: 'return=minimal' };
    const { body } = await call('POST', `/v2/checkout/orders/${orderId}/capture`, options);
    expect(Object.keys(body)).toEqual(['id', 'status', 'links']);
  });
});

describe('a refund', () => {
  it.each<[string, object, string]>([
    ['more than is left', { amount: USD('10.01') }, 'REFUND_AMOUNT_EXCEEDED'],
    ['another currency', { amount: { currency_code: 'EUR', value: '1.00' } }, 'REFUND_CAPTURE_CURRENCY_MISMATCH'],
    ['decimals of a currency without', { amount: { currency_code: 'JPY', value: '1.5' } }, 'DECIMALS_NOT_SUPPORTED'],
    ['nothing', { amount: USD('0') }, 'CANNOT_BE_ZERO_OR_NEGATIVE'],
  ])('of %s is refused', async (_, body, issue) => {
    const captureId = await captured();
    const answer = await call('POST', `/v2/payments/captures/${captureId}/refund`, { body });
    expect(answer).toMatchObject({ status: 422, body: { details: [{ issue }] } });
    expect(emulator.misfits).toEqual([]);
  });

  it('of all that is left needs no amount, and then nothing is left', async () => {
    const captureId = await captured();
    await refund(captureId, '4.00', 'REF-1');
    const rest = await call('POST', `/v2/payments/captures/${captureId}/refund`, { body: {}, requestId: 'REF-2' });
    expect(rest.body.amount).toEqual(USD('6.00'));
    expect((await refund(captureId, '0.01', 'REF-3')).body.details[0].issue).toBe('CAPTURE_FULLY_REFUNDED');
  });

  it('that fails gives its amount back', async () => {
    const captureId = await captured();
    const { body } = await refund(captureId, '10.00', 'REF-1');
    emulator.paypal.failRefund(body.id);
    expect((await refund(captureId, '10.00', 'REF-1')).body).toMatchObject({ id: body.id, status: 'FAILED' });
    expect((await refund(captureId, '10.00', 'REF-2')).status).toBe(201);
    expect(emulator.paypal.events().map(({ type }) => type)).toContain('PAYMENT.REFUND.FAILED');
  });

  it('in part is refused while the payer disputes the payment', async () => {
    const captureId = await captured();
    const dispute = emulator.paypal.openDispute(captureId);
    expect((await refund(captureId, '4.00', 'REF-1')).body.details[0].issue).toBe('TRANSACTION_DISPUTED');
    emulator.paypal.closeDispute(dispute);
    expect((await refund(captureId, '4.00', 'REF-1')).status).toBe(201);
    const opened = emulator.paypal.events().find(({ type }) => type === 'CUSTOMER.DISPUTE.CREATED');
    expect(JSON.parse(opened?.body ?? '').resource).toMatchObject({
      dispute_id: dispute,
      disputed_transactions: [{ seller_transaction_id: captureId, custom: 'TXN-1' }],
    });
  });
});

describe('access', () => {
  it('is by a token that is good for a while, and until it is revoked', async () => {
    expect(await paypalLogin(emulator, 'wrong')).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    emulator.paypal.tokenLifetimeSeconds = 60;
    const login = await paypalLogin(emulator, emulator.paypalClientSecret);
    expect(login.body).toMatchObject({ token_type: 'Bearer', expires_in: 60 });
    const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD' });
    const status = async (token: string) => (await call('GET', `/v2/checkout/orders/${orderId}`, { token })).status;
    expect(await status(login.body.access_token)).toBe(200);
    nowMs += 60_000;
    expect(await status(login.body.access_token)).toBe(401);
    const other = await paypalLogin(emulator, emulator.paypalClientSecret);
    emulator.paypal.revokeTokens();
    const refused = await call('GET', `/v2/checkout/orders/${orderId}`, { token: other.body.access_token });
    expect(refused).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
    expect(refused.headers.get('www-authenticate')).toContain('Bearer');
  });
});

describe('a request that does not fit', () => {
  it.each<[string, unknown, string]>([
    ['an unknown member', { amount: USD('1.00'), custom: 'REF-1' }, 'there is no custom'],
    ['a number for text', { amount: { currency_code: 'USD', value: 1 } }, 'amount.value must be string'],
    ['a missing member', { amount: { value: '1.00' } }, 'amount.currency_code is missing'],
    ['too much text', { note_to_payer: 'x'.repeat(256) }, 'note_to_payer must NOT have more than 255 characters'],
    ['no JSON', '{"amount":', 'the body is not JSON'],
  ])('%s is refused with the difference', async (_, body, difference) => {
    const captureId = await captured();
    const answer = await call('POST', `/v2/payments/captures/${captureId}/refund`, { body });
    expect(answer).toMatchObject({
      status: 400,
      body: { name: 'INVALID_REQUEST', details: [{ description: difference }] },
    });
    expect(emulator.misfits).toEqual([`paypal captures.refund: ${difference}`]);
  });

  it('too long a request id is refused', async () => {
    const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD' });
    expect((await capture(orderId, 'x'.repeat(109))).body.details[0].issue).toBe('INVALID_STRING_LENGTH');
  });
});

function capture(orderId: string, requestId: string) {
  return call('POST', `/v2/checkout/orders/${orderId}/capture`, { body: {}, requestId });
}

/** Ten dollars. @returns the capture's id */
async function captured(): Promise<string> {
  const orderId = emulator.paypal.createOrder({ value: '10.00', currency: 'USD', customId: 'TXN-1' });
  const { body } = await capture(orderId, 'TXN-1');
  return body.purchase_units[0].payments.captures[0].id;
}

function refund(captureId: string, value: string, refundId: string) {
  const body = { amount: USD(value), custom_id: refundId, invoice_id: refundId };
  return call('POST', `/v2/payments/captures/${captureId}/refund`, { body, requestId: refundId });
}

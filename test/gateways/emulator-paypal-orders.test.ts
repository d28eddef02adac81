/** Orders that a server creates at the emulated PayPal, and the page on which the payer decides about them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { type PayPalAnswer, type PayPalCaller, paypalCallerOf } from '../support/emulator-clients.ts';

const HOUR_MS = 3_600_000;
const RETURN_URL = 'https://shop.example/paid?user=a%20b#done';
const CANCEL_URL = 'https://shop.example/left';
const UNIT = {
  reference_id: 'BOOK-1',
  custom_id: 'TXN-1',
  invoice_id: 'INV-1',
  amount: { currency_code: 'USD', value: '25.50' },
  payee: { merchant_id: 'EMULATEDSHAP2' },
  description: 'A room for <two>',
  soft_descriptor: 'ROOM',
};
const CONTEXT = {
  return_url: RETURN_URL,
  cancel_url: CANCEL_URL,
  user_action: 'PAY_NOW',
  shipping_preference: 'NO_SHIPPING',
  brand_name: 'Shop & Sons',
};

let emulator: GatewayEmulator;
let call: PayPalCaller;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 15, 12);
  emulator = await startGatewayEmulator({ clock: { nowMs: () => nowMs, random: Math.random } });
  call = await paypalCallerOf(emulator);
});
afterEach(() => emulator.stop());

describe('an order with a payment source', () => {
  it('needs the payer’s action, and has what it was created with', async () => {
    const created = await create();
    expect(created.status).toBe(201);
    const orderId = created.body.id;
    const { body: order } = await call('GET', `/v2/checkout/orders/${orderId}`);
    expect(order).toMatchObject({
      intent: 'CAPTURE',
      status: 'PAYER_ACTION_REQUIRED',
      payment_source: { paypal: {} },
      purchase_units: [UNIT],
      links: [
        { rel: 'self', href: `${emulator.url}/v2/checkout/orders/${orderId}` },
        { rel: 'payer-action', href: `${emulator.url}/checkoutnow?token=${orderId}` },
      ],
    });
    expect(order).toEqual(created.body);
    expect(emulator.misfits).toEqual([]);
  });

  it('is answered in short with its payment source', async () => {
    const { body } = await create({ prefer: 'return=minimal' });
    expect(Object.keys(body)).toEqual(['id', 'status', 'payment_source', 'links']);
  });

  it('is created once for a request id, for six hours', async () => {
    const first = await create();
    const again = await create();
    expect(again).toMatchObject({ status: 200, body: { id: first.body.id } });
    nowMs += 6 * HOUR_MS;
    expect((await create()).body.id).not.toBe(first.body.id);
  });

  it.each<[string, object, { requestId?: string }, string]>([
    ['no request id', {}, {}, 'PAYPAL_REQUEST_ID_REQUIRED'],
    ['a card', { payment_source: { card: { number: '4111111111111111' } } }, { requestId: 'REQ' }, 'NOT_SUPPORTED'],
    ['a return address that is none', source({ return_url: 'shop' }), { requestId: 'REQ' }, 'INVALID_PARAMETER_SYNTAX'],
    ['a script as address', source({ cancel_url: 'javascript:1' }), { requestId: 'REQ' }, 'INVALID_PARAMETER_SYNTAX'],
  ])('%s is refused', async (_, change, { requestId }, issue) => {
    const body = { ...request(), ...change };
    const answer = await call('POST', '/v2/checkout/orders', { body, ...(requestId !== undefined && { requestId }) });
    expect(answer).toMatchObject({ status: 400, body: { details: [{ issue }] } });
  });
});

it('an order with the older application_context is approved by its approve link', async () => {
  const body = { intent: 'CAPTURE', purchase_units: [UNIT], application_context: CONTEXT };
  const { body: order } = await call('POST', '/v2/checkout/orders', { body });
  expect(order.status).toBe('CREATED');
  expect(order).not.toHaveProperty('payment_source');
  const page = await open(linkOf(order.links, 'approve'));
  expect(await page.text()).toContain('Shop &amp; Sons');
});

describe('the approval page', () => {
  it('shows what is paid, and changes nothing by being opened', async () => {
    const { body: order } = await create();
    const page = await open(linkOf(order.links, 'payer-action'));
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const text = await page.text();
    expect(text).toContain('<html lang="en">');
    expect(text).toContain('<h1>Pay 25.50 USD?</h1>');
    expect(text).toContain('A room for &lt;two&gt;');
    expect(text).toMatch(/<button [^>]*value="pay">Pay<\/button>/);
    expect(text).toMatch(/<button [^>]*value="cancel">Cancel and return<\/button>/);
    expect(await statusOf(order.id)).toBe('PAYER_ACTION_REQUIRED');
    expect(emulator.paypal.events()).toEqual([]);
  });

  it('approves with Pay, tells the webhook, and sends the payer back with the order and the payer', async () => {
    const { body: order } = await create();
    const sent = await decide(order.id, 'pay');
    expect(sent.status).toBe(303);
    const back = `https://shop.example/paid?user=a%20b&token=${order.id}&PayerID=QYR5Z8XDVJNXQ#done`;
    expect(sent.headers.get('location')).toBe(back);
    const [event] = emulator.paypal.events();
    expect(JSON.parse(event?.body ?? '')).toMatchObject({
      event_type: 'CHECKOUT.ORDER.APPROVED',
      resource_type: 'checkout-order',
      resource: { id: order.id, intent: 'CAPTURE', status: 'APPROVED', purchase_units: [{ custom_id: 'TXN-1' }] },
    });
    expect(await capture(order.id)).toMatchObject({ status: 201, body: { status: 'COMPLETED' } });
    expect(await (await open(`${emulator.url}/checkoutnow?token=${order.id}`)).text()).toContain('has been paid');
    await decide(order.id, 'pay');
    expect(emulator.paypal.events().map(({ type }) => type)).toEqual([
      'CHECKOUT.ORDER.APPROVED',
      'PAYMENT.CAPTURE.COMPLETED',
    ]);
  });

  it('sends the payer who cancels to the other address, with the order as it was', async () => {
    const { body: order } = await create();
    const sent = await decide(order.id, 'cancel');
    expect(sent.status).toBe(303);
    expect(sent.headers.get('location')).toBe(`${CANCEL_URL}?token=${order.id}`);
    expect(await statusOf(order.id)).toBe('PAYER_ACTION_REQUIRED');
    expect((await capture(order.id)).body.details[0].issue).toBe('ORDER_NOT_APPROVED');
    expect(emulator.paypal.events()).toEqual([]);
    expect((await decide(order.id, 'pay')).status).toBe(303);
    expect(await statusOf(order.id)).toBe('APPROVED');
  });

  it('knows no other decisions, orders and methods', async () => {
    const { body: order } = await create();
    expect((await decide(order.id, 'keep')).status).toBe(400);
    expect((await decide('0AB12345CD678901E', 'pay')).status).toBe(404);
    expect((await open(`${emulator.url}/checkoutnow`)).status).toBe(400);
    const removed = await fetch(`${emulator.url}/checkoutnow?token=${order.id}`, { method: 'DELETE' });
    expect(removed.status).toBe(405);
    expect(await statusOf(order.id)).toBe('PAYER_ACTION_REQUIRED');
  });
});

it('an order whose instrument is declined stays approved, and the payer can choose another one', async () => {
  const { body: order } = await create();
  await decide(order.id, 'pay');
  await control('faults', {
    operation: 'orders.capture',
    fault: { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' },
  });
  const declined = await capture(order.id);
  expect(declined).toMatchObject({ status: 422, body: { details: [{ issue: 'INSTRUMENT_DECLINED' }] } });
  expect(await statusOf(order.id)).toBe('APPROVED');
  const page = await open(linkOf(declined.body.links, 'redirect'));
  expect(await page.text()).toContain('>Pay</button>');
  expect((await decide(order.id, 'pay')).status).toBe(303);
  expect(emulator.paypal.events().map(({ type }) => type)).toEqual([
    'CHECKOUT.ORDER.APPROVED',
    'CHECKOUT.ORDER.APPROVED',
  ]);
  expect((await capture(order.id)).status).toBe(201);
});

describe('an order that nobody approves', () => {
  it('is gone after three hours', async () => {
    const { body: order } = await create();
    nowMs += 3 * HOUR_MS - 1;
    expect(await statusOf(order.id)).toBe('PAYER_ACTION_REQUIRED');
    nowMs += 1;
    await expectGone(order.id);
  });

  it('has three hours from when the payer opens the page', async () => {
    const { body: order } = await create();
    nowMs += 2 * HOUR_MS;
    await open(linkOf(order.links, 'payer-action'));
    nowMs += 3 * HOUR_MS - 1;
    expect((await decide(order.id, 'pay')).status).toBe(303);
    nowMs += 24 * HOUR_MS;
    call = await paypalCallerOf(emulator);
    expect(await statusOf(order.id)).toBe('APPROVED');
  });

  it('is gone when a person says so, approved or not, but not when it is paid', async () => {
    for (const decision of ['pay', 'cancel'] as const) {
      const { body: order } = await create({ requestId: decision, unit: { invoice_id: decision } });
      await decide(order.id, decision);
      expect(await control('paypal/expire', { order: order.id })).toMatchObject({ status: 200 });
      await expectGone(order.id);
    }
    const paid = emulator.paypal.createOrder({ value: '1.00', currency: 'USD' });
    await capture(paid);
    expect(await control('paypal/expire', { order: paid })).toMatchObject({ status: 400 });
    expect(await statusOf(paid)).toBe('COMPLETED');
  });

  async function expectGone(orderId: string): Promise<void> {
    const gone = { status: 404, body: { name: 'RESOURCE_NOT_FOUND', details: [{ issue: 'INVALID_RESOURCE_ID' }] } };
    expect(await call('GET', `/v2/checkout/orders/${orderId}`)).toMatchObject(gone);
    expect(await capture(orderId)).toMatchObject(gone);
    expect((await open(`${emulator.url}/checkoutnow?token=${orderId}`)).status).toBe(404);
    expect((await decide(orderId, 'pay')).status).toBe(404);
    expect(emulator.paypal.orders().find((order) => order.orderId === orderId)?.isExpired).toBe(true);
  }
});

it('an order is approved or cancelled without a browser, and the answer says where the payer is sent', async () => {
  const { body: order } = await create();
  const cancelled = await control('paypal/cancel', { order: order.id });
  expect(cancelled.body).toEqual({ payer_sent_to: `${CANCEL_URL}?token=${order.id}` });
  const approved = await control('paypal/approve', { order: order.id });
  expect(new URL(approved.body.payer_sent_to).searchParams.get('token')).toBe(order.id);
  expect(await statusOf(order.id)).toBe('APPROVED');
  const bare = emulator.paypal.createOrder({ value: '1.00', currency: 'USD', status: 'CREATED' });
  expect((await control('paypal/approve', { order: bare })).body).toEqual({ payer_sent_to: null });
  expect((await control('paypal/approve', { order: 'NONE' })).status).toBe(400);
});

describe('a call that creates an order', () => {
  it.each<[object, { created: number; status: number | null }]>([
    [{ kind: 'drop' }, { created: 0, status: null }],
    [{ kind: 'commit_then_drop' }, { created: 1, status: null }],
    [
      { kind: 'error_500', committed: false, cached: false },
      { created: 0, status: 500 },
    ],
    [
      { kind: 'error_500', committed: true, cached: false },
      { created: 1, status: 500 },
    ],
    [
      { kind: 'issue', status: 422, issue: 'PAYEE_ACCOUNT_RESTRICTED' },
      { created: 0, status: 422 },
    ],
  ])('with %j creates one order in the end', async (fault, { created, status }) => {
    expect(await control('faults', { operation: 'orders.create', fault })).toMatchObject({ status: 200 });
    expect((await create().catch(() => null))?.status ?? null).toBe(status);
    expect(emulator.paypal.orders()).toHaveLength(created);
    expect((await create()).status).toBe(created === 1 ? 200 : 201);
    expect(emulator.paypal.orders()).toHaveLength(1);
  });
});

function source(context: object) {
  return { payment_source: { paypal: { experience_context: { ...CONTEXT, ...context } } } };
}

function request(unit: object = {}) {
  return { intent: 'CAPTURE', purchase_units: [{ ...UNIT, ...unit }], ...source({}) };
}

function create({ requestId = 'TXN-1', prefer = 'return=representation', unit = {} } = {}): Promise<PayPalAnswer> {
  return call('POST', '/v2/checkout/orders', { body: request(unit), requestId, prefer });
}

function capture(orderId: string): Promise<PayPalAnswer> {
  return call('POST', `/v2/checkout/orders/${orderId}/capture`, { body: {}, requestId: orderId });
}

async function statusOf(orderId: string): Promise<string> {
  return (await call('GET', `/v2/checkout/orders/${orderId}`)).body.status;
}

function linkOf(links: { rel: string; href: string }[], rel: string): string {
  return links.find((link) => link.rel === rel)?.href ?? `no link ${rel}`;
}

function open(url: string): Promise<Response> {
  return fetch(url, { redirect: 'manual' });
}

/** As the page's form does. */
function decide(orderId: string, decision: string): Promise<Response> {
  const url = `${emulator.url}/checkoutnow?token=${orderId}`;
  return fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ decision }) });
}

async function control(path: string, body: object): Promise<PayPalAnswer> {
  const response = await fetch(`${emulator.url}/emulator/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

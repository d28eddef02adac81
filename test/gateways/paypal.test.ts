/** The PayPal adapter, at the emulator over real sockets: what the ways through HTTP do not show. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { Gateway, GatewayOutcome } from '../../src/core/gateways/gateway.ts';
import { type AccessToken, PayPalClient } from '../../src/core/gateways/paypal/paypal-client.ts';
import { createPayPalGateway } from '../../src/core/gateways/paypal/paypal-gateway.ts';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { paypalCallerOf } from '../support/emulator-clients.ts';
import { paidTransaction, pendingRefund, pendingTransaction } from '../support/rows.ts';

const HOUR_MS = 60 * 60_000;

let emulator: GatewayEmulator;
let gateway: Gateway;
let tokens: Map<string, AccessToken>;
let clock: { nowMs: number };

beforeEach(async () => {
  clock = { nowMs: Date.now() };
  tokens = new Map();
  emulator = await startGatewayEmulator({ clock: { nowMs: () => clock.nowMs, random: Math.random } });
  gateway = newGateway();
});
afterEach(async () => {
  expect(emulator.misfits).toEqual([]);
  await emulator.stop();
});

/** As another isolate has it: with the same kept tokens or others. */
function newGateway(kept = tokens): Gateway {
  const settings = {
    clientId: emulator.paypalClientId,
    clientSecret: emulator.paypalClientSecret,
    merchantId: emulator.paypalMerchantId,
    webhookId: emulator.paypalWebhookId,
    apiUrl: emulator.url,
  };
  const outside = { send: (url: string, init: RequestInit) => fetch(url, init), nowMs: () => clock.nowMs };
  return createPayPalGateway(settings, new PayPalClient(settings, outside, kept));
}

const signal = () => AbortSignal.timeout(5_000);
const operations = () => emulator.calls.map(({ operation }) => operation);
const ordered = (value = '25.50', currency = 'USD') => emulator.paypal.createOrder({ value, currency });
const payingWith = (order: string, overrides: Partial<Transaction> = {}) =>
  pendingTransaction({ paymentMethod: 'paypal', gatewayIntent: order, ...overrides });
const charge = (transaction: Transaction) =>
  gateway.charge({
    transaction,
    instrument: { kind: 'paypal', email: 'payer@example.com', paymentId: transaction.gatewayIntent ?? '' },
    signal: signal(),
    isOfSameBooking: async () => true,
  });
const lookUp = (transaction: Transaction) => gateway.lookUpCharge(transaction, signal());

/** Strikes the first call of the operation, and no other. */
function strike(operation: string, fault: Fault): void {
  emulator.fault = (call) => {
    if (call.operation !== operation) return { kind: 'normal' };
    emulator.fault = () => ({ kind: 'normal' });
    return fault;
  };
}

async function paid(): Promise<Transaction> {
  const transaction = payingWith(ordered());
  return paidTransaction(transaction, referenceOf(await charge(transaction)));
}

describe('a charge', () => {
  it('looks at the order, writes our id on it, and captures it under our id', async () => {
    const transaction = payingWith(ordered());
    const outcome = await charge(transaction);
    expect(emulator.calls.map(({ operation, key }) => [operation, key])).toEqual([
      ['oauth2.token', null],
      ['orders.get', null],
      ['orders.patch', null],
      ['orders.capture', transaction.transactionId],
    ]);
    expect(emulator.paypal.captures()).toMatchObject([
      {
        captureId: referenceOf(outcome),
        transactionId: transaction.transactionId,
        value: '25.50',
        status: 'COMPLETED',
      },
    ]);
  });

  it('replaces what the shop’s page has written on the order', async () => {
    const order = emulator.paypal.createOrder({
      value: '25.50',
      currency: 'USD',
      customId: 'BOOK-1',
      invoiceId: 'invoice-1',
    });
    const transaction = payingWith(order, { bookingId: 'BOOK-1' });
    expect(await charge(transaction)).toMatchObject({ kind: 'approved' });
    expect(emulator.paypal.captures()).toMatchObject([{ transactionId: transaction.transactionId }]);
  });

  describe('of an order that carries the id of an earlier attempt', () => {
    const marked = () => emulator.paypal.createOrder({ value: '25.50', currency: 'USD', customId: FORMER });
    const chargeWith = (order: string, isOfSameBooking?: (id: string) => Promise<boolean | null>) => {
      const transaction = payingWith(order);
      const instrument = { kind: 'paypal', email: 'payer@example.com', paymentId: order } as const;
      const asked = isOfSameBooking === undefined ? {} : { isOfSameBooking };
      return gateway.charge({ transaction, instrument, signal: signal(), ...asked });
    };
    const FORMER = 'TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD';

    it('captures it where that attempt was for the same booking', async () => {
      const asked: string[] = [];
      const isOfSameBooking = async (id: string) => asked.push(id) > 0;
      expect(await chargeWith(marked(), isOfSameBooking)).toMatchObject({ kind: 'approved' });
      expect(asked).toEqual([FORMER]);
    });

    it.each([
      ['was for another booking, or is not known', async () => false],
      ['cannot be looked for', undefined],
    ])('leaves it as it is where that attempt %s', async (_, isOfSameBooking) => {
      expect(await chargeWith(marked(), isOfSameBooking)).toMatchObject({
        kind: 'declined',
        cause: 'order_of_another_booking',
      });
      expect(operations()).not.toContain('orders.patch');
    });

    it('fails, and captures nothing, where the ledger does not answer', async () => {
      expect(await chargeWith(marked(), async () => null)).toMatchObject({ kind: 'failed' });
      expect(operations()).not.toContain('orders.patch');
    });

    it('does not ask the ledger about an order that carries none', async () => {
      const isOfSameBooking = async () => expect.fail('the ledger was asked');
      expect(await chargeWith(ordered(), isOfSameBooking)).toMatchObject({ kind: 'approved' });
    });
  });

  it.each([
    ['JPY', 500, '500'],
    ['HUF', 50_000, '500'],
    ['EUR', 5, '0.05'],
  ])('in %s of %i minor units is %s for PayPal, and so is its refund', async (currency, amountMinor, value) => {
    const transaction = payingWith(ordered(value, currency), { currency, amountMinor });
    const outcome = await charge(transaction);
    const paid = paidTransaction(transaction, referenceOf(outcome));
    const refund = pendingRefund(paid, { amountMinor });
    expect(await gateway.refund({ refund, transaction: paid, signal: signal() })).toMatchObject({ kind: 'approved' });
    expect(emulator.paypal.refunds()).toMatchObject([{ value, currency, refundId: refund.refundId }]);
  });

  it('that breaks off at the capture is unknown, and found by the order', async () => {
    strike('orders.capture', { kind: 'commit_then_drop' });
    const transaction = payingWith(ordered());
    expect(await charge(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await lookUp(transaction)).toMatchObject({ kind: 'approved' });
  });

  it.each(['oauth2.token', 'orders.get', 'orders.patch'])(
    'that breaks off at %s has certainly failed, and PayPal counts as silent',
    async (operation) => {
      strike(operation, { kind: 'commit_then_drop' });
      const transaction = payingWith(ordered());
      expect(await charge(transaction)).toMatchObject({ kind: 'failed', silent: true });
      expect(emulator.paypal.captures()).toEqual([]);
    },
  );

  it.each([
    [403, '<html><h1>Access Denied</h1></html>'],
    [404, '{"message":"no route"}'],
    [422, '{"error":"unprocessable"}'],
  ])('is unknown when something other than PayPal answers the capture with %i', async (status, body) => {
    strike('orders.capture', { kind: 'answer', status, body, committed: true });
    const transaction = payingWith(ordered());
    expect(await charge(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await lookUp(transaction)).toMatchObject({ kind: 'approved' });
  });

  it('of an order that another payment has marked meanwhile belongs to that one', async () => {
    const order = ordered();
    const [first, second] = [payingWith(order), payingWith(order)];
    // Between the first one's mark and its capture, the second one writes its own.
    let marked = 0;
    emulator.fault = ({ operation }) => {
      if (operation === 'orders.capture' && marked < 2) return { kind: 'delay', ms: 2_000 };
      if (operation === 'orders.patch') marked += 1;
      return { kind: 'normal' };
    };
    const charging = charge(first);
    await expect.poll(() => operations().includes('orders.capture')).toBe(true);
    await charge(second);
    await charging;
    const states = [await lookUp(first), await lookUp(second)];
    expect(states).toMatchObject([{ kind: 'declined', cause: 'order_used' }, { kind: 'approved' }]);
    expect(emulator.paypal.captures()).toHaveLength(1);
  });

  it('of an order that the shop’s page has marked anew meanwhile is ours, since we captured it', async () => {
    const order = ordered();
    const call = await paypalCallerOf(emulator);
    emulator.fault = ({ operation }) =>
      operation === 'orders.capture' ? { kind: 'delay', ms: 2_000 } : { kind: 'normal' };
    const charging = charge(payingWith(order));
    await expect.poll(() => operations().includes('orders.capture')).toBe(true);
    await call('PATCH', `/v2/checkout/orders/${order}`, {
      body: [{ op: 'replace', path: "/purchase_units/@reference_id=='default'/custom_id", value: 'cart-1' }],
    });
    expect(await charging).toMatchObject({ kind: 'approved' });
    expect(emulator.paypal.captures()).toMatchObject([{ transactionId: 'cart-1', status: 'COMPLETED' }]);
  });

  it('of such an order is found, where the answer was lost', async () => {
    const transaction = payingWith(ordered());
    const order = `/v2/checkout/orders/${transaction.gatewayIntent}`;
    const call = await paypalCallerOf(emulator);
    strike('orders.capture', { kind: 'drop' });
    expect(await charge(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await lookUp(transaction)).toEqual({ kind: 'not_found' });
    await call('PATCH', order, {
      body: [{ op: 'replace', path: "/purchase_units/@reference_id=='default'/custom_id", value: 'cart-1' }],
    });
    await call('POST', `${order}/capture`, { body: {}, requestId: transaction.transactionId });
    expect(await lookUp(transaction)).toMatchObject({ kind: 'approved' });
    expect(await lookUp({ ...transaction, status: 'failed' })).toMatchObject({ cause: 'order_used' });
    // It was captured before another payment came to it.
    expect(await charge(payingWith(transaction.gatewayIntent ?? ''))).toMatchObject({ cause: 'order_used' });
  });

  it.each(['0.01', '99.00'])(
    'of an order whose amount became %s after we looked at it is owed back, and asking about it refunds nothing',
    async (value) => {
      const order = ordered();
      emulator.fault = ({ operation }) => {
        if (operation === 'orders.patch') emulator.paypal.changeOrder(order, { value });
        return { kind: 'normal' };
      };
      const transaction = payingWith(order);
      const mischarged = { kind: 'mischarged', cause: 'order_changed', amountMinor: Math.round(Number(value) * 100) };
      const outcome = await charge(transaction);
      expect(outcome).toMatchObject(mischarged);
      expect(await lookUp(transaction)).toEqual(outcome);
      expect(emulator.paypal.refunds()).toEqual([]);

      const failed = { ...transaction, status: 'failed' as const, gatewayReference: referenceOf(outcome) };
      const owed = { ...pendingRefund(failed), kind: 'late_charge' as const };
      expect(await gateway.refund({ refund: owed, transaction: failed, signal: signal() })).toMatchObject({
        kind: 'approved',
      });
      expect(emulator.paypal.refunds()).toMatchObject([{ value, refundId: owed.refundId }]);
      expect(await gateway.lookUpRefund({ ...owed }, failed, signal())).toMatchObject({ kind: 'approved' });
    },
  );

  it('of an order that was made over to another merchant meanwhile is no payment', async () => {
    const order = ordered();
    emulator.fault = ({ operation }) => {
      if (operation === 'orders.patch') emulator.paypal.changeOrder(order, { merchantId: 'ANETHERSHAP22' });
      return { kind: 'normal' };
    };
    expect(await charge(payingWith(order))).toMatchObject({ kind: 'declined', cause: 'order_changed' });
  });

  it('is not begun when there is no time left for its answer', async () => {
    const transaction = payingWith(ordered());
    emulator.fault = ({ operation }) => {
      if (operation === 'orders.patch') clock.nowMs += 850;
      return { kind: 'normal' };
    };
    const outcome = await gateway.charge({
      transaction,
      instrument: { kind: 'paypal', email: '', paymentId: transaction.gatewayIntent ?? '' },
      signal: signal(),
      deadlineMs: 1_000,
    });
    expect(outcome).toMatchObject({ kind: 'failed', silent: true });
    expect(operations()).not.toContain('orders.capture');
  });

  it('that is still with PayPal’s reviewers is in progress until it is decided', async () => {
    strike('orders.capture', { kind: 'pending' });
    const transaction = payingWith(ordered());
    expect(await charge(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await lookUp(transaction)).toEqual({ kind: 'in_progress' });
    const [{ captureId } = { captureId: '' }] = emulator.paypal.captures();
    emulator.paypal.completeCapture(captureId);
    expect(await lookUp(transaction)).toEqual({ kind: 'approved', reference: captureId });
  });

  it('that was paid back since is a charge all the same', async () => {
    const transaction = payingWith(ordered());
    const outcome = await charge(transaction);
    emulator.paypal.refundInDashboard(referenceOf(outcome));
    expect(await lookUp(transaction)).toEqual({ ...outcome, hasRefunds: true });
  });
});

describe('an answer that is no order', () => {
  it.each(['{}', '{"id":"ANOTHER","status":"CREATED"}', 'no JSON'])(
    'is no word about the payment: %s',
    async (body) => {
      const transaction = payingWith(ordered());
      emulator.fault = ({ operation }) =>
        operation === 'orders.get' ? { kind: 'answer', status: 200, body } : { kind: 'normal' };
      expect(await lookUp(transaction)).toMatchObject({ kind: 'undetermined' });
      expect(await charge(transaction)).toMatchObject({ kind: 'failed' });
    },
  );

  it('at the capture leaves its outcome unknown', async () => {
    const transaction = payingWith(ordered());
    strike('orders.capture', { kind: 'answer', status: 201, body: '{}', committed: true });
    expect(await charge(transaction)).toMatchObject({ kind: 'unknown' });
    expect(await lookUp(transaction)).toMatchObject({ kind: 'approved' });
  });
});

describe('the refunds of a capture', () => {
  it('are listed from its order, external ones too, and asking for them moves nothing', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction);
    await gateway.refund({ refund, transaction, signal: signal() });
    const reference = emulator.paypal.refundInDashboard(transaction.gatewayReference ?? '', '1.00');
    const before = operations().length;
    const { transactionId, gatewayReference: chargeReference } = transaction;
    const external = { reference, refundId: null, transactionId, chargeReference, amountMinor: 100, state: 'moved' };
    expect(await gateway.listRefundsOfCharge?.(transaction, signal())).toMatchObject({
      kind: 'listed',
      refunds: [{ refundId: refund.refundId }, external],
    });
    expect(operations().slice(before)).toEqual(['orders.get']);
    expect(await lookUp(transaction)).toMatchObject({ kind: 'approved', hasRefunds: true });
  });

  it('prove themselves where PayPal refuses a refund because of them', async () => {
    const transaction = await paid();
    const refusal = async (amountMinor: number) => {
      const refund = pendingRefund(transaction, { amountMinor });
      return gateway.refund({ refund, transaction, signal: signal() });
    };
    emulator.paypal.refundInDashboard(transaction.gatewayReference ?? '', '20.00');
    expect(await refusal(2550)).toMatchObject({ kind: 'declined', cause: 'refund_exceeds' });
    emulator.paypal.refundInDashboard(transaction.gatewayReference ?? '');
    expect(await refusal(100)).toMatchObject({ kind: 'declined', cause: 'already_refunded' });
  });

  it('can’t be listed where PayPal does not have the order any more', async () => {
    const transaction = await paid();
    strike('orders.get', { kind: 'issue', status: 404, issue: 'INVALID_RESOURCE_ID' });
    expect(await gateway.listRefundsOfCharge?.(transaction, signal())).toMatchObject({ kind: 'undetermined' });
  });
});

describe('the access token', () => {
  it('is got once, and used until shortly before it is over', async () => {
    await charge(payingWith(ordered()));
    gateway = newGateway();
    await charge(payingWith(ordered()));
    expect(operations().filter((operation) => operation === 'oauth2.token')).toHaveLength(1);

    clock.nowMs += 9 * HOUR_MS - 59_000;
    await charge(payingWith(ordered()));
    expect(operations().filter((operation) => operation === 'oauth2.token')).toHaveLength(2);
  });

  it('that was revoked is replaced, and the charge goes on', async () => {
    await charge(payingWith(ordered()));
    emulator.paypal.revokeTokens();
    expect(await charge(payingWith(ordered()))).toMatchObject({ kind: 'approved' });
  });

  it('that can’t be had is a failure that names the settings', async () => {
    const settings = {
      clientId: emulator.paypalClientId,
      clientSecret: 'wrong',
      merchantId: emulator.paypalMerchantId,
      webhookId: null,
      apiUrl: emulator.url,
    };
    gateway = createPayPalGateway(settings, new PayPalClient(settings, undefined, new Map()));
    const outcome = await charge(payingWith(ordered()));
    expect(outcome).toMatchObject({ kind: 'failed', cause: 'gateway_not_configured' });
    expect(outcome).toHaveProperty('reason', expect.stringContaining('PAYPAL_CLIENT_SECRET'));
  });
});

describe('a refund', () => {
  it('of a capture that PayPal does not have has certainly failed, and its cause is an alarm', async () => {
    const transaction = paidTransaction(payingWith('5O190127TN364715T'), '3C679366HH908993F');
    const refund = pendingRefund(transaction);
    const unknown = { kind: 'failed', cause: 'charge_unknown' };
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject(unknown);
    expect(await gateway.lookUpRefund(refund, transaction, signal())).toMatchObject(unknown);
  });

  it.each<[Fault]>([
    [{ kind: 'issue', status: 403, issue: 'PERMISSION_DENIED' }],
    [{ kind: 'rate_limited_429', retryAfterSeconds: 1 }],
    [{ kind: 'answer', status: 404, body: '<html>' }],
  ])('refused by %j has an unknown outcome: it says nothing of a request before it', async (fault) => {
    const transaction = await paid();
    strike('captures.refund', fault);
    const refund = pendingRefund(transaction);
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind: 'unknown' });
  });

  it('whose order is gone is judged by the capture: of a whole one nothing has been paid back yet', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction);
    const withoutOrder = () => strike('orders.get', { kind: 'issue', status: 404, issue: 'INVALID_RESOURCE_ID' });
    withoutOrder();
    expect(await gateway.lookUpRefund(refund, transaction, signal())).toEqual({ kind: 'not_found' });
    await gateway.refund({ refund, transaction, signal: signal() });
    withoutOrder();
    expect(await gateway.lookUpRefund(refund, transaction, signal())).toMatchObject({ kind: 'undetermined' });
  });

  it('whose order is gone is unreachable only while PayPal does not answer for the capture', async () => {
    const transaction = await paid();
    emulator.fault = ({ operation }) => {
      if (operation === 'orders.get') return { kind: 'issue', status: 404, issue: 'INVALID_RESOURCE_ID' };
      return operation === 'captures.get' ? { kind: 'drop' } : { kind: 'normal' };
    };
    const found = await gateway.lookUpRefund(pendingRefund(transaction), transaction, signal());
    expect(found).toMatchObject({ kind: 'unreachable' });
  });

  it.each([400, 422])('is unknown when something other than PayPal answers it with %i', async (status) => {
    const transaction = await paid();
    strike('captures.refund', { kind: 'answer', status, body: '<html>Bad Request</html>', committed: true });
    const refund = pendingRefund(transaction);
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind: 'unknown' });
    expect(await gateway.lookUpRefund(refund, transaction, signal())).toMatchObject({ kind: 'approved' });
  });

  it('is paid once under its id, and found by it', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction);
    const first = await gateway.refund({ refund, transaction, signal: signal() });
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toEqual(first);
    expect(await gateway.lookUpRefund(refund, transaction, signal())).toEqual(first);
    expect(emulator.paypal.refunds()).toHaveLength(1);
  });

  it('whose id PayPal has forgotten is not paid a second time: its invoice is known', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction);
    const first = await gateway.refund({ refund, transaction, signal: signal() });
    clock.nowMs += 46 * 24 * HOUR_MS;
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind: 'unknown' });
    expect(await gateway.lookUpRefund(refund, transaction, signal())).toEqual(first);
    expect(emulator.paypal.refunds()).toHaveLength(1);
  });

  it.each(['invoice_id', 'neither'] as const)(
    'is known as our own where PayPal tells of it by %s of our ids, or is found by being sent again',
    async (told) => {
      emulator.paypal.tellsOfRefunds = told;
      const transaction = await paid();
      const refund = pendingRefund(transaction);
      strike('captures.refund', { kind: 'commit_then_drop' });
      expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind: 'unknown' });
      const found = await gateway.lookUpRefund(refund, transaction, signal());
      const [{ id } = { id: '' }] = emulator.paypal.refunds();
      expect(found).toEqual(told === 'neither' ? { kind: 'not_found' } : { kind: 'approved', reference: id });
      expect(await gateway.refund({ refund, transaction, signal: signal() })).toEqual({
        kind: 'approved',
        reference: id,
      });
      expect(await gateway.findExternalRefund?.(id, signal())).toMatchObject({
        refund: {
          refundId: told === 'neither' ? null : refund.refundId,
        },
      });
      expect(emulator.paypal.refunds()).toHaveLength(1);
    },
  );

  it.each([
    ['PAYER_ACCOUNT_LOCKED_OR_CLOSED', 'declined'],
    ['PERMISSION_DENIED', 'unknown'],
  ])('that PayPal refuses with %s is %s', async (issue, kind) => {
    const transaction = await paid();
    strike('captures.refund', { kind: 'issue', status: kind === 'unknown' ? 403 : 422, issue });
    const refund = pendingRefund(transaction);
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind });
  });

  it('shows the payer the reason in one line, as long as PayPal takes it', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction, { reason: `Hall\nflooded\t${'x'.repeat(241)}🎟${'x'.repeat(500)}` });
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind: 'approved' });
    const silent = pendingRefund(transaction, { reason: '', amountMinor: 100 });
    expect(await gateway.refund({ refund: silent, transaction, signal: signal() })).toMatchObject({ kind: 'approved' });
  });

  it('that failed after it had been paid is declined, when it is looked up', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction);
    const reference = referenceOf(await gateway.refund({ refund, transaction, signal: signal() }));
    emulator.paypal.failRefund(reference);
    for (const row of [refund, { ...refund, gatewayReference: reference }]) {
      expect(await gateway.lookUpRefund(row, transaction, signal())).toMatchObject({
        kind: 'declined',
        cause: 'refund_sent_back',
      });
    }
  });

  it.each(['1AB23456CD789012E', '../captures', ''])('by the name "%s" is none that PayPal has', async (reference) => {
    expect(await gateway.findExternalRefund?.(reference, signal())).toEqual({ kind: 'not_found' });
    expect(await gateway.findChargeOwner?.(reference, signal())).toEqual({ kind: 'known', transactionId: null });
  });

  it('that was made at PayPal by hand says whose it is', async () => {
    const transaction = await paid();
    const reference = emulator.paypal.refundInDashboard(transaction.gatewayReference ?? '', '5.50');
    expect(await gateway.findExternalRefund?.(reference, signal())).toMatchObject({
      refund: {
        transactionId: transaction.transactionId,
        amountMinor: 550,
        currency: 'USD',
        state: 'moved',
      },
    });
  });
});

function referenceOf(outcome: GatewayOutcome): string {
  if (outcome.kind !== 'approved' && outcome.kind !== 'mischarged')
    throw new Error(`the charge of a test is ${JSON.stringify(outcome)}`);
  return outcome.reference;
}

/** Orders that the PayPal adapter creates: what a payer is sent to, and what becomes of it. At the emulator, over real sockets. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { approvalAddress } from '../../src/core/gateways/paypal/paypal-new-order.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { paypalCallerOf } from '../support/emulator-clients.ts';
import { PayPalAtEmulator, RETURN_URL, signal, stepped } from '../support/paypal-at-emulator.ts';
import { pendingTransaction } from '../support/rows.ts';

let paypal: PayPalAtEmulator;

beforeEach(async () => {
  paypal = await PayPalAtEmulator.start();
});
afterEach(() => paypal.stop());

const newPayment = (overrides = {}) => pendingTransaction({ paymentMethod: 'paypal', ...overrides });
const shownOrder = async (orderId: string) => {
  const call = await paypalCallerOf(paypal.emulator);
  return (await call('GET', `/v2/checkout/orders/${orderId}`)).body;
};

describe('a new order', () => {
  it('is created under a key of its own, with our ids, the amount and the payee, and sends the payer to PayPal', async () => {
    const transaction = newPayment();
    const outcome = await paypal.create(transaction);
    const [{ orderId } = { orderId: '' }] = paypal.emulator.paypal.orders();
    expect(outcome).toEqual({
      kind: 'challenged',
      url: `${paypal.emulator.url}/checkoutnow?token=${orderId}`,
      intent: orderId,
    });
    expect(paypal.calls()).toEqual([
      ['oauth2.token', null],
      ['orders.create', `${transaction.transactionId}:order`],
    ]);
    expect(await shownOrder(orderId)).toMatchObject({
      intent: 'CAPTURE',
      purchase_units: [
        {
          reference_id: 'default',
          custom_id: transaction.transactionId,
          invoice_id: transaction.transactionId,
          amount: { currency_code: 'USD', value: '25.50' },
          payee: { merchant_id: paypal.emulator.paypalMerchantId },
        },
      ],
    });
  });

  it('of a payment that is to be held has the intent to authorize', async () => {
    await paypal.create(newPayment({ captureMethod: 'manual' }));
    expect(paypal.emulator.paypal.orders()).toMatchObject([{ intent: 'AUTHORIZE' }]);
  });

  it('sends the payer back to the return address, and says so where they cancelled', async () => {
    const { gatewayIntent: orderId } = await paypal.challenged();
    const { paypal: account } = paypal.emulator;
    expect(account.cancelOrder(orderId)).toBe(`${RETURN_URL}&cancelled=true&token=${orderId}`);
    expect(account.approveOrder(orderId)).toMatch(new RegExp(`^${RETURN_URL.replace('?', '\\?')}&token=${orderId}&`));
  });

  it.each(['drop', 'commit_then_drop'] as const)('that breaks off (%s) has certainly failed', async (kind) => {
    paypal.strike('orders.create', { kind });
    const transaction = newPayment();
    expect(await paypal.create(transaction)).toMatchObject({ kind: 'failed', silent: true });
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'not_found' });
  });

  it.each<[Fault, object]>([
    [
      { kind: 'error_500', committed: true, cached: false },
      { kind: 'failed', silent: true },
    ],
    [
      { kind: 'rate_limited_429', retryAfterSeconds: 1 },
      { kind: 'failed', silent: true },
    ],
    [{ kind: 'answer', status: 201, body: '{}' }, { kind: 'failed' }],
    [{ kind: 'answer', status: 201, body: 'no JSON' }, { kind: 'failed' }],
    [{ kind: 'answer', status: 201, body: '{"id":"1A","links":{}}' }, { kind: 'failed' }],
    [{ kind: 'answer', status: 201, body: '{"id":"1A","links":[null]}' }, { kind: 'failed' }],
    [{ kind: 'answer', status: 201, body: '{"id":"../1A","links":[]}' }, { kind: 'failed' }],
    [
      {
        kind: 'answer',
        status: 201,
        body: '{"id":"1A","links":[{"rel":"payer-action","href":"https://paypal.example/checkoutnow?token=1A"}]}',
      },
      { kind: 'failed' },
    ],
    [
      { kind: 'issue', status: 422, issue: 'PAYEE_ACCOUNT_RESTRICTED' },
      { kind: 'failed', cause: 'gateway_not_configured' },
    ],
    [
      { kind: 'issue', status: 422, issue: 'PAYER_CANNOT_PAY' },
      { kind: 'declined', cause: 'payer_cannot_pay' },
    ],
    [{ kind: 'issue', status: 400, issue: 'INVALID_PARAMETER_SYNTAX' }, { kind: 'failed' }],
  ])('answered with %j has certainly failed', async (fault, outcome) => {
    paypal.strike('orders.create', fault);
    expect(await paypal.create(newPayment())).toMatchObject(outcome);
  });

  it('is not created for an amount or a currency that PayPal does not have', async () => {
    expect(await paypal.create(newPayment({ currency: 'HUF', amountMinor: 50_050 }))).toMatchObject({
      kind: 'declined',
      cause: 'amount_not_payable',
    });
    expect(await paypal.create(newPayment({ currency: 'ISK', amountMinor: 500 }))).toMatchObject({
      kind: 'declined',
      cause: 'amount_not_payable',
    });
    expect(paypal.emulator.paypal.orders()).toEqual([]);
  });

  it('is not created for a payer who cannot be sent anywhere', async () => {
    expect(await paypal.create(newPayment(), { returnUrl: null })).toMatchObject({ cause: 'paypal_required' });
    expect(paypal.operations()).toEqual([]);
  });
});

describe('the address to approve an order at', () => {
  const API_URL = 'https://api-m.paypal.com';
  it.each([
    ['https://www.paypal.com/checkoutnow?token=1A', 'payer-action'],
    ['https://www.sandbox.paypal.com/checkoutnow?token=1A', 'approve'],
    ['https://api-m.paypal.com/checkoutnow?token=1A', 'approve'],
  ])('is %s', (href, rel) => {
    expect(
      approvalAddress(
        [
          { href: 'https://api-m.paypal.com/v2', rel: 'self' },
          { href, rel },
        ],
        API_URL,
      ),
    ).toBe(href);
  });

  it.each([
    'http://www.paypal.com/checkoutnow?token=1A',
    'https://www.paypal.com:8443/checkoutnow?token=1A',
    'https://user:password@www.paypal.com/checkoutnow?token=1A',
    'https://www.paypal.com.example/checkoutnow?token=1A',
    'https://notpaypal.com/checkoutnow?token=1A',
    'javascript:alert(1)//www.paypal.com',
    '/checkoutnow?token=1A',
  ])('is never %s', (href) => {
    expect(approvalAddress([{ href, rel: 'approve' }], API_URL)).toBeNull();
  });
});

describe('a look-up of a payment with an order of ours', () => {
  it('says what the payer has done, and changes nothing', async () => {
    const transaction = await paypal.challenged();
    const url = paypal.emulator.paypal.approvalUrl(transaction.gatewayIntent);
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'challenged', url });
    paypal.emulator.paypal.approveOrder(transaction.gatewayIntent);
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'payer_approved' });
    expect(await paypal.lookUp(stepped(transaction, 'capture'))).toEqual({ kind: 'payer_approved' });
    expect(new Set(paypal.operations().slice(2))).toEqual(new Set(['orders.get']));
  });

  it.each(['void', 'expire'] as const)('says that it has ended where the row says %s', async (step) => {
    const transaction = stepped(await paypal.challenged(), step);
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'cancelled' });
    paypal.emulator.paypal.approveOrder(transaction.gatewayIntent);
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'cancelled' });
  });

  it('finds no order that has expired', async () => {
    const transaction = await paypal.challenged();
    paypal.emulator.paypal.expireOrder(transaction.gatewayIntent);
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'not_found' });
    expect(await paypal.complete(stepped(transaction, 'capture'))).toMatchObject({ cause: 'new_order_ended' });
  });

  it('of a voided order says so', async () => {
    const transaction = await paypal.challenged();
    const body = JSON.stringify({ id: transaction.gatewayIntent, status: 'VOIDED' });
    paypal.emulator.fault = () => ({ kind: 'answer', status: 200, body });
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'cancelled' });
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'declined', cause: 'new_order_ended' });
  });
});

describe('completing an order of ours', () => {
  it('captures it under the transaction’s id, once', async () => {
    const transaction = await paypal.approved();
    const before = paypal.calls().length;
    const outcome = await paypal.complete(transaction);
    const [{ captureId } = { captureId: '' }] = paypal.emulator.paypal.captures();
    expect(outcome).toEqual({ kind: 'approved', reference: captureId });
    expect(paypal.calls().slice(before)).toEqual([
      ['orders.get', null],
      ['orders.capture', transaction.transactionId],
    ]);
    expect(await paypal.complete(transaction)).toEqual(outcome);
    expect(await paypal.lookUp(transaction)).toEqual(outcome);
    expect(paypal.emulator.paypal.captures()).toHaveLength(1);
  });

  it('takes nothing that the payer has not approved, or has to come back for', async () => {
    expect(await paypal.complete(await paypal.challenged())).toMatchObject({
      kind: 'declined',
      cause: 'new_order_ended',
    });
    expect(paypal.emulator.paypal.captures()).toEqual([]);
  });

  it.each<Fault>([
    { kind: 'commit_then_drop' },
    { kind: 'drop' },
    { kind: 'error_500', committed: true, cached: false },
    { kind: 'answer', status: 201, body: '{}', committed: true },
    { kind: 'conflict_409' },
    { kind: 'rate_limited_429', retryAfterSeconds: 1 },
  ])('whose answer is %j is unknown, and sent again it takes the money once', async (fault) => {
    const transaction = await paypal.approved();
    paypal.strike('orders.capture', fault);
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'unknown' });
    const isCommitted = paypal.emulator.paypal.captures().length > 0;
    expect(await paypal.lookUp(transaction)).toMatchObject({ kind: isCommitted ? 'approved' : 'payer_approved' });
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'approved' });
    expect(paypal.emulator.paypal.captures()).toHaveLength(1);
  });

  it.each<Fault>([
    { kind: 'drop' },
    { kind: 'error_500', committed: false, cached: false },
    { kind: 'answer', status: 404, body: '<html>' },
    { kind: 'answer', status: 200, body: '{"id":"ANOTHER","status":"APPROVED"}' },
  ])('of which PayPal first shows %j is unknown: an earlier attempt may be on its way', async (fault) => {
    const transaction = await paypal.approved();
    paypal.strike('orders.get', fault);
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'unknown' });
    expect(paypal.emulator.paypal.captures()).toEqual([]);
  });

  it('is not begun when there is no time left for its answer', async () => {
    const transaction = await paypal.approved();
    paypal.before('orders.get', () => paypal.pass(850));
    const request = { transaction, signal: signal(), deadlineMs: 1_000 };
    expect(await paypal.gateway.completeCharge?.(request)).toMatchObject({ kind: 'unknown' });
    expect(paypal.operations()).not.toContain('orders.capture');
  });

  it.each([
    ['INSTRUMENT_DECLINED', 'CARD_DECLINED', 'new_order_declined'],
    ['REFERENCED_CARD_EXPIRED', 'CARD_DECLINED', 'new_order_declined'],
    ['ORDER_NOT_APPROVED', 'PAYMENT_FAILED', 'new_order_ended'],
    ['PAYER_CANNOT_PAY', 'PAYMENT_FAILED', 'payer_cannot_pay'],
  ])(
    'that PayPal refuses with %s is declined, and its next step names no order of the caller’s',
    async (issue, code, cause) => {
      const transaction = await paypal.approved();
      paypal.strike('orders.capture', { kind: 'issue', status: 422, issue });
      expect(await paypal.complete(transaction)).toEqual({ kind: 'declined', code, cause, providerCode: issue });
    },
  );

  it.each([
    [403, 'PERMISSION_DENIED'],
    [400, 'AN_ISSUE_THAT_NOBODY_KNOWS'],
    [422, 'AN_ISSUE_THAT_NOBODY_KNOWS'],
    [422, 'ORDER_COMPLETION_IN_PROGRESS'],
    [422, 'ORDER_ALREADY_CAPTURED'],
  ])(
    'that PayPal refuses with %i %s is unknown: an earlier request may have been carried out',
    async (status, issue) => {
      const transaction = await paypal.approved();
      paypal.strike('orders.capture', { kind: 'issue', status, issue });
      expect(await paypal.complete(transaction)).toMatchObject({ kind: 'unknown' });
      expect(await paypal.complete(transaction)).toMatchObject({ kind: 'approved' });
      expect(paypal.emulator.paypal.captures()).toHaveLength(1);
    },
  );

  it('that PayPal does not show any more is asked for all the same, and the earlier request is answered', async () => {
    const transaction = await paypal.approved();
    paypal.strike('orders.capture', { kind: 'commit_then_drop' });
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'unknown' });
    paypal.strike('orders.get', { kind: 'issue', status: 404, issue: 'INVALID_RESOURCE_ID' });
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'approved' });
    expect(paypal.emulator.paypal.captures()).toHaveLength(1);
  });

  it('that PayPal no longer has has ended', async () => {
    const transaction = await paypal.approved();
    paypal.emulator.paypal.expireOrder(transaction.gatewayIntent);
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'declined', cause: 'new_order_ended' });
    expect(paypal.operations().at(-1)).toBe('orders.capture');
  });

  it('that PayPal declines is declined, and a look-up says the same', async () => {
    const transaction = await paypal.approved();
    paypal.strike('orders.capture', { kind: 'decline', code: '' });
    const declined = { kind: 'declined', cause: 'new_order_declined' };
    expect(await paypal.complete(transaction)).toMatchObject(declined);
    expect(await paypal.lookUp(transaction)).toMatchObject(declined);
  });

  it('that is with PayPal’s reviewers is in progress until it is decided', async () => {
    const transaction = await paypal.approved();
    paypal.strike('orders.capture', { kind: 'pending' });
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'unknown', accepted: true });
    expect(await paypal.lookUp(transaction)).toEqual({ kind: 'in_progress' });
  });

  it.each([{ value: '0.01' }, { merchantId: 'ANETHERSHAP22' }])(
    'takes nothing of an order that was changed: %j',
    async (change) => {
      const transaction = await paypal.approved();
      paypal.emulator.paypal.changeOrder(transaction.gatewayIntent, change);
      expect(await paypal.complete(transaction)).toMatchObject({ kind: 'declined', cause: 'new_order_changed' });
      expect(paypal.emulator.paypal.captures()).toEqual([]);
    },
  );

  it('takes nothing of an order that was marked for something else', async () => {
    const transaction = await paypal.approved();
    const call = await paypalCallerOf(paypal.emulator);
    await call('PATCH', `/v2/checkout/orders/${transaction.gatewayIntent}`, {
      body: [{ op: 'replace', path: "/purchase_units/@reference_id=='default'/custom_id", value: 'cart-1' }],
    });
    expect(await paypal.complete(transaction)).toMatchObject({ kind: 'declined', cause: 'new_order_changed' });
  });

  it('of an order whose amount became another one meanwhile is owed back', async () => {
    const transaction = await paypal.approved();
    paypal.before('orders.capture', () =>
      paypal.emulator.paypal.changeOrder(transaction.gatewayIntent, { value: '0.01' }),
    );
    const mischarged = { kind: 'mischarged', amountMinor: 1, cause: 'new_order_changed' };
    expect(await paypal.complete(transaction)).toMatchObject(mischarged);
    expect(await paypal.lookUp(transaction)).toMatchObject(mischarged);
  });

  it('is not done for another booking that presents the order', async () => {
    const { gatewayIntent: orderId } = await paypal.approved();
    const outcome = await paypal.gateway.charge({
      transaction: newPayment({ gatewayIntent: orderId }),
      instrument: { kind: 'paypal', email: 'thief@example.com', paymentId: orderId },
      signal: signal(),
      isOfSameBooking: async () => false,
    });
    expect(outcome).toMatchObject({ kind: 'declined', cause: 'order_of_another_booking' });
  });
});

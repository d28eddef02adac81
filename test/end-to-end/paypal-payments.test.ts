/** PayPal, from HTTP to the exchange: the Worker, the adapter, and the emulator, over real sockets. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TEST_CARDS } from '../data/cards.ts';
import { type PayPalCaller, paypalCallerOf } from '../support/emulator-clients.ts';
import { inLanes } from '../support/in-lanes.ts';
import { type ProviderStack, startProviderStack, type ToldFailure, toldAs } from '../support/provider-stack.ts';
import { card, type HttpAnswer, newBooking } from '../support/stack.ts';

let shop: ProviderStack;
let paypal: PayPalCaller;

beforeAll(async () => {
  shop = await startProviderStack('paypal', { without: 'stripe', variables: { PAYMENT_GATEWAY: 'sandbox' } });
  paypal = await paypalCallerOf(shop.emulator);
});
afterAll(() => shop?.stop());

/** Payments at once. On a busy machine, more would keep each other from their answers. */
const LANES = 8;

const failed = (reason: string, retry = true) => toldAs('PAYMENT_FAILED', reason, { retry });

const nextStepOf = ({ body }: HttpAnswer) => (body.error as { details: { next_step: string } }).details.next_step;

const NOT_FOUND = failed('There is no such PayPal order', false);
const NOT_APPROVED = failed('The payer has not approved the PayPal order');
const DIFFERS = failed('The PayPal order is about another amount, another currency or another merchant', false);
const OF_ANOTHER = failed('The PayPal order was created for another booking', false);
const USED = failed('The PayPal order has paid for something else already', false);
const CHANGED = failed('The PayPal order was changed while it was being paid', false);
const FUNDING_DECLINED = toldAs('CARD_DECLINED', 'PayPal could not charge the funding source that the payer chose');
const FUNDING_EXPIRED = toldAs('CARD_EXPIRED', 'The card that the payer chose in PayPal has expired');
const FUNDING_INVALID = toldAs('INVALID_CARD', 'The card that the payer chose in PayPal is not valid');
const CAPTURE_DECLINED = toldAs('CARD_DECLINED', 'PayPal declined the payment of this order');
const CANNOT_PAY = failed('The payer cannot pay with this PayPal account or what it is funded by');
const REFUSED = failed('Payment could not be processed');
const NOT_CONFIGURED = toldAs('PAYMENT_GATEWAY_ERROR', 'Gateway service error', { http: 502, retry: false });
const GATEWAY_ERROR = toldAs('PAYMENT_GATEWAY_ERROR', 'Gateway service error', { http: 502 });

/** Issues of the capture: with PayPal, money moves by no other call. */
const ISSUES: readonly (readonly [issue: string, status: number, told: ToldFailure])[] = [
  ['INVALID_RESOURCE_ID', 404, NOT_FOUND],
  ['BILLING_AGREEMENT_NOT_FOUND', 422, NOT_FOUND],
  ['ORDER_NOT_APPROVED', 422, NOT_APPROVED],
  ['PAYER_ACTION_REQUIRED', 422, NOT_APPROVED],
  ['AGREEMENT_ALREADY_CANCELLED', 422, NOT_APPROVED],
  ['CONSENT_NEEDED', 403, NOT_APPROVED],
  ['INSTRUMENT_DECLINED', 422, FUNDING_DECLINED],
  ['CARD_BRAND_NOT_SUPPORTED', 422, FUNDING_DECLINED],
  ['REFERENCED_CARD_EXPIRED', 422, FUNDING_EXPIRED],
  ['CARD_EXPIRED', 422, FUNDING_EXPIRED],
  ['INVALID_SECURITY_CODE_LENGTH', 422, FUNDING_INVALID],
  ['TRANSACTION_LIMIT_EXCEEDED', 422, FUNDING_DECLINED],
  ['REDIRECT_PAYER_FOR_ALTERNATE_FUNDING', 422, CANNOT_PAY],
  ['PAYER_CANNOT_PAY', 422, CANNOT_PAY],
  ['PAYER_ACCOUNT_RESTRICTED', 422, CANNOT_PAY],
  ['PAYER_ACCOUNT_LOCKED_OR_CLOSED', 422, CANNOT_PAY],
  ['DOMESTIC_TRANSACTION_REQUIRED', 422, CANNOT_PAY],
  ['MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED', 422, CANNOT_PAY],
  ['TRANSACTION_REFUSED', 422, REFUSED],
  ['COMPLIANCE_VIOLATION', 422, REFUSED],
  ['PAYEE_BLOCKED_TRANSACTION', 422, REFUSED],
  ['TRANSACTION_BLOCKED_BY_PAYEE', 422, REFUSED],
  ['DECLINED_DUE_TO_RELATED_TXN', 422, REFUSED],
  ['PERMISSION_DENIED', 403, NOT_CONFIGURED],
  ['PAYEE_ACCOUNT_RESTRICTED', 422, NOT_CONFIGURED],
  ['PAYEE_ACCOUNT_LOCKED_OR_CLOSED', 422, NOT_CONFIGURED],
  ['PAYEE_NOT_ENABLED_FOR_CARD_PROCESSING', 422, NOT_CONFIGURED],
  ['PAYEE_NOT_ENABLED_FOR_BANK_PROCESSING', 422, NOT_CONFIGURED],
  ['NOT_ENABLED_FOR_CARD_PROCESSING', 422, NOT_CONFIGURED],
  ['NOT_ENABLED_FOR_BANK_PROCESSING', 422, NOT_CONFIGURED],
  ['AUTH_CAPTURE_NOT_ENABLED', 403, NOT_CONFIGURED],
  ['TRANSACTION_RECEIVING_LIMIT_EXCEEDED', 422, NOT_CONFIGURED],
  ['AN_ISSUE_OF_NEXT_YEAR', 422, GATEWAY_ERROR],
  ['constructor', 422, GATEWAY_ERROR],
];

describe('an order that PayPal does not capture', () => {
  const told = new Map<string, ToldFailure>();
  const outcomes = new Map<string, unknown>();

  beforeAll(async () => {
    await inLanes(LANES, ISSUES, async ([issue, status]) => {
      const order = shop.approvedOrder();
      shop.strike(order, 'orders.capture', { kind: 'issue', status, issue });
      const answer = await shop.payByPayPal(order);
      told.set(issue, await shop.failureOf(answer));
      outcomes.set(issue, captureOf(order));
    });
  });

  it.each(ISSUES)(
    'because of %s (%i), tells its caller, the ledger and the subscribers what it means',
    (issue, _, as) => {
      expect(told.get(issue)).toEqual(as);
      expect(outcomes.get(issue)).toBeUndefined();
    },
  );

  it.each(['ORDER_ALREADY_CAPTURED', 'ORDER_ALREADY_COMPLETED'])(
    'because of %s, is known to be used',
    async (issue) => {
      const order = shop.approvedOrder();
      shop.strike(order, 'orders.patch', { kind: 'issue', status: 422, issue });
      expect(await shop.failureOf(await shop.payByPayPal(order))).toEqual(USED);
      holdsThatNothingWasCaptured(order);
    },
  );

  it('whose capture comes back declined is used up, and every payment with it says so', async () => {
    const order = shop.approvedOrder();
    shop.strike(order, 'orders.capture', { kind: 'decline', code: 'INSTRUMENT_DECLINED' });
    const answer = await shop.payByPayPal(order);
    expect(nextStepOf(answer)).toMatch(/approve a new order with another funding source/);
    expect(await shop.failureOf(answer)).toEqual(CAPTURE_DECLINED);
    expect(captureOf(order)).toMatchObject({ status: 'DECLINED' });
    expect(await shop.failureOf(await shop.payByPayPal(order))).toEqual(CAPTURE_DECLINED);
  });

  it('whose funding source is declined sends the payer back to PayPal, not to a bank', async () => {
    const order = shop.approvedOrder();
    shop.strike(order, 'orders.capture', { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' });
    const nextStep = nextStepOf(await shop.payByPayPal(order));
    expect(nextStep).toBe(
      'Send the payer back to PayPal to choose another funding source, then pay with the same order again.',
    );
  });

  it('for a reason that smells of fraud, looks like a plain failure to everybody but the operator', async () => {
    const hidden = ['COMPLIANCE_VIOLATION', 'PAYEE_BLOCKED_TRANSACTION', 'DECLINED_DUE_TO_RELATED_TXN'];
    for (const issue of hidden) {
      expect(told.get(issue)).toEqual(told.get('TRANSACTION_REFUSED'));
      const columns = ['failure_reason', 'error_code', 'failure_cause'].map((name) => `${name} LIKE '%${issue}%'`);
      expect(shop.database.count(`SELECT count(*) FROM transactions WHERE ${columns.join(' OR ')}`)).toBe(0);
    }
    expect(shop.logged('gateway.answered').map((line) => line.provider_code)).toEqual(expect.arrayContaining(hidden));
  });

  it('can be paid with again, once the payer has chosen another way to fund it', async () => {
    const order = shop.approvedOrder();
    const booking = newBooking();
    shop.strike(order, 'orders.capture', { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' });
    expect(await shop.payByPayPal(order, { booking_id: booking })).toMatchObject({ code: 400 });
    const second = await shop.payByPayPal(order, { booking_id: booking });
    expect(second).toMatchObject({ code: 200 });
    expect(captureOf(order)).toMatchObject({ transactionId: second.body.transaction_id, status: 'COMPLETED' });
    expect((await shop.eventsOf(booking, 2)).map(({ routingKey }) => routingKey)).toEqual([
      'payment.failed',
      'payment.success',
    ]);
  });

  it.each<[string, (booking: string) => object]>([
    ['has no name', () => ({})],
    ['had its name in custom_id and invoice_id', (booking) => ({ customId: booking, invoiceId: booking })],
  ])('cannot pay for another booking after that, and still pays for its own, where it %s', async (_, names) => {
    const booking = newBooking();
    const order = shop.emulator.paypal.createOrder({ value: '25.50', currency: 'USD', ...names(booking) });
    shop.strike(order, 'orders.capture', { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' });
    expect(await shop.payByPayPal(order, { booking_id: booking })).toMatchObject({ code: 400 });
    expect(await shop.failureOf(await shop.payByPayPal(order))).toEqual(OF_ANOTHER);
    expect(capturesAskedFor(order)).toBe(1);
    const own = await shop.payByPayPal(order, { booking_id: booking });
    expect(own).toMatchObject({ code: 200 });
    expect(captureOf(order)).toMatchObject({ transactionId: own.body.transaction_id });
  });
});

describe('an order that is not what is to be paid', () => {
  const createOrder = (order: Partial<Parameters<ProviderStack['emulator']['paypal']['createOrder']>[0]>) =>
    shop.emulator.paypal.createOrder({ value: '25.50', currency: 'USD', ...order });

  it.each<[string, () => string, ToldFailure]>([
    ['of a smaller amount', () => createOrder({ value: '25.49' }), DIFFERS],
    ['of a larger amount', () => createOrder({ value: '25.51' }), DIFFERS],
    ['of a hundredth of it', () => createOrder({ value: '0.26' }), DIFFERS],
    ['in another currency', () => createOrder({ currency: 'EUR' }), DIFFERS],
    ['that pays somebody else', () => createOrder({ merchantId: 'STRANGERSHAP2' }), DIFFERS],
    ['that is not approved', () => createOrder({ status: 'CREATED' }), NOT_APPROVED],
    ['that nobody knows', () => '5O190127TN364715T', NOT_FOUND],
    ['that is no order, but another address', () => '../../payments/captures/5O190127TN364715T', NOT_FOUND],
    ['that is no order, but the address above', () => '..', NOT_FOUND],
  ])('%s is never captured', async (_, makeOrder, as) => {
    const order = makeOrder();
    expect(await shop.failureOf(await shop.payByPayPal(order))).toEqual(as);
    holdsThatNothingWasCaptured(order);
  });

  it.each<[string, Otherwise, ToldFailure]>([
    [
      'has two purchase units',
      (order) => ({ purchase_units: [order.purchase_units[0], order.purchase_units[0]] }),
      DIFFERS,
    ],
    ['has no purchase unit', () => ({ purchase_units: [] }), DIFFERS],
    ['is to be authorized only', () => ({ intent: 'AUTHORIZE' }), DIFFERS],
    [
      'says nothing of who is paid',
      ({ purchase_units: [unit] }) => ({ purchase_units: [{ ...unit, payee: {} }] }),
      DIFFERS,
    ],
    ['has an amount of three decimals', unitWith({ currency_code: 'USD', value: '25.501' }), DIFFERS],
    ['has a negative amount', unitWith({ currency_code: 'USD', value: '-25.50' }), DIFFERS],
    ['was voided', () => ({ status: 'VOIDED' }), NOT_FOUND],
    ['waits for the payer', () => ({ status: 'PAYER_ACTION_REQUIRED' }), NOT_APPROVED],
    ['is saved only', () => ({ status: 'SAVED' }), NOT_APPROVED],
  ])('is never captured where PayPal says that it %s', async (_, otherwise, as) => {
    const order = shop.approvedOrder();
    await showAs(order, otherwise);
    expect(await shop.failureOf(await shop.payByPayPal(order))).toEqual(as);
    holdsThatNothingWasCaptured(order);
  });

  it.each([
    ['reference_id', ['referenceId']],
    ['custom_id', ['customId']],
    ['invoice_id', ['invoiceId']],
    ['all of its ids', ['referenceId', 'customId', 'invoiceId']],
  ])('because it names another booking in %s, is left as it is, and pays for that one', async (_, names) => {
    const victim = newBooking();
    const namedOrder = createOrder(Object.fromEntries(names.map((name) => [name, victim])));
    const answer = await shop.payByPayPal(namedOrder);
    expect(await shop.failureOf(answer)).toEqual(OF_ANOTHER);
    expect(JSON.stringify(answer.body)).toMatch(/booking's id as custom_id/);
    const calls = shop.emulator.calls.filter(({ url }) => url.includes(namedOrder));
    expect(calls.map(({ operation }) => operation)).toEqual(['orders.get']);
    expect(await shop.payByPayPal(namedOrder, { booking_id: victim })).toMatchObject({ code: 200 });
  });

  it('because it has paid for something that this service does not know, pays for nothing here', async () => {
    const order = shop.approvedOrder();
    await paypal('POST', `/v2/checkout/orders/${order}/capture`, { body: {} });
    const captures = capturesAskedFor(order);
    expect(await shop.failureOf(await shop.payByPayPal(order))).toEqual(USED);
    expect(capturesAskedFor(order)).toBe(captures);
  });

  it('because its amount is changed after it was looked at, is paid back in full (invariant 1)', async () => {
    const order = createOrder({ value: '1.00' });
    await showAs(order, unitWith({ currency_code: 'USD', value: '25.50' }));
    const answer = await shop.payByPayPal(order);
    const owed = { ...CHANGED.ledger[0], gatewayReference: captureOf(order)?.captureId };
    expect(await shop.failureOf(answer)).toEqual({ ...CHANGED, ledger: [owed] });
    await vi.waitFor(() => expect(captureOf(order)).toMatchObject({ value: '1.00', status: 'REFUNDED' }), 40_000);
    expect(await shop.errorsOf(answer.body.transaction_id)).toMatchObject([
      { event: 'gateway.answered', provider_code: 'AMOUNT' },
      { event: 'payment.mischarged' },
    ]);
  });

  it('because it pays somebody else after it was looked at, pays for nothing', async () => {
    const order = createOrder({ merchantId: 'STRANGERSHAP2' });
    await showAs(order, ({ purchase_units: [unit] }) => ({
      purchase_units: [{ ...unit, payee: { merchant_id: shop.emulator.paypalMerchantId } }],
    }));
    const answer = await shop.payByPayPal(order);
    expect(await shop.failureOf(answer)).toEqual(CHANGED);
    expect(await shop.errorsOf(answer.body.transaction_id)).toMatchObject([{ provider_code: 'PAYEE' }]);
  });

  it('without paypal_details, is asked for', async () => {
    const answer = await shop.payByPayPal('', { paypal_details: null });
    expect(await shop.failureOf(answer)).toEqual(failed('PayPal details are required'));
  });
});

describe('an order that the payer has approved', () => {
  it('is captured once, marked with our ids, for the amount of the booking', async () => {
    const order = shop.approvedOrder('1234.56');
    const booking = newBooking();
    const answer = await shop.payByPayPal(order, { booking_id: booking, amount: 1234.56 });
    expect(answer).toMatchObject({ code: 200, body: { status: 'success', amount: 1234.56, payment_method: 'paypal' } });
    const transactionId = answer.body.transaction_id;
    const capture = captureOf(order);
    expect(capture).toMatchObject({ transactionId, value: '1234.56', currency: 'USD', status: 'COMPLETED' });
    expect(shop.paymentsOf(booking)).toMatchObject([
      {
        ...{ status: 'completed', amountMinor: 123_456, gateway: `paypal:${shop.emulator.paypalMerchantId}` },
        ...{ gatewayIntent: order, gatewayReference: capture?.captureId },
      },
    ]);
    const { body: shown } = await paypal('GET', `/v2/checkout/orders/${order}`);
    expect(shown.purchase_units).toMatchObject([{ custom_id: transactionId, invoice_id: transactionId }]);
    const calls = shop.emulator.calls.filter(({ url }) => url.includes(order));
    expect(calls.slice(0, 3).map(({ operation, key }) => [operation, key])).toEqual([
      ['orders.get', null],
      ['orders.patch', null],
      ['orders.capture', transactionId],
    ]);
    expect((await shop.eventsOf(booking, 1)).map(({ body }) => body)).toMatchObject([
      {
        event_type: 'payment.success',
        transaction_id: transactionId,
        user_email: 'payer@example.com',
        amount: 1234.56,
      },
    ]);
  });

  it('has its ids replaced by ours', async () => {
    const booking = newBooking();
    const order = shop.emulator.paypal.createOrder({
      ...{ value: '25.50', currency: 'USD', customId: booking, invoiceId: 'invoice-1' },
    });
    const { code, body } = await shop.payByPayPal(order, { booking_id: booking });
    expect(code).toBe(200);
    expect(captureOf(order)).toMatchObject({ transactionId: body.transaction_id });
  });

  it('pays for one of two bookings that it comes with at once (invariant 1)', async () => {
    const order = shop.approvedOrder();
    const answers = await Promise.all([shop.payByPayPal(order), shop.payByPayPal(order)]);
    const [paid, other] = answers.sort((one, another) => one.code - another.code) as [HttpAnswer, HttpAnswer];
    expect(paid.code).toBe(200);
    expect(other).toMatchObject({
      code: 409,
      body: {
        error: { code: 'DUPLICATE_TRANSACTION', details: { transaction_id: paid.body.transaction_id } },
      },
    });
    expect(captureOf(order)).toMatchObject({ transactionId: paid.body.transaction_id, status: 'COMPLETED' });
    expect(capturesAskedFor(order)).toBe(1);
  });

  it('pays for nothing else afterwards, even when it has been refunded', async () => {
    const order = shop.approvedOrder();
    const { body: paid } = await shop.payByPayPal(order);
    expect(await shop.payByPayPal(order)).toMatchObject({ code: 409 });
    expect(await shop.refund(paid, 25.5)).toMatchObject({ code: 200 });
    expect(await shop.payByPayPal(order)).toMatchObject({
      code: 409,
      body: { error: { details: { transaction_id: paid.transaction_id, status: 'refunded' } } },
    });
    expect(capturesAskedFor(order)).toBe(1);
  });

  it('is captured without the payer noticing that PayPal has revoked the access token', async () => {
    expect(await shop.payByPayPal(shop.approvedOrder())).toMatchObject({ code: 200 });
    const logins = () => shop.emulator.calls.filter(({ operation }) => operation === 'oauth2.token').length;
    const before = logins();
    shop.emulator.paypal.revokeTokens();
    paypal = await paypalCallerOf(shop.emulator);
    expect(await shop.payByPayPal(shop.approvedOrder())).toMatchObject({ code: 200 });
    expect(logins() - before).toBe(2); // the test's own, and the Worker's
  });

  it('is captured without another login for each', async () => {
    await shop.payByPayPal(shop.approvedOrder());
    const logins = () => shop.emulator.calls.filter(({ operation }) => operation === 'oauth2.token').length;
    const before = logins();
    const answers = await Promise.all(Array.from({ length: 5 }, () => shop.payByPayPal(shop.approvedOrder())));
    expect(answers.map(({ code }) => code)).toEqual([200, 200, 200, 200, 200]);
    expect(logins()).toBe(before);
  });
});

describe('a refund at PayPal', () => {
  it('is paid in part, and then in full, under our ids', async () => {
    const { body: paid } = await shop.payByPayPal(shop.approvedOrder());
    const first = await shop.refund(paid, 10.25);
    expect(first).toMatchObject({ code: 200, body: { refund_amount: 10.25 } });
    const second = await shop.refund(paid, 15.25);
    expect(second).toMatchObject({ code: 200 });
    expect(await shop.status(paid.transaction_id)).toMatchObject({ status: 'refunded' });
    expect(await shop.refund(paid, 0.01)).toMatchObject({ code: 400, body: { error: { code: 'REFUND_NOT_ALLOWED' } } });

    const ids = [first, second].map(({ body }) => body.refund_transaction_id);
    const made = shop.emulator.paypal.refunds().filter(({ transactionId }) => transactionId === paid.transaction_id);
    expect(made.map(({ refundId, value, currency, status }) => ({ refundId, value, currency, status }))).toEqual([
      { refundId: ids[0], value: '10.25', currency: 'USD', status: 'COMPLETED' },
      { refundId: ids[1], value: '15.25', currency: 'USD', status: 'COMPLETED' },
    ]);
    const keys = shop.emulator.calls.filter(({ operation }) => operation === 'captures.refund').map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining(ids));
    const events = await shop.eventsOf(String(paid.booking_id), 3);
    expect(events.slice(1).map(({ body }) => [body.refund_transaction_id, body.refund_amount])).toEqual([
      [ids[0], 10.25],
      [ids[1], 15.25],
    ]);
  });

  const ALREADY = 'The payment has been refunded at the provider already';
  const EXCEEDS = 'The amount exceeds what is left to refund at the provider';
  const TOO_LATE = 'The payment is too old to be refunded';
  const DISPUTED = 'The payment is disputed by the payer';
  const NOT_PERMITTED = 'Refund not permitted';

  it.each<[issue: string, status: number, reason: string, retry: boolean]>([
    ['CAPTURE_FULLY_REFUNDED', 422, ALREADY, false],
    ['REFUND_AMOUNT_EXCEEDED', 422, EXCEEDS, false],
    ['REFUND_TIME_LIMIT_EXCEEDED', 422, TOO_LATE, false],
    ['REFUND_FAILED_INSUFFICIENT_FUNDS', 422, "The merchant's balance at the provider is too low", true],
    ['REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK', 422, DISPUTED, false],
    ['TRANSACTION_DISPUTED', 422, DISPUTED, false],
    ['CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED', 422, DISPUTED, false],
    ['REFUND_NOT_ALLOWED', 422, NOT_PERMITTED, false],
    ['REFUND_AMOUNT_TOO_LOW', 422, NOT_PERMITTED, false],
    ['REFUND_CAPTURE_CURRENCY_MISMATCH', 422, NOT_PERMITTED, false],
    ['PARTIAL_REFUND_NOT_ALLOWED', 422, NOT_PERMITTED, false],
    ['MAX_NUMBER_OF_REFUNDS_EXCEEDED', 422, NOT_PERMITTED, false],
    ['PENDING_CAPTURE', 422, NOT_PERMITTED, false],
    ['AN_ISSUE_OF_NEXT_YEAR', 422, NOT_PERMITTED, false],
  ])('that is refused because of %s (%i), says so, and gives the amount back to the balance', async (...row) => {
    const [issue, status, reason, retry] = row;
    const order = shop.approvedOrder();
    const { body: paid } = await shop.payByPayPal(order);
    shop.strike(order, 'captures.refund', { kind: 'issue', status, issue });
    const refused = await shop.refund(paid, 10);
    expect(refusalIn(refused)).toEqual({ http: 400, code: 'REFUND_NOT_ALLOWED', reason, retry, advised: true });
    await holdsThatNothingWasRefunded(paid);
    expect(await shop.refund(paid, 25.5)).toMatchObject({ code: 200 });
  });

  it('that the account may not make, is a 502 for the operator', async () => {
    const order = shop.approvedOrder();
    const { body: paid } = await shop.payByPayPal(order);
    shop.strike(order, 'captures.refund', { kind: 'issue', status: 422, issue: 'REFUND_IS_RESTRICTED' });
    const refused = await shop.refund(paid, 10);
    const reason = 'Gateway service error';
    const told = { http: 502, code: 'PAYMENT_GATEWAY_ERROR', reason, retry: false, advised: true };
    expect(refusalIn(refused)).toEqual(told);
    await holdsThatNothingWasRefunded(paid);
    const [{ refundId } = expect.fail('there is no refund')] = shop.refundsOf(paid.transaction_id);
    expect(await shop.errorsOf(refundId)).toMatchObject([{ provider_code: 'REFUND_IS_RESTRICTED' }]);
  });

  it('of a capture that PayPal does not know has failed, and is an error for the operator', async () => {
    const order = shop.approvedOrder();
    const { body: paid } = await shop.payByPayPal(order);
    shop.strike(order, 'captures.refund', { kind: 'issue', status: 404, issue: 'INVALID_RESOURCE_ID' });
    expect(await shop.refund(paid, 10)).toMatchObject({
      code: 502,
      body: { error: { details: { status: 'failed', retry_possible: false } } },
    });
    await holdsThatNothingWasRefunded(paid);
  });

  it('that is refused because of PERMISSION_DENIED (403) may have been paid before, and stays reserved', async () => {
    const order = shop.approvedOrder();
    const { body: paid } = await shop.payByPayPal(order);
    shop.strike(order, 'captures.refund', { kind: 'issue', status: 403, issue: 'PERMISSION_DENIED' });
    expect(await shop.refund(paid, 10)).toMatchObject({
      code: 502,
      body: {
        error: {
          code: 'PAYMENT_GATEWAY_ERROR',
          message: 'It is not known yet whether the refund was processed',
          details: { status: 'pending', retry_possible: false },
        },
      },
    });
    expect(shop.paymentsOf(String(paid.booking_id))).toMatchObject([{ reservedMinor: 1000, refundedMinor: 0 }]);
  });

  it('that PayPal has accepted and is still processing is reported as that, and not as failed; a capture alike', async () => {
    const order = shop.approvedOrder();
    const { body: paid } = await shop.payByPayPal(order);
    shop.strike(order, 'captures.refund', { kind: 'pending' });
    expect(await shop.refund(paid, 10)).toMatchObject({
      code: 502,
      body: { error: { message: 'Refund is still being processed', details: { status: 'pending' } } },
    });
    const pending = shop.approvedOrder();
    shop.strike(pending, 'orders.capture', { kind: 'pending' });
    expect(await shop.payByPayPal(pending)).toMatchObject({
      code: 502,
      body: {
        status: 'pending',
        error_code: 'PAYMENT_GATEWAY_ERROR',
        error: {
          message: 'Payment is still being processed',
          details: { reason: expect.stringContaining('has accepted the payment'), retry_possible: false },
        },
      },
    });
  });

  it('of a payment that was refunded in the dashboard, says so', async () => {
    const order = shop.approvedOrder();
    const { body: paid } = await shop.payByPayPal(order);
    shop.emulator.paypal.refundInDashboard(captureOf(order)?.captureId ?? '', '20.00');
    expect(refusalIn(await shop.refund(paid, 10))).toMatchObject({ http: 400, reason: EXCEEDS });
    shop.emulator.paypal.refundInDashboard(captureOf(order)?.captureId ?? '');
    expect(refusalIn(await shop.refund(paid, 5))).toMatchObject({ http: 400, reason: ALREADY });
  });

  it('of a payment that is disputed, says so', async () => {
    const order = shop.approvedOrder();
    const { body: paid } = await shop.payByPayPal(order);
    shop.emulator.paypal.openDispute(captureOf(order)?.captureId ?? '');
    expect(refusalIn(await shop.refund(paid, 10))).toMatchObject({ http: 400, reason: DISPUTED });
  });
});

describe('with PayPal and no other provider', () => {
  it('cards go to the sandbox, where that is allowed, and stripe is disabled', async () => {
    expect(await shop.routes()).toEqual({
      enabled: { credit_card: true, debit_card: true, paypal: true, stripe: false },
      gateways: { credit_card: 'sandbox', debit_card: 'sandbox', paypal: 'paypal', stripe: null },
    });
    const overrides = { payment_method_token: null, card_details: card(TEST_CARDS.visa) };
    const byCard = await shop.pay({ ...overrides, payment_method: 'credit_card' });
    expect(byCard).toMatchObject({ code: 200 });
    expect(shop.paymentsOf(String(byCard.body.booking_id))).toMatchObject([{ gateway: 'sandbox' }]);
    const booking = newBooking();
    expect(await shop.pay({ ...overrides, booking_id: booking, payment_method: 'stripe' })).toMatchObject({
      code: 400,
      body: { error_code: 'PAYMENT_METHOD_DISABLED' },
    });
    expect(shop.paymentsOf(booking)).toEqual([]);
  });

  it('cards are disabled where PayPal is the gateway for everything; its wrong secret is a 502 with one log line', async () => {
    await shop.restart({ PAYMENT_GATEWAY: 'paypal', PAYPAL_CLIENT_SECRET: 'secretThatWasReplacedYesterday' });
    expect(await shop.routes()).toEqual({
      enabled: { credit_card: false, debit_card: false, paypal: true, stripe: false },
      gateways: { credit_card: null, debit_card: null, paypal: 'paypal', stripe: null },
    });
    const overrides = {
      payment_method: 'credit_card',
      payment_method_token: null,
      card_details: card(TEST_CARDS.visa),
    };
    expect(await shop.pay(overrides)).toMatchObject({ code: 400, body: { error_code: 'PAYMENT_METHOD_DISABLED' } });

    const [order, booking] = [shop.approvedOrder(), newBooking()];
    for (let time = 0; time < 2; time += 1) {
      const { code, body } = await shop.payByPayPal(order, { booking_id: booking });
      expect({ code, body }).toMatchObject({
        code: 502,
        body: { status: 'failed', error_code: 'PAYMENT_GATEWAY_ERROR', error: { details: { retry_possible: false } } },
      });
      expect(await shop.errorsOf(body.transaction_id)).toMatchObject([
        { event: 'gateway.answered', reason: expect.stringContaining('PAYPAL_CLIENT_SECRET') },
      ]);
    }
    expect(shop.stack.worker.child.output()).not.toContain('secretThatWasReplacedYesterday');
    expect(shop.logged('http.bug')).toEqual([]);
  });
});

describe('whatever was captured and refunded', () => {
  it('fits what PayPal has published, request for request', () => {
    expect(shop.emulator.misfits).toEqual([]);
    expect(shop.unstruck()).toEqual([]);
    expect(new Set(shop.emulator.calls.map(({ operation }) => operation))).toEqual(
      new Set(['oauth2.token', 'orders.get', 'orders.patch', 'orders.capture', 'captures.refund']),
    );
  });

  it('leaves neither a secret nor card data in a log, an answer, an event or the database (invariant 5)', async () => {
    expect(await shop.searchLeftovers()).toEqual([]);
  });
});

type Otherwise = (order: { purchase_units: object[] }) => object;

/** Has PayPal show the order otherwise than it is, once. */
async function showAs(order: string, otherwise: Otherwise): Promise<void> {
  const { body } = await paypal('GET', `/v2/checkout/orders/${order}`);
  const shown = JSON.stringify({ ...body, ...otherwise(body) });
  shop.strike(order, 'orders.get', { kind: 'answer', status: 200, body: shown });
}

function unitWith(amount: { currency_code: string; value: string }): Otherwise {
  return (order) => ({ purchase_units: [{ ...order.purchase_units[0], amount }] });
}

function captureOf(order: string) {
  return shop.emulator.paypal.captures().find(({ orderId }) => orderId === order);
}

function capturesAskedFor(order: string): number {
  return shop.emulator.calls.filter(({ operation, url }) => operation === 'orders.capture' && url.includes(order))
    .length;
}

function holdsThatNothingWasCaptured(order: string): void {
  expect(capturesAskedFor(order)).toBe(0);
  expect(captureOf(order)).toBeUndefined();
}

function refusalIn({ code: http, body }: HttpAnswer) {
  const { code, details } = body.error as { code: string; details: Record<string, unknown> };
  const { reason, retry_possible: retry, next_step: advice } = details;
  return { http, code, reason, retry, advised: typeof advice === 'string' && advice !== '' };
}

/** Neither in the ledger, nor at PayPal, nor told to anybody. */
async function holdsThatNothingWasRefunded(paid: Record<string, unknown>): Promise<void> {
  const booking = String(paid.booking_id);
  expect(shop.paymentsOf(booking)).toMatchObject([{ status: 'completed', reservedMinor: 0, refundedMinor: 0 }]);
  expect(shop.refundsOf(paid.transaction_id)).toMatchObject([{ status: 'failed' }]);
  expect(shop.emulator.paypal.refunds().filter((made) => made.transactionId === paid.transaction_id)).toEqual([]);
  expect((await shop.eventsOf(booking, 1)).map(({ routingKey }) => routingKey)).toEqual(['payment.success']);
}

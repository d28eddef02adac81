/** Stripe, from HTTP to the exchange: the Worker, the adapter with Stripe's SDK in it, and the emulator, over real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiRequest } from '../../src/emulator/api.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import { STRIPE_API_VERSION, type StripeEmulator } from '../../src/emulator/stripe.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { inLanes } from '../support/in-lanes.ts';
import { type ProviderStack, startProviderStack, type ToldFailure, toldAs } from '../support/provider-stack.ts';
import { card, type HttpAnswer, newBooking } from '../support/stack.ts';

let shop: ProviderStack;
/** All that Stripe has been asked, in its order. */
let requests: ApiRequest[];

beforeAll(async () => {
  shop = await startProviderStack('stripe');
  requests = recorded(shop.emulator.stripe);
});
afterAll(() => shop?.stop());

/** Payments at once. On a busy machine, more would keep each other from their answers. */
const LANES = 8;

const INVALID_CARD = toldAs('INVALID_CARD', 'Invalid card details');
const CHARGE_UNKNOWN = { status: 'failed', retry_possible: false };
const UNKNOWN_TOKEN = toldAs(
  'INVALID_CARD',
  'The payment_method_token is not known, has been used before, or cannot be used for this payment',
);
const EXPIRED = toldAs('CARD_EXPIRED', 'Card has expired');
const INSUFFICIENT_FUNDS = toldAs('INSUFFICIENT_FUNDS', 'Insufficient funds', {
  message: 'Insufficient funds in account',
});
const DECLINED = toldAs('CARD_DECLINED', 'Card declined by bank');
const LIMIT_EXCEEDED = toldAs('CARD_DECLINED', "The amount or the number of payments is beyond the card's limit");
const NOT_SUPPORTED = toldAs('CARD_DECLINED', 'The card does not support this kind of payment, or its currency');
const AUTHENTICATION_REQUIRED = toldAs('CARD_DECLINED', "The card's bank requires the payer to authenticate");
const TRY_AGAIN = toldAs('CARD_DECLINED', 'The bank could not be reached');
const TOO_SMALL = toldAs('PAYMENT_FAILED', 'The amount is below the least that can be charged', { retry: false });
const TOO_LARGE = toldAs('PAYMENT_FAILED', 'The amount is beyond what can be charged at once', { retry: false });
const NOT_PAYABLE = toldAs(
  'PAYMENT_FAILED',
  'The payment provider does not take this currency, or not with so many decimals',
  { retry: false },
);
const GATEWAY_ERROR = toldAs('PAYMENT_GATEWAY_ERROR', 'Gateway service error', { http: 502 });
const NOT_CONFIGURED = toldAs('PAYMENT_GATEWAY_ERROR', 'Gateway service error', { http: 502, retry: false });

/** What banks say, and what a caller is told of it. */
const CODES: readonly (readonly [code: string, told: ToldFailure])[] = [
  ['insufficient_funds', INSUFFICIENT_FUNDS],
  ['expired_card', EXPIRED],
  ['incorrect_number', INVALID_CARD],
  ['invalid_number', INVALID_CARD],
  ['invalid_account', INVALID_CARD],
  ['incorrect_cvc', INVALID_CARD],
  ['invalid_cvc', INVALID_CARD],
  ['invalid_expiry_month', INVALID_CARD],
  ['invalid_expiry_year', INVALID_CARD],
  ['incorrect_zip', INVALID_CARD],
  ['incorrect_address', INVALID_CARD],
  ['authentication_required', AUTHENTICATION_REQUIRED],
  ['authentication_not_handled', AUTHENTICATION_REQUIRED],
  ['card_velocity_exceeded', LIMIT_EXCEEDED],
  ['withdrawal_count_limit_exceeded', LIMIT_EXCEEDED],
  ['card_decline_rate_limit_exceeded', LIMIT_EXCEEDED],
  ['invalid_amount', LIMIT_EXCEEDED],
  ['card_not_supported', NOT_SUPPORTED],
  ['currency_not_supported', NOT_SUPPORTED],
  ['processing_error', TRY_AGAIN],
  ['issuer_not_available', TRY_AGAIN],
  ['try_again_later', TRY_AGAIN],
  ['reenter_transaction', TRY_AGAIN],
  ['approve_with_id', TRY_AGAIN],
  ['do_not_honor', DECLINED],
  ['call_issuer', DECLINED],
  ['no_action_taken', DECLINED],
  ['not_permitted', DECLINED],
  ['a_code_of_next_year', DECLINED],
  ['constructor', DECLINED],
];

/** What a caller must not learn (a thief could be the caller). */
const HIDDEN = [
  ...['lost_card', 'stolen_card', 'fraudulent', 'pickup_card', 'merchant_blacklist', 'security_violation'],
  ...['restricted_card', 'stop_payment_order', 'revocation_of_authorization', 'transaction_not_allowed'],
];

type Refusal = { status?: number; type?: string; code?: string; param?: string };

/** What Stripe refuses before there is a bank to ask. */
const REFUSALS: readonly (readonly [what: string, refusal: Refusal, told: ToldFailure])[] = [
  ['amount_too_small', { code: 'amount_too_small' }, TOO_SMALL],
  ['amount_too_large', { code: 'amount_too_large' }, TOO_LARGE],
  ['invalid_charge_amount', { code: 'invalid_charge_amount' }, NOT_PAYABLE],
  ['charge_exceeds_source_limit', { code: 'charge_exceeds_source_limit' }, LIMIT_EXCEEDED],
  ['a currency that it does not take', { param: 'currency' }, NOT_PAYABLE],
  ['token_already_used', { code: 'token_already_used' }, UNKNOWN_TOKEN],
  ['a payment method that it does not know', { code: 'resource_missing', param: 'payment_method' }, UNKNOWN_TOKEN],
  ['a parameter that it does not know', { code: 'parameter_unknown', param: 'colour' }, GATEWAY_ERROR],
];

describe('a charge that Stripe declines', () => {
  const told = new Map<string, ToldFailure>();

  beforeAll(async () => {
    const tell = async (name: string, booking: string) => {
      told.set(name, await shop.failureOf(await shop.pay({ booking_id: booking })));
    };
    const decline = (name: string, decline: { code: string; declineCode?: string }) => {
      const booking = newBooking();
      shop.strike(booking, 'payment_intents.confirm', { kind: 'decline', ...decline });
      return tell(name, booking);
    };
    const refuse = (name: string, operation: string, refusal: Refusal) => {
      const booking = newBooking();
      const error = { status: 400, type: 'invalid_request_error', message: 'Not with us.', ...refusal };
      shop.strike(booking, operation, { kind: 'stripe_error', ...error });
      return tell(`${name} ${operation}`, booking);
    };
    await decline('both', { code: 'expired_card', declineCode: 'insufficient_funds' });
    await inLanes(LANES, CODES, ([code]) => decline(`decline ${code}`, { code: 'card_declined', declineCode: code }));
    await inLanes(LANES, CODES, ([code]) => decline(`error ${code}`, { code }));
    for (const operation of ['payment_intents.create', 'payment_intents.confirm'])
      await inLanes(LANES, REFUSALS, ([what, refusal]) => refuse(what, operation, refusal));
  });

  it.each(CODES)(
    'by the decline code %s, tells its caller, the ledger and the subscribers what it means',
    (code, as) => {
      expect(told.get(`decline ${code}`)).toEqual(as);
    },
  );

  it.each(CODES)('by the error code %s, has the same reason', (code, as) => {
    expect(told.get(`error ${code}`)).toEqual(as);
  });

  it('by two codes, goes by the closer one', () => {
    expect(told.get('both')).toEqual(INSUFFICIENT_FUNDS);
  });

  it.each(REFUSALS)('because of %s, advises what to do, whichever call is refused', (what, _, as) => {
    expect(told.get(`${what} payment_intents.create`)).toEqual(as);
    expect(told.get(`${what} payment_intents.confirm`)).toEqual(as);
  });

  it.each<[string, string, ToldFailure]>([
    ['a declined card', TEST_CARDS.visaDeclined, DECLINED],
    ['an account without funds', TEST_CARDS.insufficientFunds, INSUFFICIENT_FUNDS],
    ['an expired card', TEST_CARDS.expired, EXPIRED],
    ['a wrong security code', TEST_CARDS.invalid, INVALID_CARD],
    ['a processing error', TEST_CARDS.gatewayFails, TRY_AGAIN],
    ['a number that is none', TEST_CARDS.badCheckDigit, INVALID_CARD],
  ])('for %s, tells the same of the raw card', async (_, number, as) => {
    const answer = await payByCard({ payment_method: 'credit_card' }, number);
    expect(await shop.failureOf(answer)).toEqual(as);
  });

  it('for a card whose date is past, reports that it has expired, and the log has Stripe’s code', async () => {
    const expired = { ...card(TEST_CARDS.visa), expiry_month: '12', expiry_year: '2025' };
    const answer = await shop.pay({ payment_method_token: null, card_details: expired, payment_method: 'credit_card' });
    expect(await shop.failureOf(answer)).toEqual(EXPIRED);
    expect(providerCodeOf(answer.body.transaction_id)).toBe('invalid_expiry_year');
  });

  it('before it is paid, for a card that Stripe already does not take as a payment method, has the same reason', async () => {
    const booking = newBooking();
    shop.strike(booking, 'payment_methods.create', { kind: 'decline', code: 'incorrect_number' });
    const answer = await payByCard({ booking_id: booking, payment_method: 'debit_card' }, TEST_CARDS.mastercard);
    expect(await shop.failureOf(answer)).toEqual(INVALID_CARD);
  });

  it.each([
    ['needs an authentication', { payment_method_token: 'pm_card_authenticationRequired' }, AUTHENTICATION_REQUIRED],
    ['is a payment method that nobody knows', { payment_method_token: 'pm_nobodys' }, UNKNOWN_TOKEN],
    ['is a token that nobody knows', { payment_method_token: 'tok_nobodys' }, UNKNOWN_TOKEN],
    ['is no token of Stripe’s', { payment_method_token: 'cus_123' }, UNKNOWN_TOKEN],
    ['is below what Stripe charges', { amount: 0.1 }, TOO_SMALL],
    [
      'comes with nothing to pay with',
      { payment_method_token: null },
      toldAs('PAYMENT_FAILED', 'A payment_method_token or card details are required'),
    ],
  ])('because it %s, tells so', async (_, overrides, as) => {
    expect(await shop.failureOf(await shop.pay(overrides))).toEqual(as);
  });

  it('for a reason that smells of fraud, looks like a plain decline to everybody but the operator', async () => {
    const declineWith = async (declineCode: string) => {
      const booking = newBooking();
      shop.strike(booking, 'payment_intents.confirm', { kind: 'decline', code: 'card_declined', declineCode });
      const answer = await shop.pay({ booking_id: booking });
      const [payment] = shop.paymentsOf(booking);
      const [event] = await shop.eventsOf(booking, 1);
      const ids = new Set([booking, payment?.transactionId, event?.body.event_id]);
      return { text: withoutIds([answer.code, answer.body, payment, event?.body], ids), payment };
    };
    const plain = await declineWith('generic_decline');
    const hidden = await inLanes(LANES, HIDDEN, declineWith);
    expect(hidden.map(({ text }) => text)).toEqual(HIDDEN.map(() => plain.text));
    for (const code of HIDDEN) {
      expect(plain.text).not.toContain(code);
      expect(shop.database.count(cellsWith(code))).toBe(0);
    }
    expect(hidden.map(({ payment }) => providerCodeOf(payment?.transactionId))).toEqual(HIDDEN);
  });

  it('leaves the booking free for the next attempt (invariant 1)', async () => {
    const booking = newBooking();
    shop.strike(booking, 'payment_intents.confirm', { kind: 'decline', code: 'card_declined' });
    expect(await shop.pay({ booking_id: booking })).toMatchObject({ code: 400 });
    expect(await shop.pay({ booking_id: booking })).toMatchObject({ code: 200 });
    expect((await shop.eventsOf(booking, 2)).map(({ routingKey }) => routingKey)).toEqual([
      'payment.failed',
      'payment.success',
    ]);
  });
});

describe('a charge that Stripe takes', () => {
  it.each([
    ['stripe', 'a payment method', { payment_method_token: 'pm_card_visa' }],
    ['stripe', 'a raw card', { payment_method_token: null, card_details: card(TEST_CARDS.visa) }],
    ['credit_card', 'a raw card', { payment_method_token: null, card_details: card(TEST_CARDS.amex) }],
    ['debit_card', 'a token', { payment_method_token: 'tok_visa' }],
    ['credit_card', 'a payment method', { payment_method_token: 'pm_card_mastercard' }],
  ])('by %s with %s, moves the amount once, under our ids', async (method, _, instrument) => {
    const booking = newBooking();
    const answer = await shop.pay({ booking_id: booking, amount: 1234.56, payment_method: method, ...instrument });
    expect(answer).toMatchObject({ code: 200, body: { status: 'success', amount: 1234.56, payment_method: method } });
    const transactionId = answer.body.transaction_id;
    const [charge, ...more] = shop.emulator.stripe.charges().filter(({ bookingId }) => bookingId === booking);
    expect(more).toEqual([]);
    expect(charge).toMatchObject({ transactionId, amount: 123_456, currency: 'usd' });
    expect(shop.paymentsOf(booking)).toMatchObject([
      {
        transactionId,
        status: 'completed',
        amountMinor: 123_456,
        gateway: `stripe:${EMULATOR_CREDENTIALS.stripeAccountId}`,
        gatewayReference: charge?.intentId,
      },
    ]);
    expect((await shop.eventsOf(booking, 1)).map(({ body }) => body)).toMatchObject([
      { event_type: 'payment.success', transaction_id: transactionId, amount: 1234.56, payment_method: method },
    ]);
    const keys = shop.emulator.calls.filter(({ key }) => key?.startsWith(String(transactionId))).map(({ key }) => key);
    const isMade = instrument.payment_method_token?.startsWith('pm_') !== true;
    expect(keys.sort()).toEqual([
      transactionId,
      `${transactionId}:confirm`,
      ...(isMade ? [`${transactionId}:payment_method`] : []),
    ]);
  });

  it.each([
    [0.5, 50],
    [19.99, 1999],
    [99_999, 9_999_900],
  ])('of %d dollars, is of %d cents', async (amount, cents) => {
    const booking = newBooking();
    await shop.pay({ booking_id: booking, amount });
    expect(shop.emulator.stripe.charges().find(({ bookingId }) => bookingId === booking)).toMatchObject({
      amount: cents,
    });
  });

  it('carries to Stripe the ids of the booking and the transaction, in one pinned version of the API', async () => {
    const booking = newBooking();
    const { body } = await shop.pay({ booking_id: booking });
    const created = requests
      .map((request) => new URLSearchParams(request.body))
      .filter((form) => form.get('metadata[booking_id]') === booking);
    expect(created.map((form) => form.get('metadata[transaction_id]'))).toEqual([body.transaction_id]);
    expect(new Set(requests.map(({ headers }) => headers['stripe-version']))).toEqual(new Set([STRIPE_API_VERSION]));
  });
});

describe('a refund at Stripe', () => {
  it('is paid in part, and then in full, under our ids', async () => {
    const { body: paid } = await shop.pay();
    const first = await shop.refund(paid, 10.25);
    expect(first).toMatchObject({ code: 200, body: { refund_amount: 10.25 } });
    expect(shop.paymentsOf(String(paid.booking_id))).toMatchObject([{ status: 'completed', refundedMinor: 1025 }]);
    const second = await shop.refund(paid, 15.25);
    expect(second).toMatchObject({ code: 200 });
    expect(await shop.status(paid.transaction_id)).toMatchObject({ status: 'refunded' });
    expect(await shop.refund(paid, 0.01)).toMatchObject({ code: 400, body: { error: { code: 'REFUND_NOT_ALLOWED' } } });

    const made = shop.emulator.stripe.refunds().filter(({ transactionId }) => transactionId === paid.transaction_id);
    const ids = [first, second].map(({ body }) => body.refund_transaction_id);
    expect(made.map(({ refundId, amount, status }) => ({ refundId, amount, status }))).toEqual([
      { refundId: ids[0], amount: 1025, status: 'succeeded' },
      { refundId: ids[1], amount: 1525, status: 'succeeded' },
    ]);
    const keys = shop.emulator.calls.filter(({ operation }) => operation === 'refunds.create').map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining(ids));
    const events = await shop.eventsOf(String(paid.booking_id), 3);
    expect(events.slice(1).map(({ body }) => [body.refund_transaction_id, body.refund_amount])).toEqual([
      [ids[0], 10.25],
      [ids[1], 15.25],
    ]);
    const [form] = requests
      .map((request) => new URLSearchParams(request.body))
      .filter((sent) => sent.get('metadata[refund_id]') === ids[0]);
    expect(Object.fromEntries(form ?? [])).toMatchObject({
      'metadata[transaction_id]': paid.transaction_id,
      'metadata[booking_id]': paid.booking_id,
      'metadata[reason]': 'Customer cancellation',
    });
  });

  const ALREADY = 'The payment has been refunded at the provider already';
  const DISPUTED = 'The payment is disputed by the payer';
  const NO_BALANCE = "The merchant's balance at the provider is too low";

  it.each<[string, Refusal, string, boolean]>([
    ['charge_already_refunded', { code: 'charge_already_refunded' }, ALREADY, false],
    ['charge_disputed', { code: 'charge_disputed' }, DISPUTED, false],
    ['refund_disputed_payment', { code: 'refund_disputed_payment' }, DISPUTED, false],
    ['balance_insufficient', { code: 'balance_insufficient' }, NO_BALANCE, true],
    ['insufficient_funds', { code: 'insufficient_funds' }, NO_BALANCE, true],
    ['too much', { param: 'amount' }, 'The amount exceeds what is left to refund at the provider', false],
    ['a code of next year', { code: 'a_code_of_next_year' }, 'Refund not permitted', false],
  ])('that is refused for %s, says so, and gives the amount back to the balance', async (_, refusal, reason, retry) => {
    const { body: paid } = await shop.pay();
    const error = { status: 400, type: 'invalid_request_error', message: 'Not with us.', ...refusal };
    shop.strike(String(paid.booking_id), 'refunds.create', { kind: 'stripe_error', ...error });
    const refused = await shop.refund(paid, 10);
    expect(refusalIn(refused)).toEqual({ http: 400, code: 'REFUND_NOT_ALLOWED', reason, retry, advised: true });
    await holdsThatNothingWasRefunded(paid);
    expect(await shop.refund(paid, 25.5)).toMatchObject({ code: 200 });
  });

  it('of a payment that Stripe does not know has failed, and is an error for the operator', async () => {
    const { body: paid } = await shop.pay();
    const error = { status: 404, type: 'invalid_request_error', code: 'resource_missing', param: 'payment_intent' };
    shop.strike(String(paid.booking_id), 'refunds.create', { kind: 'stripe_error', message: 'Not here.', ...error });
    expect(await shop.refund(paid, 10)).toMatchObject({ code: 502, body: { error: { details: CHARGE_UNKNOWN } } });
    await holdsThatNothingWasRefunded(paid);
  });

  it('that Stripe does not allow with this key may have been paid before, and stays reserved', async () => {
    const { body: paid } = await shop.pay();
    const error = {
      status: 403,
      type: 'invalid_request_error',
      message: 'Not with us.',
      code: 'more_permissions_required',
    };
    shop.strike(String(paid.booking_id), 'refunds.create', { kind: 'stripe_error', ...error });
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

  it('that Stripe has accepted and is still processing is reported as that, and not as failed', async () => {
    const { body: paid } = await shop.pay();
    shop.strike(String(paid.booking_id), 'refunds.create', { kind: 'pending' });
    expect(await shop.refund(paid, 10)).toMatchObject({
      code: 502,
      body: {
        error: {
          code: 'PAYMENT_GATEWAY_ERROR',
          message: 'Refund is still being processed',
          details: { reason: expect.stringContaining('has accepted the refund'), status: 'pending' },
        },
      },
    });
    expect(shop.paymentsOf(String(paid.booking_id))).toMatchObject([{ reservedMinor: 1000, refundedMinor: 0 }]);
  });

  it('of a payment that was refunded in the dashboard, says so', async () => {
    const { body: paid } = await shop.pay();
    shop.emulator.stripe.refundInDashboard(referenceOf(paid));
    expect(refusalIn(await shop.refund(paid, 1))).toMatchObject({ http: 400, reason: ALREADY, retry: false });
  });

  it('of a payment that is disputed, says so', async () => {
    const { body: paid } = await shop.pay();
    shop.emulator.stripe.openDispute(referenceOf(paid));
    expect(refusalIn(await shop.refund(paid, 1))).toMatchObject({ http: 400, reason: DISPUTED, retry: false });
  });

  it('of more than the dashboard has left of the payment, says so', async () => {
    const { body: paid } = await shop.pay();
    shop.emulator.stripe.refundInDashboard(referenceOf(paid), 2000);
    expect(refusalIn(await shop.refund(paid, 10))).toMatchObject({
      http: 400,
      reason: 'The amount exceeds what is left to refund at the provider',
    });
    expect(await shop.refund(paid, 5.5)).toMatchObject({ code: 200 });
  });
});

describe('what Stripe is not set up for', () => {
  it('such as a key without the permission, is a 502 whose log line says what to do', async () => {
    const booking = newBooking();
    const error = { type: 'invalid_request_error', code: 'more_permissions_required', message: 'Not with this key.' };
    shop.strike(booking, 'payment_intents.create', { kind: 'stripe_error', status: 403, ...error });
    const answer = await shop.pay({ booking_id: booking });
    expect(await shop.failureOf(answer)).toEqual(NOT_CONFIGURED);
    expect(await shop.errorsOf(answer.body.transaction_id)).toMatchObject([
      { event: 'gateway.answered', reason: expect.stringMatching(/STRIPE_SECRET_KEY.*permissions/) },
    ]);
  });

  it('such as raw cards, is a 502 whose log line says what to do', async () => {
    shop.emulator.stripe.acceptsRawCards = false;
    const answer = await payByCard({ payment_method: 'credit_card' }, TEST_CARDS.visa);
    shop.emulator.stripe.acceptsRawCards = true;
    expect(await shop.failureOf(answer)).toEqual(NOT_CONFIGURED);
    expect(await shop.errorsOf(answer.body.transaction_id)).toMatchObject([
      { event: 'gateway.answered', reason: expect.stringMatching(/card numbers.*payment_method_token/) },
    ]);
  });

  it('is not the case for a Worker with both providers: cards go to Stripe, and PayPal to PayPal', async () => {
    expect(await shop.routes()).toEqual({
      enabled: { credit_card: true, debit_card: true, paypal: true, stripe: true },
      gateways: { credit_card: 'stripe', debit_card: 'stripe', paypal: 'paypal', stripe: 'stripe' },
    });
  });

  it('such as a wrong key, is a 502 with one log line that names the setting, and the booking is free again', async () => {
    const wrongKey = 'sk_test_revokedYesterday0123456789';
    await shop.restart({ STRIPE_SECRET_KEY: wrongKey, PAYPAL_CLIENT_SECRET: 'secretThatWasReplacedYesterday' });
    const booking = newBooking();
    const first = await shop.pay({ booking_id: booking });
    const again = await shop.pay({ booking_id: booking, payment_method_token: 'tok_visa' });
    for (const { code, body } of [first, again]) {
      expect({ code, body }).toMatchObject({
        code: 502,
        body: { status: 'failed', error_code: 'PAYMENT_GATEWAY_ERROR', error: { details: { retry_possible: false } } },
      });
      expect(body).not.toHaveProperty('transaction_id');
    }
    expect(shop.stack.worker.child.output()).toMatch(
      /"level":"error","event":"gateway.account_unknown".*STRIPE_SECRET_KEY/,
    );
    const byPayPal = await shop.payByPayPal(shop.approvedOrder());
    expect(await shop.failureOf(byPayPal)).toEqual(NOT_CONFIGURED);
    expect(await shop.errorsOf(byPayPal.body.transaction_id)).toMatchObject([
      { event: 'gateway.answered', reason: expect.stringContaining('PAYPAL_CLIENT_SECRET') },
    ]);
    const output = shop.stack.worker.child.output();
    expect(output).not.toContain(wrongKey);
    expect(output).not.toContain('secretThatWasReplacedYesterday');
    expect(output).not.toContain('"http.bug"');

    const { stripeSecretKey, paypalClientSecret } = shop.emulator;
    await shop.restart({ STRIPE_SECRET_KEY: stripeSecretKey, PAYPAL_CLIENT_SECRET: paypalClientSecret });
    expect(await shop.pay({ booking_id: booking })).toMatchObject({ code: 200 });
  });
});

describe('whatever was charged and refunded', () => {
  it('fits what Stripe has published, request for request', () => {
    expect(shop.emulator.misfits).toEqual([]);
    expect(shop.unstruck()).toEqual([]);
    expect(new Set(requests.map(({ method, url }) => `${method} ${url.replace(/pi_\w+/, '{intent}')}`))).toEqual(
      new Set([
        'GET /v1/account',
        'POST /v1/payment_intents',
        'POST /v1/payment_methods',
        'POST /v1/payment_intents/{intent}/confirm',
        'POST /v1/refunds',
        'GET /v1/refunds?payment_intent={intent}&limit=100&expand[0]=data.payment_intent',
      ]),
    );
  });

  it('leaves neither a secret nor card data in a log, an answer, an event or the database (invariant 5)', async () => {
    expect(await shop.searchLeftovers()).toEqual([]);
  });
});

function recorded(stripe: StripeEmulator): ApiRequest[] {
  const seen: ApiRequest[] = [];
  const receive = stripe.receive.bind(stripe);
  stripe.receive = (request) => {
    seen.push(request);
    return receive(request);
  };
  return seen;
}

function payByCard(overrides: Record<string, unknown>, number: string): Promise<HttpAnswer> {
  return shop.pay({ payment_method_token: null, card_details: card(number), ...overrides });
}

function withoutIds(what: unknown, ids: Set<unknown>): string {
  let text = JSON.stringify(what).replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME');
  for (const id of ids) text = text.replaceAll(String(id), 'ID');
  return text;
}

/** How many rows of the ledger have this text in a cell. */
function cellsWith(text: string): string {
  const columns = ['failure_reason', 'error_code', 'failure_cause', 'gateway_reference', 'gateway_intent'];
  const found = columns.map((column) => `${column} LIKE '%${text}%'`).join(' OR ');
  return `SELECT count(*) FROM transactions WHERE ${found}`;
}

function providerCodeOf(id: unknown): unknown {
  return shop.logged('gateway.answered').find((line) => line.id === id)?.provider_code;
}

function referenceOf({ transaction_id: id }: Record<string, unknown>): string {
  return shop.payments().find(({ transactionId }) => transactionId === id)?.gatewayReference ?? '';
}

function refusalIn({ code: http, body }: HttpAnswer) {
  const { code, details } = body.error as { code: string; details: Record<string, unknown> };
  const { reason, retry_possible: retry, next_step: advice } = details;
  return { http, code, reason, retry, advised: typeof advice === 'string' && advice !== '' };
}

/** Neither in the ledger, nor at Stripe, nor told to anybody. */
async function holdsThatNothingWasRefunded(paid: Record<string, unknown>): Promise<void> {
  const booking = String(paid.booking_id);
  expect(shop.paymentsOf(booking)).toMatchObject([{ status: 'completed', reservedMinor: 0, refundedMinor: 0 }]);
  expect(shop.refundsOf(paid.transaction_id)).toMatchObject([{ status: 'failed' }]);
  expect(shop.emulator.stripe.refunds().filter((made) => made.transactionId === paid.transaction_id)).toEqual([]);
  expect((await shop.eventsOf(booking, 1)).map(({ routingKey }) => routingKey)).toEqual(['payment.success']);
}

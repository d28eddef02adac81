/** The Stripe adapter, at the emulator over real sockets: what the ways through HTTP do not show. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { ChargeRequest, Gateway, GatewayOutcome, Instrument, Movement } from '../../src/core/gateways/gateway.ts';
import type { StripeSettings } from '../../src/core/gateways/stripe/stripe-client.ts';
import { createStripeGateway } from '../../src/core/gateways/stripe/stripe-gateway.ts';
import { EMULATOR_CREDENTIALS } from '../../src/emulator/credentials.ts';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { TEST_CARDS } from '../data/cards.ts';
import { stripeClientOf } from '../support/emulator-clients.ts';
import { card, paidTransaction, pendingRefund, pendingTransaction } from '../support/rows.ts';

const HOUR_MS = 60 * 60_000;
const VISA: Instrument = { kind: 'token', token: 'pm_card_visa' };
const PASSED_ON = { statementDescriptorSuffix: 'SEAT 12A', receiptEmail: 'receipt@example.com' };

let emulator: GatewayEmulator;
let gateway: Gateway;
let clock: { nowMs: number };

beforeEach(async () => {
  clock = { nowMs: Date.now() };
  emulator = await startGatewayEmulator({ clock: { nowMs: () => clock.nowMs, random: Math.random } });
  gateway = gatewayWith({});
});
afterEach(async () => {
  expect(emulator.misfits).toEqual([]);
  await emulator.stop();
});

function gatewayWith(settings: Partial<StripeSettings>): Gateway {
  return createStripeGateway(
    {
      secretKey: emulator.stripeSecretKey,
      accountId: null,
      webhookSecret: null,
      apiUrl: emulator.url,
      ...settings,
    },
    { send: (url, init) => fetch(url, init), nowMs: () => clock.nowMs },
  );
}

const signal = () => AbortSignal.timeout(5_000);
const charge = (transaction: Transaction, instrument: Instrument = VISA, more: Partial<ChargeRequest> = {}) =>
  gateway.charge({ transaction, instrument, signal: signal(), ...more });
const lookUp = (transaction: Transaction) => gateway.lookUpCharge(transaction, signal());
const cancel = async (transaction: Transaction) => gateway.cancelCharge?.(transaction, signal());
const operations = () => emulator.calls.map(({ operation }) => operation);

/** Strikes the first call of the operation, and no other. */
function strike(operation: string, fault: Fault): void {
  emulator.fault = (call) => {
    if (call.operation !== operation) return { kind: 'normal' };
    emulator.fault = () => ({ kind: 'normal' });
    return fault;
  };
}

async function paid(): Promise<Transaction> {
  const transaction = pendingTransaction();
  return paidTransaction(transaction, referenceOf(await charge(transaction)));
}

describe('a charge', () => {
  it('is an intent that is confirmed once, under keys that follow from our id', async () => {
    const transaction = pendingTransaction();
    expect(await charge(transaction)).toMatchObject({ kind: 'approved' });
    expect(emulator.calls.map(({ operation, key }) => [operation, key])).toEqual([
      ['payment_intents.create', transaction.transactionId],
      ['payment_intents.confirm', `${transaction.transactionId}:confirm`],
    ]);
    expect(emulator.stripe.charges()).toMatchObject([
      { transactionId: transaction.transactionId, bookingId: transaction.bookingId, amount: 2550, currency: 'usd' },
    ]);
  });

  it('has the suffix of the statement set before it is confirmed, and the address for the receipt with the confirmation', async () => {
    const transaction = pendingTransaction();
    const outcome = await charge(transaction, VISA, PASSED_ON);
    expect(emulator.calls.map(({ operation, key }) => [operation, key])).toEqual([
      ['payment_intents.create', transaction.transactionId],
      ['payment_intents.update', `${transaction.transactionId}:describe`],
      ['payment_intents.confirm', `${transaction.transactionId}:confirm`],
    ]);
    expect(await stripeClientOf(emulator).paymentIntents.retrieve(referenceOf(outcome))).toMatchObject({
      status: 'succeeded',
      receipt_email: PASSED_ON.receiptEmail,
      statement_descriptor_suffix: PASSED_ON.statementDescriptorSuffix,
    });
  });

  it('with an address for the receipt alone costs no further call', async () => {
    await charge(pendingTransaction(), VISA, { receiptEmail: PASSED_ON.receiptEmail });
    expect(operations()).toEqual(['payment_intents.create', 'payment_intents.confirm']);
  });

  it('of which the suffix can’t be set certainly moves no money', async () => {
    strike('payment_intents.update', { kind: 'error_500', committed: false, cached: true });
    const transaction = pendingTransaction();
    expect(await charge(transaction, VISA, PASSED_ON)).toMatchObject({ kind: 'failed', silent: true });
    expect(operations()).not.toContain('payment_intents.confirm');
    expect(await cancel(transaction)).toEqual({ kind: 'cancelled' });
    expect(emulator.stripe.charges()).toEqual([]);
  });

  it('of a card makes a payment method of it, beside the intent', async () => {
    const transaction = pendingTransaction();
    expect(await charge(transaction, { kind: 'card', card: card() })).toMatchObject({ kind: 'approved' });
    expect(operations().toSorted()).toEqual([
      'payment_intents.confirm',
      'payment_intents.create',
      'payment_methods.create',
    ]);
  });

  it.each([
    ['a year ago', '2025', '11', 'invalid_expiry_year', 'expired'],
    ['last month', '2026', '10', 'invalid_expiry_month', 'expired'],
    ['long ago', '2001', '12', 'invalid_expiry_year', 'expired'],
    ['too far in the future', '2099', '12', 'invalid_expiry_year', 'invalid_card'],
  ])(
    'of a card that expires %s is declined as that, with Stripe’s code for the log',
    async (_, expiry_year, expiry_month, providerCode, cause) => {
      clock.nowMs = Date.parse('2026-11-15T12:00:00Z');
      const dated: Instrument = { kind: 'card', card: card(TEST_CARDS.visa, { expiry_month, expiry_year }) };
      expect(await charge(pendingTransaction(), dated)).toMatchObject({ kind: 'declined', cause, providerCode });
      expect(emulator.stripe.charges()).toEqual([]);
    },
  );

  it('of a card that expires this month is paid, to the last second', async () => {
    clock.nowMs = Date.parse('2026-11-30T23:59:59Z');
    const dated: Instrument = {
      kind: 'card',
      card: card(TEST_CARDS.visa, { expiry_month: '11', expiry_year: '2026' }),
    };
    expect(await charge(pendingTransaction(), dated)).toMatchObject({ kind: 'approved' });
  });

  it.each<[string, Parameters<typeof card>[1], string]>([
    ['past', { expiry_year: '2020' }, 'expired'],
    ['still to come', { expiry_year: '2040' }, 'invalid_card'],
  ])(
    'whose date the bank refuses at the confirmation is judged by the card, where it is %s',
    async (_, date, cause) => {
      // The date passes between the two calls, so that Stripe takes it for the payment method.
      clock.nowMs = Date.parse('2019-01-01T00:00:00Z');
      const dated: Instrument = { kind: 'card', card: card(TEST_CARDS.visa, date) };
      emulator.fault = (call) => {
        if (call.operation !== 'payment_intents.confirm') return { kind: 'normal' };
        clock.nowMs = Date.parse('2026-11-15T12:00:00Z');
        return { kind: 'decline', code: 'invalid_expiry_year' };
      };
      expect(await charge(pendingTransaction(), dated)).toMatchObject({
        kind: 'declined',
        cause,
        providerCode: 'invalid_expiry_year',
      });
    },
  );

  it.each(['incorrect_number', 'invalid_expiry_month', 'processing_error', 'a_code_of_next_year'])(
    'that is declined with the code %s alone has it for the log',
    async (code) => {
      for (const operation of ['payment_methods.create', 'payment_intents.confirm']) {
        strike(operation, { kind: 'decline', code });
        const outcome = await charge(pendingTransaction(), { kind: 'card', card: card() });
        expect(outcome).toMatchObject({ kind: 'declined', providerCode: code });
      }
    },
  );

  it.each([
    ['JPY', 500, 500],
    ['ISK', 500, 50_000],
    ['UGX', 5_000, 500_000],
    ['KWD', 5_120, 5_120],
    ['MGA', 500_000, 5_000],
    ['HUF', 50_000, 50_000],
  ])(
    'in %s of %i minor units is %i for Stripe, and so is its refund, and the list has our number',
    async (currency, amountMinor, amount) => {
      const transaction = pendingTransaction({ currency, amountMinor });
      const outcome = await charge(transaction);
      expect(outcome).toMatchObject({ kind: 'approved' });
      expect(emulator.stripe.charges()).toMatchObject([{ amount, currency: currency.toLowerCase() }]);

      const paid = paidTransaction(transaction, referenceOf(outcome));
      const refund = pendingRefund(paid, { amountMinor });
      expect(await gateway.refund({ refund, transaction: paid, signal: signal() })).toMatchObject({ kind: 'approved' });
      expect(emulator.stripe.refunds()).toMatchObject([{ amount }]);
      expect(await movements()).toMatchObject([
        { kind: 'charge', id: transaction.transactionId, amountMinor, currency },
        { kind: 'refund', id: refund.refundId, amountMinor, currency, transactionId: transaction.transactionId },
      ]);
    },
  );

  it.each([
    ['KWD', 5_123],
    ['MGA', 550],
  ])(
    'in %s of %i minor units, which Stripe can’t charge to the last digit, is declined without a call',
    async (currency, amountMinor) => {
      expect(await charge(pendingTransaction({ currency, amountMinor }))).toMatchObject({
        kind: 'declined',
        cause: 'amount_not_payable',
      });
      expect(operations()).toEqual([]);
    },
  );

  it.each([['payment_intent_incompatible_payment_method'], [undefined]])(
    'with a token of another kind of payment method is the caller’s to correct, with the code %s',
    async (code) => {
      strike('payment_intents.confirm', {
        kind: 'stripe_error',
        status: 400,
        type: 'invalid_request_error',
        ...(code !== undefined && { code }),
        param: 'payment_method',
        message: 'The PaymentMethod provided (link) is not allowed for this PaymentIntent.',
      });
      expect(await charge(pendingTransaction())).toMatchObject({ code: 'INVALID_CARD', cause: 'unknown_token' });
    },
  );

  it('whose connection breaks at the confirmation is sent again under its key, and so is known at once', async () => {
    strike('payment_intents.confirm', { kind: 'commit_then_drop' });
    expect(await charge(pendingTransaction())).toMatchObject({ kind: 'approved' });
    expect(operations()).toEqual(['payment_intents.create', 'payment_intents.confirm', 'payment_intents.confirm']);
    expect(emulator.stripe.charges()).toHaveLength(1);
  });

  it('that has no answer at the confirmation in time is unknown, with the intent to look it up by', async () => {
    strike('payment_intents.confirm', { kind: 'commit_then_delay', ms: 3_000 });
    const transaction = pendingTransaction();
    const outcome = await gateway.charge({ transaction, instrument: VISA, signal: AbortSignal.timeout(1_000) });
    expect(outcome).toMatchObject({ kind: 'unknown', intent: emulator.stripe.intents()[0]?.id });
  });

  it('that has no answer before the confirmation in time has certainly failed, and Stripe counts as silent', async () => {
    strike('payment_intents.create', { kind: 'commit_then_delay', ms: 3_000 });
    const transaction = pendingTransaction();
    const outcome = await gateway.charge({ transaction, instrument: VISA, signal: AbortSignal.timeout(1_000) });
    expect(outcome).toMatchObject({ kind: 'failed', silent: true });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(operations()).not.toContain('payment_intents.confirm');
  });

  it('is not confirmed when there is no time left for its answer: the time to load the library counts too', async () => {
    const charging = gateway.charge({
      transaction: pendingTransaction(),
      instrument: VISA,
      signal: signal(),
      deadlineMs: 1_000,
    });
    clock.nowMs += 900;
    expect(await charging).toMatchObject({ kind: 'failed', silent: true });
    expect(operations()).not.toContain('payment_intents.confirm');
  });

  it('of a card number that the account may not send has failed, and says what to do instead', async () => {
    emulator.stripe.acceptsRawCards = false;
    const outcome = await charge(pendingTransaction(), { kind: 'card', card: card() });
    expect(outcome).toMatchObject({ kind: 'failed', cause: 'gateway_not_configured' });
    expect(outcome).toHaveProperty('reason', expect.stringContaining('payment_method_token'));
  });
});

describe('a payment method of the caller’s', () => {
  it.each([
    ['a payment method', 'pm_card_visa'],
    ['a token', 'tok_visa'],
  ])('pays once as %s of Stripe.js, and is refused as the caller’s the second time', async (_, like) => {
    const instrument: Instrument = { kind: 'token', token: emulator.stripe.createToken(like) };
    expect(await charge(pendingTransaction(), instrument)).toMatchObject({ kind: 'approved' });
    const again = await charge(pendingTransaction(), instrument);
    expect(again).toMatchObject({ kind: 'declined', code: 'INVALID_CARD', cause: 'unknown_token' });
    expect(emulator.stripe.charges()).toHaveLength(1);
  });

  it('that was declined is used up as well', async () => {
    const instrument: Instrument = { kind: 'token', token: emulator.stripe.createToken('pm_card_visa_chargeDeclined') };
    expect(await charge(pendingTransaction(), instrument)).toMatchObject({ code: 'CARD_DECLINED' });
    expect(await charge(pendingTransaction(), instrument)).toMatchObject({ cause: 'unknown_token' });
  });

  it.each<[string, { code?: string; param?: string }, object]>([
    ['without a code', {}, { code: 'INVALID_CARD', cause: 'unknown_token' }],
    ['by its parameter', { param: 'payment_method' }, { code: 'INVALID_CARD', cause: 'unknown_token' }],
    [
      'as one that is no card',
      { code: 'payment_intent_incompatible_payment_method', param: 'payment_method' },
      { code: 'INVALID_CARD', cause: 'unknown_token' },
    ],
    ['for the form of our request', { code: 'parameter_unknown', param: 'payment_method' }, { kind: 'failed' }],
    ['for another parameter', { param: 'return_url' }, { kind: 'failed' }],
  ])('that Stripe refuses %s is judged by code and parameter', async (_, error, outcome) => {
    const refused: Fault = {
      kind: 'stripe_error',
      status: 400,
      type: 'invalid_request_error',
      message: 'no',
      ...error,
    };
    strike('payment_intents.confirm', refused);
    expect(await charge(pendingTransaction())).toMatchObject(outcome);
  });

  it('is not blamed for a card that was sent as a number', async () => {
    strike('payment_intents.confirm', {
      kind: 'stripe_error',
      status: 400,
      type: 'invalid_request_error',
      message: 'no',
    });
    const outcome = await charge(pendingTransaction(), { kind: 'card', card: card() });
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(outcome).not.toHaveProperty('cause');
  });
});

describe('a look-up', () => {
  it('finds a charge by our id, by the intent where that was kept, and by neither where there is none', async () => {
    const transaction = pendingTransaction();
    const outcome = await charge(transaction);
    expect(await lookUp(transaction)).toEqual(outcome);
    expect(await lookUp({ ...transaction, gatewayIntent: referenceOf(outcome) })).toEqual(outcome);
    expect(operations().slice(2)).toEqual(['payment_intents.list', 'payment_intents.retrieve']);
    expect(await lookUp(pendingTransaction())).toEqual({ kind: 'not_found' });
  });

  it('of an intent that was made and not confirmed finds nothing: the confirmation may be on its way', async () => {
    strike('payment_intents.confirm', { kind: 'drop' });
    const transaction = pendingTransaction();
    await gateway.charge({ transaction, instrument: VISA, signal: AbortSignal.timeout(200) });
    expect(await lookUp(transaction)).toEqual({ kind: 'not_found' });
  });

  describe('among more payments than it looks through', () => {
    const MANY = 301;

    /** A charge of which the process that made it died, and then many others in the same minute. */
    async function crowded(more: Partial<ChargeRequest> = {}): Promise<Transaction> {
      const transaction = pendingTransaction();
      await charge(transaction, VISA, more);
      const stripe = stripeClientOf(emulator);
      for (let made = 0; made < MANY; made += 50) {
        const creating = Array.from({ length: 50 }, () =>
          stripe.paymentIntents.create({ amount: 100, currency: 'usd' }),
        );
        await Promise.all(creating);
      }
      return transaction;
    }

    it('finds it by search, creates nothing, and asks for its state of now', async () => {
      const transaction = await crowded();
      clock.nowMs += 2 * 60_000;
      expect(await lookUp(transaction)).toMatchObject({ kind: 'approved' });
      expect(operations().slice(-2)).toEqual(['payment_intents.search', 'payment_intents.retrieve']);
    });

    it('finds nothing where the search does not have it yet, and the fence finds it by its key, whatever was passed on', async () => {
      const transaction = await crowded(PASSED_ON);
      const made = emulator.stripe.intents().length;
      expect(await lookUp(transaction)).toEqual({ kind: 'not_found' });
      expect(operations().at(-1)).toBe('payment_intents.search');
      expect(await cancel(transaction)).toMatchObject({ kind: 'approved' });
      expect(emulator.stripe.intents()).toHaveLength(made);
    });
  });
});

describe('asking', () => {
  it('sends nothing but reads, whatever is asked about', async () => {
    const paid = pendingTransaction();
    await charge(paid);
    const never = pendingTransaction();
    const before = operations().length;
    await lookUp(paid);
    await lookUp(never);
    await gateway.lookUpRefund(
      pendingRefund(paidTransaction(paid, 'pi_unknown')),
      paidTransaction(paid, 'pi_unknown'),
      signal(),
    );
    await movements();
    await gateway.account?.ask(signal());
    expect(
      operations()
        .slice(before)
        .filter((name) => !/\.(retrieve|list|search)$/.test(name)),
    ).toEqual([]);
  });
});

describe('the account behind a key', () => {
  it('comes from Stripe', async () => {
    expect(await gateway.account?.ask(signal())).toEqual({
      kind: 'known',
      account: EMULATOR_CREDENTIALS.stripeAccountId,
    });
  });

  it('comes from the settings for a restricted key, to which Stripe does not show it', async () => {
    const restricted = gatewayWith({ secretKey: 'rk_test_restricted', accountId: 'acct_1Configured' });
    expect(await restricted.account?.ask(signal())).toEqual({ kind: 'known', account: 'acct_1Configured' });
    expect(operations()).toEqual([]);
  });

  it('that is another one than the settings say is an error of the settings', async () => {
    const other = gatewayWith({ accountId: 'acct_1Another' });
    expect(await other.account?.ask(signal())).toMatchObject({ cause: 'gateway_not_configured' });
  });

  it('is not known while Stripe does not answer', async () => {
    strike('accounts.retrieve', { kind: 'drop' });
    const ask = gateway.account?.ask(AbortSignal.timeout(300));
    expect(await ask).toMatchObject({ kind: 'unreachable', reason: expect.any(String) });
  });

  it('is remembered by a name that reveals nothing of the key', async () => {
    const name = await gateway.account?.keyName();
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    expect(await gatewayWith({ secretKey: 'sk_test_another' }).account?.keyName()).not.toBe(name);
  });
});

describe('the fence', () => {
  it('cancels an intent that was not confirmed, and then it never can be', async () => {
    strike('payment_intents.confirm', { kind: 'drop' });
    const transaction = pendingTransaction();
    await gateway.charge({ transaction, instrument: VISA, signal: AbortSignal.timeout(200) });
    expect(await cancel(transaction)).toEqual({ kind: 'cancelled' });
    expect(await charge(transaction)).not.toMatchObject({ kind: 'approved' });
    expect(emulator.stripe.charges()).toEqual([]);
  });

  it.each([
    ['', {}],
    [', also where what is in no row is passed on', PASSED_ON],
  ])('of a charge that is still on its way takes its key, so that it finds a cancelled intent%s', async (_, more) => {
    const transaction = pendingTransaction();
    expect(await cancel(transaction)).toEqual({ kind: 'cancelled' });
    expect(await charge(transaction, VISA, more)).not.toMatchObject({ kind: 'approved' });
    expect(emulator.stripe.charges()).toEqual([]);
    expect(await lookUp(transaction)).toEqual({ kind: 'cancelled' });
  });

  it('holds where the key is answered with a failure for good: nobody got the name of an intent', async () => {
    emulator.fault = ({ operation }) =>
      operation === 'payment_intents.create'
        ? { kind: 'error_500', committed: false, cached: true }
        : { kind: 'normal' };
    const transaction = pendingTransaction();
    expect(await charge(transaction)).toMatchObject({ kind: 'failed', silent: true });
    emulator.fault = () => ({ kind: 'normal' });
    expect(await cancel(transaction)).toEqual({ kind: 'cancelled' });
  });

  it('cancels the intent that a failure for good has left behind', async () => {
    emulator.fault = ({ operation }) =>
      operation === 'payment_intents.create'
        ? { kind: 'error_500', committed: true, cached: true }
        : { kind: 'normal' };
    const transaction = pendingTransaction();
    await charge(transaction);
    emulator.fault = () => ({ kind: 'normal' });
    expect(await cancel(transaction)).toEqual({ kind: 'cancelled' });
    expect(emulator.stripe.intents()).toMatchObject([{ status: 'canceled' }]);
  });

  it('is not up where Stripe just fails', async () => {
    strike('payment_intents.create', { kind: 'error_500', committed: false, cached: false });
    expect(await cancel(pendingTransaction())).toMatchObject({ kind: 'unreachable' });
  });

  it('finds the charge that was there before it', async () => {
    const transaction = pendingTransaction();
    const outcome = await charge(transaction);
    expect(await cancel(transaction)).toEqual(outcome);
  });
});

describe('a key that Stripe has forgotten', () => {
  it('does not hide the charge that was made under it', async () => {
    const transaction = pendingTransaction();
    await charge(transaction);
    emulator.stripe.forgetKeys();
    expect(await lookUp(transaction)).toMatchObject({ kind: 'approved' });
    expect(await cancel(transaction)).toMatchObject({ kind: 'approved' });
  });

  it('does not hide it behind an intent that was made since, which moved nothing', async () => {
    const transaction = pendingTransaction();
    await charge(transaction);
    emulator.stripe.forgetKeys();
    clock.nowMs += 1_000; // lists begin with the newest
    emulator.fault = ({ operation }) => ({ kind: operation === 'payment_intents.confirm' ? 'drop' : 'normal' });
    expect(await charge(transaction)).toMatchObject({ kind: 'unknown' });
    expect(emulator.stripe.intents()).toHaveLength(2);
    expect(await lookUp(transaction)).toMatchObject({ kind: 'approved' });
    expect(await cancel(transaction)).toMatchObject({ kind: 'approved' });
  });
});

describe('a payment that Stripe refuses each time', () => {
  it.each([
    ['is too small', { amountMinor: 10 }],
    ['is in a currency that it does not take', { currency: 'KPW' }],
  ])('since it %s, has certainly not happened, though the process that asked for it died', async (_, overrides) => {
    const transaction = pendingTransaction(overrides);
    expect(await lookUp(transaction)).toEqual({ kind: 'not_found' });
    expect(await cancel(transaction)).toEqual({ kind: 'cancelled' });
  });
});

describe('a request that can’t be made', () => {
  it('has failed, and Stripe is not to blame for it', async () => {
    const transaction = pendingTransaction({ bookingId: 'half a pair: \ud800' });
    expect(await charge(transaction)).toMatchObject({ kind: 'failed', silent: false });
  });
});

describe('JSON that is not from Stripe', () => {
  const FOREIGN: [answer: string, status: number, body: string][] = [
    ['a message', 403, '{"message":"upstream connect error"}'],
    ['a refusal', 404, '{"error":"Not Found"}'],
    ['a list', 400, '[]'],
    ['a page of a portal', 200, '{"message":"please log in"}'],
  ];

  it.each(FOREIGN)('leaves a confirmation unknown: %s with %i', async (_, status, body) => {
    strike('payment_intents.confirm', { kind: 'answer', status, body, committed: true });
    const transaction = pendingTransaction();
    expect(await charge(transaction)).toMatchObject({ kind: 'unknown', silent: true });
    expect(await lookUp(transaction)).toMatchObject({ kind: 'approved' });
  });

  it.each(FOREIGN)('does not hide a charge from the look-up and the fence: %s with %i', async (_, status, body) => {
    const transaction = pendingTransaction();
    const intent = referenceOf(await charge(transaction));
    emulator.stripe.forgetKeys();
    emulator.fault = ({ operation }) =>
      operation === 'payment_intents.retrieve' ? { kind: 'answer', status, body } : { kind: 'normal' };
    const kept = { ...transaction, gatewayIntent: intent };
    expect(await lookUp(kept)).toMatchObject({ kind: 'unreachable' });
    expect(await gateway.cancelCharge?.(kept, signal())).toMatchObject({ kind: 'unreachable' });
    expect(emulator.stripe.intents()).toHaveLength(1);
  });
});

it.each(['testmode_charges_only', 'platform_api_key_expired'])(
  'the refusal %s is an error of the settings, which the operator has to mend',
  async (code) => {
    strike('payment_intents.create', {
      kind: 'stripe_error',
      status: 400,
      type: 'invalid_request_error',
      code,
      message: 'No.',
    });
    expect(await charge(pendingTransaction())).toMatchObject({ kind: 'failed', cause: 'gateway_not_configured' });
  },
);

describe('another account’s key', () => {
  it('knows nothing of an intent that was kept, and says so rather than that there is none', async () => {
    const transaction = pendingTransaction({ gatewayIntent: 'pi_ofAnotherAccount' });
    expect(await lookUp(transaction)).toMatchObject({ kind: 'undetermined' });
    expect(await cancel(transaction)).toMatchObject({ kind: 'undetermined' });
  });
});

describe('the refunds of a charge', () => {
  it('are listed, external ones too, with whose each is, and asking for them moves nothing', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction);
    await gateway.refund({ refund, transaction, signal: signal() });
    const reference = emulator.stripe.refundInDashboard(transaction.gatewayReference ?? '', 100);
    const before = operations().length;
    const listing = await gateway.listRefundsOfCharge?.(transaction, signal());
    const external = { reference, refundId: null, amountMinor: 100, currency: 'USD', state: 'moved' };
    const { transactionId, gatewayReference: chargeReference } = transaction;
    expect(listing).toMatchObject({ kind: 'listed' });
    expect(listing).toHaveProperty(
      'refunds',
      expect.arrayContaining([
        expect.objectContaining({ ...external, transactionId, chargeReference }),
        expect.objectContaining({ refundId: refund.refundId }),
      ]),
    );
    expect(operations().slice(before)).toEqual(['refunds.list']);
  });

  it('prove themselves where Stripe refuses a refund because of them', async () => {
    const transaction = await paid();
    const refusal = async (amountMinor: number) => {
      const refund = pendingRefund(transaction, { amountMinor });
      return gateway.refund({ refund, transaction, signal: signal() });
    };
    emulator.stripe.refundInDashboard(transaction.gatewayReference ?? '', 2000);
    expect(await refusal(2550)).toMatchObject({ kind: 'declined', cause: 'refund_exceeds' });
    emulator.stripe.refundInDashboard(transaction.gatewayReference ?? '');
    expect(await refusal(100)).toMatchObject({ kind: 'declined', cause: 'already_refunded' });
  });

  it('can’t be listed while Stripe can’t be reached', async () => {
    const transaction = await paid();
    strike('refunds.list', { kind: 'error_500', committed: false, cached: false });
    expect(await gateway.listRefundsOfCharge?.(transaction, signal())).toMatchObject({ kind: 'unreachable' });
  });
});

describe('a refund', () => {
  it('of a charge that is owed back is all that is left of it, where some was refunded by hand', async () => {
    const transaction = await paid();
    emulator.stripe.refundInDashboard(transaction.gatewayReference ?? '', 500);
    const refund = pendingRefund(transaction, { kind: 'late_charge', amountMinor: transaction.amountMinor });
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind: 'approved' });
    expect(emulator.stripe.refunds().map(({ amount }) => amount)).toEqual([500, transaction.amountMinor - 500]);
  });

  it('of a payment that Stripe does not have has certainly failed, and its cause is an alarm', async () => {
    const transaction = paidTransaction(pendingTransaction(), 'pi_ofAnEmptiedAccount');
    const refund = pendingRefund(transaction);
    const unknown = { kind: 'failed', cause: 'charge_unknown' };
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject(unknown);

    const error = { type: 'invalid_request_error', code: 'resource_missing', param: 'payment_intent', message: 'no' };
    strike('refunds.list', { kind: 'stripe_error', status: 404, ...error });
    expect(await gateway.lookUpRefund(refund, transaction, signal())).toMatchObject(unknown);
  });

  it.each<[Fault]>([
    [{ kind: 'stripe_error', status: 401, type: 'invalid_request_error', message: 'no' }],
    [{ kind: 'stripe_error', status: 403, type: 'invalid_request_error', message: 'no' }],
    [{ kind: 'rate_limited_429', retryAfterSeconds: 1 }],
    [{ kind: 'answer', status: 404, body: '<html>' }],
  ])('refused by %j has an unknown outcome: it says nothing of a request before it', async (fault) => {
    const transaction = await paid();
    emulator.fault = ({ operation }) => (operation === 'refunds.create' ? fault : { kind: 'normal' });
    const refund = pendingRefund(transaction);
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind: 'unknown' });
  });

  it('whose key is answered with a failure of Stripe’s is judged by Stripe’s list', async () => {
    const transaction = await paid();
    for (const committed of [true, false]) {
      const refund = pendingRefund(transaction);
      emulator.fault = ({ operation }) =>
        operation === 'refunds.create' ? { kind: 'error_500', committed, cached: true } : { kind: 'normal' };
      await gateway.refund({ refund, transaction, signal: signal() });
      emulator.fault = () => ({ kind: 'normal' });
      expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({
        kind: committed ? 'approved' : 'failed',
      });
    }
  });

  it('with a long reason does not cut a character in two', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction, { reason: `${'x'.repeat(499)}🎟` });
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toMatchObject({ kind: 'approved' });
  });

  it('is paid once under its id, and found by it', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction);
    const first = await gateway.refund({ refund, transaction, signal: signal() });
    expect(await gateway.refund({ refund, transaction, signal: signal() })).toEqual(first);
    expect(await gateway.lookUpRefund(refund, transaction, signal())).toEqual(first);
    expect(emulator.stripe.refunds()).toHaveLength(1);
  });

  it('that failed after it had been paid is declined, when it is looked up', async () => {
    const transaction = await paid();
    const refund = pendingRefund(transaction);
    const reference = referenceOf(await gateway.refund({ refund, transaction, signal: signal() }));
    emulator.stripe.failRefund(reference);
    for (const row of [refund, { ...refund, gatewayReference: reference }]) {
      expect(await gateway.lookUpRefund(row, transaction, signal())).toMatchObject({
        kind: 'declined',
        cause: 'refund_sent_back',
      });
    }
  });

  it.each(['re_unknown', '../payment_intents', ''])('by the name "%s" is none that Stripe has', async (reference) => {
    expect(await gateway.findExternalRefund?.(reference, signal())).toEqual({ kind: 'not_found' });
    expect(await gateway.findChargeOwner?.(reference, signal())).toEqual({ kind: 'known', transactionId: null });
  });

  it('that was made at Stripe by hand says whose it is, and one of another business that it is none of ours', async () => {
    const transaction = await paid();
    const reference = emulator.stripe.refundInDashboard(transaction.gatewayReference ?? '', 550);
    expect(await gateway.findExternalRefund?.(reference, signal())).toMatchObject({
      refund: {
        transactionId: transaction.transactionId,
        amountMinor: 550,
        currency: 'USD',
        state: 'moved',
      },
    });

    const foreign = await stripeClientOf(emulator).paymentIntents.create({
      amount: 700,
      currency: 'usd',
      confirm: true,
      payment_method: 'pm_card_visa',
      allowed_payment_method_types: ['card'],
    });
    const theirs = emulator.stripe.refundInDashboard(foreign.id);
    expect(await gateway.findExternalRefund?.(theirs, signal())).toMatchObject({ refund: { transactionId: null } });
    expect(await movements()).toMatchObject([{ kind: 'charge' }, { kind: 'refund', reference }]);
  });
});

it('lists more than a page', async () => {
  const charges = Array.from({ length: 120 }, () => charge(pendingTransaction()));
  await Promise.all(charges);
  expect(await movements()).toHaveLength(120);
});

async function movements(): Promise<Movement[]> {
  const found: Movement[] = [];
  const listed = gateway.listMovements?.(clock.nowMs - HOUR_MS, clock.nowMs + HOUR_MS) ?? [];
  for await (const movement of listed) found.push(movement);
  return found;
}

function referenceOf(outcome: GatewayOutcome): string {
  if (outcome.kind !== 'approved') throw new Error(`the charge of a test is ${JSON.stringify(outcome)}`);
  return outcome.reference;
}

/** Captures of held money: the Stripe adapter at the emulator. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { stripeClientOf } from '../support/emulator-clients.ts';
import { paidTransaction, pendingRefund } from '../support/rows.ts';
import { type StripeAdapter, startStripeAdapter } from '../support/stripe-adapter.ts';

const DAY_MS = 24 * 60 * 60_000;

let stripe: StripeAdapter;
beforeEach(async () => {
  stripe = await startStripeAdapter();
});
afterEach(async () => {
  expect(stripe.emulator.misfits).toEqual([]);
  await stripe.stop();
});

const intentId = () => stripe.emulator.stripe.intents()[0]?.id ?? '';
const statusAtStripe = () => stripe.emulator.stripe.intents().map(({ status }) => status);
const approved = () => ({ kind: 'approved', reference: intentId() });
const signal = () => AbortSignal.timeout(5_000);

const held = (overrides?: Partial<Transaction>) => stripe.hold(overrides);

/** By an operator, in Stripe's dashboard. */
const inDashboard = () => stripeClientOf(stripe.emulator).paymentIntents;

describe('a capture', () => {
  it('takes the money that is held, under a key that follows from our id', async () => {
    const transaction = await held();
    expect(await stripe.capture(transaction)).toEqual(approved());
    const { operation, key } = stripe.emulator.calls.at(-1) ?? {};
    expect([operation, key]).toEqual(['payment_intents.capture', `${transaction.transactionId}:capture`]);
    expect(stripe.posted.at(-1)?.body).toBe('amount_to_capture=2550');
    expect(await stripe.lookUp(transaction)).toEqual(approved());
    const charge = { kind: 'charge', id: transaction.transactionId, reference: intentId(), amountMinor: 2550 };
    expect(await stripe.movements()).toMatchObject([charge]);
  });

  it.each([true, false])('that is sent again takes it once, where Stripe still has the key: %s', async (hasKey) => {
    const transaction = await held();
    expect(await stripe.capture(transaction)).toEqual(approved());
    if (!hasKey) stripe.emulator.stripe.forgetKeys();
    expect(await stripe.capture(transaction)).toEqual(approved());
    expect(stripe.emulator.stripe.charges()).toHaveLength(1);
  });

  it.each(['ISK', 'MGA', 'JPY'])('in %s takes what Stripe counts in its own unit', async (currency) => {
    const transaction = await held({ currency, amountMinor: 500_000 });
    expect(await stripe.capture(transaction)).toEqual(approved());
    expect(await stripe.movements()).toMatchObject([{ amountMinor: 500_000, currency }]);
  });

  it('can be refunded afterwards', async () => {
    const transaction = await held();
    await stripe.capture(transaction);
    const paid = paidTransaction(transaction, intentId());
    const refund = pendingRefund(paid);
    const outcome = await stripe.gateway.refund({ refund, transaction: paid, signal: signal() });
    expect(outcome).toMatchObject({ kind: 'approved' });
  });

  it('whose connection breaks is sent again under its key, and so is known at once', async () => {
    const transaction = await held();
    stripe.strike('payment_intents.capture', { kind: 'commit_then_drop' });
    expect(await stripe.capture(transaction)).toEqual(approved());
    expect(stripe.emulator.stripe.charges()).toHaveLength(1);
  });

  it.each<[Fault, string]>([
    [{ kind: 'commit_then_delay', ms: 3_000 }, 'approved'],
    [{ kind: 'delay', ms: 3_000 }, 'authorized'],
  ])('without an answer in time is unknown, and sent again it is known: %j', async (fault, found) => {
    const transaction = await held();
    stripe.strike('payment_intents.capture', fault);
    const outcome = await stripe.capture(transaction, AbortSignal.timeout(1_000));
    expect(outcome).toMatchObject({ kind: 'unknown', silent: true, intent: intentId() });
    expect(await stripe.lookUp(transaction)).toMatchObject({ kind: found, reference: intentId() });
    expect(await stripe.capture(transaction)).toEqual(approved());
    expect(stripe.emulator.stripe.charges()).toHaveLength(1);
  });

  it.each<[Fault]>([
    [{ kind: 'error_500', committed: false, cached: false }],
    [{ kind: 'error_500', committed: true, cached: false }],
    [{ kind: 'rate_limited_429', retryAfterSeconds: 1 }],
    [{ kind: 'conflict_409' }],
    [{ kind: 'stripe_error', status: 401, type: 'invalid_request_error', message: 'no' }],
    [{ kind: 'stripe_error', status: 403, type: 'invalid_request_error', message: 'no' }],
    [{ kind: 'stripe_error', status: 404, type: 'invalid_request_error', code: 'resource_missing', message: 'no' }],
    [{ kind: 'stripe_error', status: 400, type: 'invalid_request_error', code: 'api_key_expired', message: 'no' }],
    [{ kind: 'stripe_error', status: 400, type: 'idempotency_error', message: 'no' }],
    [{ kind: 'answer', status: 400, body: '{"message":"a proxy"}', committed: true }],
  ])('that is answered with %j is unknown, and the hold is left alone', async (fault) => {
    const transaction = await held();
    stripe.emulator.fault = ({ operation }) => (operation === 'payment_intents.capture' ? fault : { kind: 'normal' });
    expect(await stripe.capture(transaction)).toMatchObject({ kind: 'unknown', intent: intentId() });
    expect(stripe.operations()).not.toContain('payment_intents.cancel');
  });

  it('that is still pending at Stripe is unknown, and ends by the look-up', async () => {
    const transaction = await held();
    stripe.strike('payment_intents.capture', { kind: 'pending' });
    expect(await stripe.capture(transaction)).toMatchObject({ kind: 'unknown', accepted: true });
    expect(await stripe.lookUp(transaction)).toEqual({ kind: 'in_progress' });
    expect(await stripe.release(transaction)).toEqual({ kind: 'in_progress' });
    expect(await stripe.movements()).toEqual([]);
    stripe.emulator.stripe.finishIntent(intentId(), 'succeeded');
    expect(await stripe.lookUp(transaction)).toEqual(approved());
  });

  it.each<[string, () => unknown]>([
    ['has expired', () => stripe.emulator.stripe.expireAuthorization(intentId())],
    ['has expired by the clock', () => (stripe.clock.nowMs += 8 * DAY_MS)],
    ['was cancelled by an operator', () => inDashboard().cancel(intentId())],
  ])('of a hold that %s is certainly refused', async (_, end) => {
    const transaction = await held();
    await end();
    const outcome = await stripe.capture(transaction);
    expect(outcome).toMatchObject({ kind: 'declined', code: 'AUTHORIZATION_EXPIRED', cause: 'authorization_ended' });
    expect(await stripe.lookUp(transaction)).toEqual({ kind: 'cancelled' });
    expect(stripe.emulator.stripe.charges()).toEqual([]);
  });

  it('that Stripe does not find out about, of a hold that has ended, is unknown', async () => {
    const transaction = await held();
    stripe.emulator.stripe.expireAuthorization(intentId());
    stripe.emulator.fault = ({ operation }) =>
      operation === 'payment_intents.retrieve' ? { kind: 'drop' } : { kind: 'normal' };
    expect(await stripe.capture(transaction)).toMatchObject({ kind: 'unknown', silent: true, intent: intentId() });
  });

  it('after an operator has captured it is approved', async () => {
    const transaction = await held();
    await inDashboard().capture(intentId());
    expect(await stripe.capture(transaction)).toEqual(approved());
  });

  it('after an operator has captured less is mischarged, and what was captured can be refunded', async () => {
    const transaction = await held();
    await inDashboard().capture(intentId(), { amount_to_capture: 1000 });
    const mischarged = {
      kind: 'mischarged',
      reference: intentId(),
      amountMinor: 1000,
      cause: 'captured_amount_differs',
    };
    expect(await stripe.capture(transaction)).toEqual(mischarged);
    expect(await stripe.lookUp(transaction)).toEqual(mischarged);
    expect(await stripe.release(transaction)).toEqual(mischarged);
    // The rest was released, which is no refund.
    expect(await stripe.movements()).toMatchObject([{ kind: 'charge', amountMinor: 1000 }]);

    const owed = { ...transaction, status: 'failed', gatewayReference: intentId() } as const;
    const refund = pendingRefund(owed, { kind: 'late_charge', amountMinor: 1000 });
    const outcome = await stripe.gateway.refund({ refund, transaction: owed, signal: signal() });
    expect(outcome).toMatchObject({ kind: 'approved' });
    expect(stripe.emulator.stripe.refunds()).toMatchObject([{ amount: 1000 }]);
  });

  it.each([
    ['the bank', { status: 402, type: 'card_error', code: 'card_declined', decline_code: 'x' }, 'declined'],
    [
      'Stripe',
      { status: 400, type: 'invalid_request_error', code: 'charge_expired_for_capture' },
      'authorization_ended',
    ],
  ])('that %s refuses for good is declined, and the money is released', async (_, error, cause) => {
    const transaction = await held();
    stripe.strike('payment_intents.capture', { kind: 'stripe_error', ...error, message: 'no' });
    expect(await stripe.capture(transaction)).toMatchObject({ kind: 'declined', cause });
    expect(statusAtStripe()).toEqual(['canceled']);
    expect(await stripe.lookUp(transaction)).toEqual({ kind: 'cancelled' });
  });

  it.each([
    [true, { kind: 'approved' }, 'succeeded'],
    [false, { kind: 'failed' }, 'canceled'],
  ])(
    'whose key is answered with a failure of Stripe’s for good, carried out: %s, is %j',
    async (done, outcome, status) => {
      const transaction = await held();
      stripe.strike('payment_intents.capture', { kind: 'error_500', committed: done, cached: true });
      expect(await stripe.capture(transaction)).toMatchObject(outcome);
      expect(statusAtStripe()).toEqual([status]);
    },
  );

  it('that is refused, though the money was taken meanwhile, is approved', async () => {
    const transaction = await held();
    await inDashboard().capture(intentId());
    const refusal = { status: 400, type: 'invalid_request_error', code: 'charge_already_captured', message: 'no' };
    stripe.strike('payment_intents.capture', { kind: 'stripe_error', ...refusal });
    expect(await stripe.capture(transaction)).toEqual(approved());
  });
});

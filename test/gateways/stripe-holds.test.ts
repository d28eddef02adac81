/** Money that is held, then captured or released: the Stripe adapter at the emulator. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { stripeClientOf } from '../support/emulator-clients.ts';
import { paidTransaction, pendingRefund, pendingTransaction } from '../support/rows.ts';
import { RETURN_URL, type StripeAdapter, startStripeAdapter } from '../support/stripe-adapter.ts';

const DAY_MS = 24 * 60 * 60_000;
const VISA = 'pm_card_visa';

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
const heldUntilMs = () => (Math.floor(stripe.clock.nowMs / 1000) + 7 * 24 * 60 * 60) * 1000;
const approved = () => ({ kind: 'approved', reference: intentId() });
const signal = () => AbortSignal.timeout(5_000);

const toHold = (overrides: Partial<Transaction> = {}) => pendingTransaction({ captureMethod: 'manual', ...overrides });

/** A payment whose money is held, as the ledger has it then. */
async function held(overrides: Partial<Transaction> = {}): Promise<Transaction> {
  const transaction = toHold(overrides);
  const outcome = await stripe.charge(transaction, VISA);
  if (outcome.kind !== 'authorized') throw new Error(`expected a hold, not ${outcome.kind}`);
  return { ...transaction, substate: 'authorized', authorizationReference: outcome.reference };
}

/** By an operator, in Stripe's dashboard. */
const inDashboard = () => stripeClientOf(stripe.emulator).paymentIntents;

describe('an authorization', () => {
  it('holds the money for as long as Stripe says, and takes none', async () => {
    const transaction = toHold();
    const outcome = await stripe.charge(transaction, VISA);
    expect(outcome).toEqual({ kind: 'authorized', reference: intentId(), expiresAtMs: heldUntilMs() });
    expect(stripe.operations()).toEqual(['payment_intents.create', 'payment_intents.confirm']);
    expect(await stripe.movements()).toEqual([]);
  });

  it('is found by our id, by its intent and by its reference', async () => {
    const transaction = toHold();
    const outcome = await stripe.charge(transaction, VISA);
    expect(await stripe.lookUp(transaction)).toEqual(outcome);
    expect(await stripe.lookUp({ ...transaction, gatewayIntent: intentId() })).toEqual(outcome);
    expect(await stripe.lookUp({ ...transaction, authorizationReference: intentId() })).toEqual(outcome);
  });

  it('that the bank declines is declined', async () => {
    const outcome = await stripe.charge(toHold(), 'pm_card_visa_chargeDeclinedInsufficientFunds');
    expect(outcome).toMatchObject({ kind: 'declined', code: 'INSUFFICIENT_FUNDS' });
  });

  it('of which the answer is lost is unknown, and the look-up finds the hold', async () => {
    stripe.strike('payment_intents.confirm', { kind: 'commit_then_delay', ms: 2_000 });
    const transaction = toHold();
    const outcome = await stripe.charge(transaction, VISA, { signal: AbortSignal.timeout(500) });
    expect(outcome).toMatchObject({ kind: 'unknown', intent: intentId() });
    expect(await stripe.lookUp(transaction)).toMatchObject({ kind: 'authorized', expiresAtMs: heldUntilMs() });
  });

  it('is kept by the fence of the charge', async () => {
    const transaction = toHold();
    const outcome = await stripe.charge(transaction, VISA);
    expect(await stripe.cancel(transaction)).toEqual(outcome);
    expect(statusAtStripe()).toEqual(['requires_capture']);
  });

  it('is found though Stripe has forgotten the key, and another intent was made under it', async () => {
    const transaction = await held();
    stripe.emulator.stripe.forgetKeys();
    stripe.clock.nowMs += 1_000; // lists begin with the newest
    await stripe.charge(transaction, 'pm_card_threeDSecure2Required', { returnUrl: RETURN_URL });
    expect(statusAtStripe().toSorted()).toEqual(['requires_action', 'requires_capture']);
    const row = { ...transaction, authorizationReference: null };
    expect(await stripe.lookUp(row)).toMatchObject({ kind: 'authorized' });
  });
});

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
    [{ kind: 'commit_then_delay', ms: 2_000 }, 'approved'],
    [{ kind: 'delay', ms: 600 }, 'authorized'],
  ])('without an answer in time is unknown, and sent again it is known: %j', async (fault, found) => {
    const transaction = await held();
    stripe.strike('payment_intents.capture', fault);
    const outcome = await stripe.capture(transaction, AbortSignal.timeout(300));
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

describe('a release', () => {
  it('gives the money back, again changes nothing, and is no refund', async () => {
    const transaction = await held();
    expect(await stripe.release(transaction)).toEqual({ kind: 'cancelled' });
    expect(await stripe.release(transaction)).toEqual({ kind: 'cancelled' });
    expect(statusAtStripe()).toEqual(['canceled']);
    expect(await stripe.lookUp(transaction)).toEqual({ kind: 'cancelled' });
    expect(await stripe.movements()).toEqual([]);
    const row = { ...transaction, gatewayReference: intentId() };
    const listing = await stripe.gateway.listRefundsOfCharge?.(row, signal());
    expect(listing).toMatchObject({ kind: 'listed', refunds: [{ state: 'never', refundId: null }] });
  });

  it('after the capture finds the money taken', async () => {
    const transaction = await held();
    await stripe.capture(transaction);
    expect(await stripe.release(transaction)).toEqual(approved());
  });

  it('is followed by no capture', async () => {
    const transaction = await held();
    await stripe.release(transaction);
    expect(await stripe.capture(transaction)).toMatchObject({ kind: 'declined', cause: 'authorization_ended' });
    expect(stripe.emulator.stripe.charges()).toEqual([]);
  });

  it.each([true, false])('whose answer is lost is not certain, where it was carried out: %s', async (done) => {
    const transaction = await held();
    stripe.strike('payment_intents.cancel', { kind: done ? 'commit_then_drop' : 'drop' });
    expect(await stripe.release(transaction)).toMatchObject({ kind: 'unreachable' });
    expect(await stripe.lookUp(transaction)).toMatchObject({ kind: done ? 'cancelled' : 'authorized' });
    expect(await stripe.release(transaction)).toEqual({ kind: 'cancelled' });
  });

  it('of a hold that turned up late finds it by our id', async () => {
    const { authorizationReference: _, ...row } = await held();
    const failed: Transaction = { ...row, authorizationReference: null, substate: null, status: 'failed' };
    expect(await stripe.release(failed)).toEqual({ kind: 'cancelled' });
    expect(statusAtStripe()).toEqual(['canceled']);
  });

  it('of a hold that is not found decides nothing', async () => {
    expect(await stripe.release(toHold())).toMatchObject({ kind: 'undetermined' });
  });
});

it('an external refund that is the release of a hold has never moved money', async () => {
  const transaction = await held();
  await stripe.release(transaction);
  const [refund] = (await stripeClientOf(stripe.emulator).refunds.list({ payment_intent: intentId() })).data;
  expect(await stripe.gateway.findExternalRefund?.(refund?.id ?? '', signal())).toMatchObject({
    kind: 'found',
    refund: { transactionId: transaction.transactionId, refundId: null, state: 'never' },
  });
});

describe('webhooks', () => {
  it('report a hold as money that may have to be released, and its end as nothing of the kind', async () => {
    const transaction = await held();
    await stripe.release(transaction);
    const about = { about: 'payment', transactionId: transaction.transactionId };
    expect(await stripe.notices()).toEqual({
      'payment_intent.amount_capturable_updated': { ...about, charged: true },
      'payment_intent.canceled': { ...about, charged: false },
      'refund.created': { about: 'external_refund', reference: expect.stringMatching(/^re_/) },
    });
  });

  it('report a capture', async () => {
    const transaction = await held();
    await stripe.capture(transaction);
    expect(await stripe.notices()).toMatchObject({ 'payment_intent.succeeded': { charged: true } });
  });
});

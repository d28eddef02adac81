/** Money that is held and released: the Stripe adapter at the emulator. Captures are in stripe-captures.test.ts. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import { stripeClientOf } from '../support/emulator-clients.ts';
import { pendingTransaction } from '../support/rows.ts';
import { RETURN_URL, type StripeAdapter, startStripeAdapter } from '../support/stripe-adapter.ts';

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

const held = () => stripe.hold();

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
    stripe.strike('payment_intents.confirm', { kind: 'commit_then_delay', ms: 3_000 });
    const transaction = toHold();
    const outcome = await stripe.charge(transaction, VISA, { signal: AbortSignal.timeout(1_000) });
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

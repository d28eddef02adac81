/** Payers who authenticate: the Stripe adapter at the emulator. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/core/domain/transaction.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { pendingTransaction } from '../support/rows.ts';
import { RETURN_URL, type StripeAdapter, startStripeAdapter } from '../support/stripe-adapter.ts';

const NEEDS_AUTHENTICATION = 'pm_card_threeDSecure2Required';

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

/** A payment whose payer has been sent to authenticate, as the ledger has it then. */
async function challenged(
  token: string = NEEDS_AUTHENTICATION,
  overrides: Partial<Transaction> = {},
): Promise<Transaction> {
  const transaction = pendingTransaction(overrides);
  const outcome = await stripe.charge(transaction, token, { returnUrl: RETURN_URL });
  if (outcome.kind !== 'challenged') throw new Error(`expected a challenge, not ${outcome.kind}`);
  return { ...transaction, substate: 'challenged', gatewayIntent: outcome.intent ?? null };
}

describe('a payment without a return_url', () => {
  it('is sent as before, to the byte', async () => {
    const transaction = pendingTransaction();
    await stripe.charge(transaction, 'pm_card_visa');
    const { transactionId, bookingId } = transaction;
    expect(stripe.posted.map(({ path, body }) => [path, decodeURIComponent(body)])).toEqual([
      [
        '/v1/payment_intents',
        'amount=2550&currency=usd&allowed_payment_method_types[0]=card' +
          `&metadata[transaction_id]=${transactionId}&metadata[booking_id]=${bookingId}`,
      ],
      ['/v1/payment_intents/{intent}/confirm', 'payment_method=pm_card_visa&error_on_requires_action=true'],
    ]);
  });

  it('is declined where the bank requires an authentication', async () => {
    const outcome = await stripe.charge(pendingTransaction(), NEEDS_AUTHENTICATION);
    expect(outcome).toMatchObject({ kind: 'declined', code: 'CARD_DECLINED', cause: 'authentication_required' });
  });
});

describe('a payment with a return_url', () => {
  it('is paid at once where no authentication is required', async () => {
    const outcome = await stripe.charge(pendingTransaction(), 'pm_card_visa', { returnUrl: RETURN_URL });
    expect(outcome).toMatchObject({ kind: 'approved' });
  });

  it('is challenged otherwise, and repeats the address to a look-up', async () => {
    const transaction = pendingTransaction();
    const outcome = await stripe.charge(transaction, NEEDS_AUTHENTICATION, { returnUrl: RETURN_URL });
    const url = expect.stringMatching(/^http:\/\/.+\/stripe\/authenticate\/\w+$/);
    expect(outcome).toEqual({ kind: 'challenged', url, intent: intentId() });
    expect(await stripe.lookUp(transaction)).toEqual(outcome);
    expect(await stripe.lookUp({ ...transaction, gatewayIntent: intentId() })).toEqual(outcome);
    expect(stripe.emulator.stripe.charges()).toEqual([]);
    expect(await stripe.movements()).toEqual([]);
  });

  it('sends the payer back to the return_url, where nothing in the address is an outcome', async () => {
    await challenged();
    const address = new URL(stripe.emulator.stripe.authenticate(intentId(), 'completed') ?? '');
    expect(address.origin + address.pathname).toBe('https://shop.example/done');
    expect(address.searchParams.get('transaction_id')).toBe('TXN-1');
  });

  it('is paid once the payer has authenticated', async () => {
    const transaction = await challenged();
    stripe.emulator.stripe.authenticate(intentId(), 'completed');
    expect(await stripe.lookUp(transaction)).toEqual({ kind: 'approved', reference: intentId() });
    expect(await stripe.movements()).toMatchObject([{ id: transaction.transactionId, amountMinor: 2550 }]);
  });

  it('holds the money once the payer has authenticated, where that was asked for', async () => {
    const transaction = await challenged(NEEDS_AUTHENTICATION, { captureMethod: 'manual' });
    stripe.emulator.stripe.authenticate(intentId(), 'completed');
    expect(await stripe.lookUp(transaction)).toMatchObject({ kind: 'authorized', reference: intentId() });
    expect(await stripe.movements()).toEqual([]);
  });

  it('is declined where the payer fails to authenticate', async () => {
    const transaction = await challenged();
    stripe.emulator.stripe.authenticate(intentId(), 'failed');
    const notAuthenticated = {
      kind: 'declined',
      code: 'AUTHENTICATION_FAILED',
      cause: 'authentication_failed',
      providerCode: 'payment_intent_authentication_failure',
    };
    expect(await stripe.lookUp(transaction)).toMatchObject(notAuthenticated);
    // Stripe leaves it open. The fence ends that, and the reason stays.
    expect(statusAtStripe()).toEqual(['requires_payment_method']);
    expect(await stripe.cancel(transaction)).toMatchObject(notAuthenticated);
    expect(statusAtStripe()).toEqual(['canceled']);
    expect(await stripe.lookUp(transaction)).toMatchObject(notAuthenticated);
  });

  it('is declined where the bank declines after the authentication', async () => {
    const transaction = await challenged('pm_card_threeDSecureRequiredChargeDeclined');
    stripe.emulator.stripe.authenticate(intentId(), 'completed');
    expect(await stripe.lookUp(transaction)).toMatchObject({ kind: 'declined', code: 'CARD_DECLINED' });
  });

  it.each([
    [400, 'invalid_request_error'],
    [402, 'card_error'],
  ])('that Stripe refuses with %i as not authenticated is declined as that', async (status, type) => {
    const error = { type, code: 'payment_intent_authentication_failure', message: 'no' };
    stripe.strike('payment_intents.confirm', { kind: 'stripe_error', status, ...error });
    const outcome = await stripe.charge(pendingTransaction(), NEEDS_AUTHENTICATION, { returnUrl: RETURN_URL });
    expect(outcome).toMatchObject({ kind: 'declined', cause: 'authentication_failed' });
  });

  it('whose return_url Stripe refuses has failed, and the payment method is not blamed', async () => {
    const outcome = await stripe.charge(pendingTransaction(), 'pm_card_visa', { returnUrl: 'no address' });
    expect(outcome).toMatchObject({ kind: 'failed', providerCode: 'url_invalid' });
    expect(outcome).not.toHaveProperty('cause');
  });
});

describe('a lost answer to the confirmation', () => {
  it('is asked for again under its key, and the payer gets the same address', async () => {
    stripe.strike('payment_intents.confirm', { kind: 'commit_then_drop' });
    const transaction = await challenged();
    expect(stripe.operations().filter((name) => name === 'payment_intents.confirm')).toHaveLength(2);
    expect(await stripe.lookUp(transaction)).toMatchObject({ kind: 'challenged', url: expect.any(String) });
  });

  it('leaves the outcome unknown where it comes too late, and the look-up finds the challenge', async () => {
    stripe.strike('payment_intents.confirm', { kind: 'commit_then_delay', ms: 3_000 });
    const transaction = pendingTransaction();
    const more = { returnUrl: RETURN_URL, signal: AbortSignal.timeout(1_000) };
    const outcome = await stripe.charge(transaction, NEEDS_AUTHENTICATION, more);
    expect(outcome).toMatchObject({ kind: 'unknown', intent: intentId() });
    expect(await stripe.lookUp(transaction)).toMatchObject({ kind: 'challenged', url: expect.any(String) });
  });

  it('whose confirmation never arrived is not found, and the fence ends it', async () => {
    stripe.emulator.fault = ({ operation }) => ({ kind: operation === 'payment_intents.confirm' ? 'drop' : 'normal' });
    const transaction = pendingTransaction();
    const more = { returnUrl: RETURN_URL };
    expect(await stripe.charge(transaction, NEEDS_AUTHENTICATION, more)).toMatchObject({ kind: 'unknown' });
    stripe.emulator.fault = () => ({ kind: 'normal' });
    expect(await stripe.lookUp(transaction)).toEqual({ kind: 'not_found' });
    expect(await stripe.cancel(transaction)).toEqual({ kind: 'cancelled' });
  });
});

describe('the fence of a challenge', () => {
  it('ends it, and again changes nothing: the payer can’t authenticate any more', async () => {
    const transaction = await challenged();
    const { url } = (await stripe.lookUp(transaction)) as { url: string };
    expect(await stripe.cancel(transaction)).toEqual({ kind: 'cancelled' });
    expect(await stripe.cancel(transaction)).toEqual({ kind: 'cancelled' });
    expect(await stripe.lookUp(transaction)).toEqual({ kind: 'cancelled' });
    const late = await fetch(url, { method: 'POST', body: 'authentication=completed' });
    expect(late.status).toBe(409);
    expect(stripe.emulator.stripe.charges()).toEqual([]);
  });

  it.each([
    ['automatic', 'payment_intents.retrieve', 'approved'],
    ['automatic', 'payment_intents.cancel', 'approved'],
    ['manual', 'payment_intents.retrieve', 'authorized'],
  ] as const)('of a payer who was faster, with %s capture, before its %s, is %s', async (captureMethod, call, kind) => {
    const transaction = await challenged(NEEDS_AUTHENTICATION, { captureMethod });
    stripe.strike(call, { kind: 'normal' }, () => stripe.emulator.stripe.authenticate(intentId(), 'completed'));
    expect(await stripe.cancel(transaction)).toMatchObject({ kind, reference: intentId() });
    expect(statusAtStripe()).toEqual([kind === 'approved' ? 'succeeded' : 'requires_capture']);
  });

  it('releases what the payer had held between its two calls, so that it is certain all the same', async () => {
    const transaction = await challenged(NEEDS_AUTHENTICATION, { captureMethod: 'manual' });
    stripe.strike('payment_intents.cancel', { kind: 'normal' }, () =>
      stripe.emulator.stripe.authenticate(intentId(), 'completed'),
    );
    expect(await stripe.cancel(transaction)).toEqual({ kind: 'cancelled' });
    expect(statusAtStripe()).toEqual(['canceled']);
  });

  it.each([true, false])('whose answer is lost is not known to be up, where it was carried out: %s', async (done) => {
    const transaction = await challenged();
    stripe.strike('payment_intents.cancel', { kind: done ? 'commit_then_drop' : 'drop' });
    expect(await stripe.cancel(transaction)).toMatchObject({ kind: 'unreachable' });
    expect(await stripe.lookUp(transaction)).toMatchObject({ kind: done ? 'cancelled' : 'challenged' });
    expect(await stripe.cancel(transaction)).toEqual({ kind: 'cancelled' });
  });
});

describe('a challenge without an address', () => {
  const action = { type: 'use_stripe_sdk', use_stripe_sdk: { type: 'three_d_secure_redirect' } };

  interface Cancelling {
    fault?: Fault;
    meanwhile?: () => void;
  }

  /** Stripe answers as it does where a page is to have the payer authenticate with Stripe.js. */
  async function challengedInPage({ fault = { kind: 'normal' }, meanwhile = () => {} }: Cancelling = {}) {
    const transaction = pendingTransaction();
    const answer = () => {
      const { id } = stripe.emulator.stripe.intents()[0] ?? {};
      return JSON.stringify({ id, object: 'payment_intent', status: 'requires_action', next_action: action });
    };
    stripe.emulator.fault = ({ operation }) => {
      if (operation === 'payment_intents.cancel') {
        meanwhile();
        return fault;
      }
      if (operation !== 'payment_intents.confirm') return { kind: 'normal' };
      return { kind: 'answer', status: 200, body: answer(), committed: true };
    };
    return stripe.charge(transaction, NEEDS_AUTHENTICATION, { returnUrl: RETURN_URL });
  }

  it('can’t be answered by any payer, so it is cancelled and declined', async () => {
    const outcome = await challengedInPage();
    expect(outcome).toMatchObject({ kind: 'declined', cause: 'authentication_required' });
    expect(statusAtStripe()).toEqual(['canceled']);
  });

  it('is paid where the payer was faster than the cancelling', async () => {
    const outcome = await challengedInPage({
      meanwhile: () => stripe.emulator.stripe.authenticate(intentId(), 'completed'),
    });
    expect(outcome).toEqual({ kind: 'approved', reference: intentId() });
  });

  it.each<[Fault, string]>([
    [{ kind: 'error_500', committed: true, cached: false }, 'cancelled'],
    [{ kind: 'error_500', committed: false, cached: false }, 'challenged'],
  ])('is unknown where the cancelling has no answer but %j', async (fault, then) => {
    const outcome = await challengedInPage({ fault });
    expect(outcome).toMatchObject({ kind: 'unknown', intent: intentId() });
    stripe.emulator.fault = () => ({ kind: 'normal' });
    expect(await stripe.lookUp(pendingTransaction({ gatewayIntent: intentId() }))).toMatchObject({ kind: then });
  });
});

it('a key that Stripe has forgotten does not hide the challenge that was made under it', async () => {
  const transaction = pendingTransaction();
  await stripe.charge(transaction, NEEDS_AUTHENTICATION, { returnUrl: RETURN_URL });
  stripe.emulator.stripe.forgetKeys();
  stripe.clock.nowMs += 1_000; // lists begin with the newest
  stripe.emulator.fault = ({ operation }) => ({ kind: operation === 'payment_intents.confirm' ? 'drop' : 'normal' });
  await stripe.charge(transaction, NEEDS_AUTHENTICATION, { returnUrl: RETURN_URL });
  expect(statusAtStripe()).toEqual(expect.arrayContaining(['requires_action', 'requires_payment_method']));
  expect(await stripe.lookUp(transaction)).toMatchObject({ kind: 'challenged' });
});

it('webhooks report the challenge and how it ended', async () => {
  const { transactionId } = await challenged();
  stripe.emulator.stripe.authenticate(intentId(), 'failed');
  const notice = { about: 'payment', transactionId, charged: false };
  expect(await stripe.notices()).toEqual({
    'payment_intent.requires_action': notice,
    'payment_intent.payment_failed': notice,
  });
});

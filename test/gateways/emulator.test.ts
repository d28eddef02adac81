/** The emulated Stripe, asked by Stripe's own SDK. */
import { Stripe } from 'stripe';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import { TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';
import { stripeClientOf } from '../support/emulator-clients.ts';

let emulator: GatewayEmulator;
let stripe: Stripe;
/** Of the emulator; moved by tests. */
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 15, 12);
  emulator = await startGatewayEmulator({ clock: { nowMs: () => nowMs, random: Math.random } });
  stripe = stripeClientOf(emulator);
});
afterEach(() => emulator.stop());

describe('a payment', () => {
  it('succeeds, and leaves a charge that carries our ids', async () => {
    const method = await stripe.paymentMethods.create({ type: 'card', card: card(TEST_CARDS.visa) });
    expect(method.card).toMatchObject({ brand: 'visa', last4: TEST_CARDS.visa.slice(-4) });
    const intent = await create();
    expect(intent.status).toBe('requires_payment_method');

    const paid = await stripe.paymentIntents.confirm(intent.id, confirmation(method.id));

    expect(paid).toMatchObject({
      status: 'succeeded',
      amount_received: 2550,
      latest_charge: expect.stringMatching(/^ch_/),
    });
    expect(emulator.stripe.charges()).toEqual([
      { intentId: intent.id, transactionId: 'TXN-1', bookingId: 'B-1', amount: 2550, currency: 'usd', atMs: nowMs },
    ]);
    expect(emulator.misfits).toEqual([]);
    const types = emulator.stripe.events().map(({ type }) => type);
    expect(types).toEqual(['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded']);
  });

  it.each([
    ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
    ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
    ['pm_card_visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card', 'expired_card'],
    ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', 'incorrect_cvc'],
    ['pm_card_chargeDeclinedProcessingError', 'processing_error', 'processing_error'],
    ['pm_card_visa_chargeDeclinedVelocityLimitExceeded', 'card_declined', 'card_velocity_exceeded'],
    ['pm_card_radarBlock', 'card_declined', 'fraudulent'],
    ['pm_card_chargeCustomerFail', 'card_declined', 'generic_decline'],
    ['pm_card_authenticationRequired', 'authentication_required', 'authentication_required'],
    ['pm_card_authenticationRequiredOnSetup', 'authentication_required', 'authentication_required'],
    ['pm_card_threeDSecure2Required', 'authentication_required', 'authentication_required'],
    ['pm_card_threeDSecureRequiredChargeDeclined', 'authentication_required', 'authentication_required'],
  ])('by %s is declined', async (token, code, declineCode) => {
    const intent = await create();
    const error = await failure(stripe.paymentIntents.confirm(intent.id, confirmation(token)));
    expect(error).toMatchObject({ statusCode: 402, rawType: 'card_error', code, decline_code: declineCode });
    const standing = await stripe.paymentIntents.retrieve(intent.id);
    expect(standing).toMatchObject({ status: 'requires_payment_method', last_payment_error: { code } });
    expect(emulator.stripe.charges()).toEqual([]);
  });

  it.each([
    '4000000000003220',
    '4000002500003155',
    '4000002760003184',
    '4000003800000446',
    '4000008260003178',
    '4000008400001629',
    '4000008400001280',
  ])('by the card %s has to be authenticated', async (number) => {
    const method = await stripe.paymentMethods.create({
      type: 'card',
      card: { number, exp_month: 12, exp_year: new Date().getUTCFullYear() + 1, cvc: '123' },
    });
    const intent = await create();
    const error = await failure(stripe.paymentIntents.confirm(intent.id, confirmation(method.id)));
    expect(error).toMatchObject({ statusCode: 402, code: 'authentication_required' });
    expect(emulator.stripe.charges()).toEqual([]);
  });

  it('by a card that its payer disputes is disputed at once, and refunds of another card are pending', async () => {
    const disputed = await create();
    await stripe.paymentIntents.confirm(disputed.id, confirmation('pm_card_createDispute'));
    expect(emulator.stripe.disputes()).toMatchObject([{ intentId: disputed.id, status: 'needs_response' }]);
    const intent = await create();
    await stripe.paymentIntents.confirm(intent.id, confirmation('pm_card_pendingRefund'));
    expect(await stripe.refunds.create({ payment_intent: intent.id })).toMatchObject({ status: 'pending' });
  });

  it('that was declined can be tried again with another card', async () => {
    const intent = await create();
    await failure(stripe.paymentIntents.confirm(intent.id, confirmation('pm_card_visa_chargeDeclined')));
    const paid = await stripe.paymentIntents.confirm(intent.id, confirmation('pm_card_mastercard'));
    expect(paid.status).toBe('succeeded');
  });

  it('waits for the payer where authentication may be asked for', async () => {
    const intent = await create();
    const waiting = await stripe.paymentIntents.confirm(intent.id, {
      payment_method: 'pm_card_authenticationRequired',
    });
    expect(waiting.status).toBe('requires_action');
  });

  it('cannot be confirmed or canceled once it is over', async () => {
    const paid = await pay();
    for (const refused of [stripe.paymentIntents.confirm(paid), stripe.paymentIntents.cancel(paid)]) {
      const error = await failure(refused);
      expect(error).toMatchObject({ statusCode: 400, code: 'payment_intent_unexpected_state' });
      expect(error.raw).toMatchObject({ payment_intent: { id: paid, status: 'succeeded' } });
    }
    const intent = await create();
    expect((await stripe.paymentIntents.cancel(intent.id)).status).toBe('canceled');
    const error = await failure(stripe.paymentIntents.confirm(intent.id, confirmation('pm_card_visa')));
    expect(error.code).toBe('payment_intent_unexpected_state');
  });

  it.each<[string, Partial<Stripe.PaymentIntentCreateParams>, object]>([
    ['too little', { amount: 49 }, { code: 'amount_too_small' }],
    ['too much', { amount: 100_000_000 }, { code: 'amount_too_large' }],
    ['a currency that there is not', { currency: 'xxx' }, { param: 'currency' }],
    ['a third decimal', { amount: 1005, currency: 'kwd' }, { param: 'amount' }],
    ['decimals of a currency without', { amount: 1050, currency: 'isk' }, { param: 'amount' }],
  ])('of %s is refused', async (_, params, error) => {
    expect(await failure(create(params))).toMatchObject({ statusCode: 400, ...error });
    expect(emulator.misfits).toEqual([]);
  });

  it('needs a payment method that exists, and card numbers an account that may send them', async () => {
    const intent = await create();
    const unknown = await failure(stripe.paymentIntents.confirm(intent.id, confirmation('pm_none')));
    expect(unknown).toMatchObject({ statusCode: 400, code: 'resource_missing', param: 'payment_method' });
    const wrong = await failure(stripe.paymentMethods.create({ type: 'card', card: card('4242424242424241') }));
    expect(wrong).toMatchObject({ statusCode: 402, code: 'incorrect_number' });
    emulator.stripe.acceptsRawCards = false;
    const raw = await failure(stripe.paymentMethods.create({ type: 'card', card: card(TEST_CARDS.visa) }));
    expect(raw).toMatchObject({ statusCode: 402, rawType: 'invalid_request_error' });
    const token = await stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_visa' } });
    expect(token.card?.last4).toBe('4242');
  });
});

describe('a refund', () => {
  it('refunds the requested amount, and no more than was paid', async () => {
    const intent = await pay();
    const refund = await stripe.refunds.create({
      payment_intent: intent,
      amount: 550,
      metadata: { refund_id: 'REF-1' },
    });
    expect(refund).toMatchObject({ status: 'succeeded', amount: 550, payment_intent: intent });

    const tooMuch = await failure(stripe.refunds.create({ payment_intent: intent, amount: 2001 }));
    expect(tooMuch).toMatchObject({ statusCode: 400, param: 'amount' });
    expect(tooMuch.message).toBe('Refund amount ($20.01) is greater than unrefunded amount on charge ($20.00)');
    emulator.stripe.refundInDashboard(intent);
    const again = await failure(stripe.refunds.create({ payment_intent: intent }));
    expect(again).toMatchObject({ statusCode: 400, code: 'charge_already_refunded' });
    expect(emulator.stripe.refunds()).toMatchObject([
      { refundId: 'REF-1', transactionId: 'TXN-1', amount: 550, status: 'succeeded' },
      { refundId: null, transactionId: 'TXN-1', amount: 2000, status: 'succeeded' },
    ]);
  });

  it('that fails releases its amount, with three webhooks', async () => {
    const intent = await pay();
    const refund = emulator.stripe.refundInDashboard(intent);
    emulator.stripe.failRefund(refund);
    expect((await stripe.refunds.retrieve(refund)).status).toBe('failed');
    const types = emulator.stripe.events().map(({ type }) => type);
    expect(types.slice(-3)).toEqual(['refund.updated', 'charge.refund.updated', 'refund.failed']);
    expect((await stripe.refunds.create({ payment_intent: intent })).status).toBe('succeeded');
  });

  it('needs a payment', async () => {
    const intent = await create();
    expect(await failure(stripe.refunds.create({ payment_intent: intent.id }))).toMatchObject({ statusCode: 400 });
    expect(await failure(stripe.refunds.create({ payment_intent: 'pi_none' }))).toMatchObject({
      code: 'resource_missing',
    });
  });
});

describe('a list', () => {
  it('has the newest first, by pages, of a time', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      ids.unshift((await create()).id);
      nowMs += 1000;
    }
    const first = await stripe.paymentIntents.list({ limit: 2 });
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(first.has_more).toBe(true);
    const second = await stripe.paymentIntents.list({ limit: 3, starting_after: ids[1] as string });
    expect(second.data.map(({ id }) => id)).toEqual(ids.slice(2));
    expect(second.has_more).toBe(false);
    const start = second.data.at(-1)?.created as number;
    const timed = await stripe.paymentIntents.list({ created: { gte: start + 1, lt: start + 3 } });
    expect(timed.data.map(({ created }) => created - start)).toEqual([2, 1]);
    expect(await failure(stripe.paymentIntents.list({ limit: 101 }))).toMatchObject({ statusCode: 400 });
  });

  it('shows whole objects where it is asked to', async () => {
    const intent = await pay();
    emulator.stripe.refundInDashboard(intent, 100);
    const { data } = await stripe.refunds.list({ payment_intent: intent, expand: ['data.payment_intent'] });
    expect(data[0]?.payment_intent).toMatchObject({ id: intent, metadata: { transaction_id: 'TXN-1' } });
    expect(await failure(stripe.refunds.list({ expand: ['data.customer'] }))).toMatchObject({ param: 'expand' });
    expect((await stripe.balance.retrieve()).available).toMatchObject([{ amount: 2450, currency: 'usd' }]);
    const events = await stripe.events.list({ types: ['refund.created'] });
    expect(events.data).toMatchObject([{ type: 'refund.created', data: { object: { amount: 100 } } }]);
  });
});

describe('an idempotency key', () => {
  it('repeats its first answer, a decline too', async () => {
    const [first, second] = [await create({}, 'key'), await create({}, 'key')];
    expect(second.id).toBe(first.id);
    // The SDK over fetch has them as fetch does.
    expect((second.lastResponse.headers as unknown as Headers).get('idempotent-replayed')).toBe('true');
    const declined = confirmation('pm_card_visa_chargeDeclined');
    for (const attempt of [1, 2]) {
      const error = await failure(stripe.paymentIntents.confirm(first.id, declined, { idempotencyKey: 'confirm' }));
      expect(error.statusCode).toBe(402);
      expect(error.headers?.['idempotent-replayed']).toBe(attempt === 1 ? undefined : 'true');
    }
    expect(emulator.stripe.intents()).toHaveLength(1);
  });

  it('is refused for another request, and free for a refused one', async () => {
    await create({}, 'key');
    expect(await failure(create({ amount: 100 }, 'key'))).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
    const elsewhere = stripe.paymentMethods.create(
      { type: 'card', card: { token: 'tok_visa' } },
      { idempotencyKey: 'key' },
    );
    expect(await failure(elsewhere)).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
    await failure(create({ amount: 1 }, 'other'));
    expect((await create({}, 'other')).amount).toBe(2550);
  });

  it('is forgotten after 24 hours', async () => {
    const first = await create({}, 'key');
    nowMs += 24 * 3_600_000 - 1;
    expect((await create({}, 'key')).id).toBe(first.id);
    nowMs += 1;
    expect((await create({}, 'key')).id).not.toBe(first.id);
  });
});

describe('a request that does not fit', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ['unknown parameters', () => create({ bookng: '1' } as never), 'unknown parameter: bookng'],
    [
      'parameters that are gone',
      () => create({ payment_method_types: ['card'] } as never),
      'parameter: payment_method_types',
    ],
    ['missing ones', () => create({ currency: undefined } as never), 'Missing required param: currency'],
    ['no numbers', () => create({ amount: 'much' as never }), 'Invalid amount: amount must be integer'],
    [
      'unknown reasons',
      () => stripe.refunds.create({ payment_intent: 'pi_1', reason: 'late' as never }),
      'requested_by_customer',
    ],
    ['what is not emulated', () => create({ confirmation_method: 'manual' }), 'confirmation_method=manual'],
    ['too long metadata', () => create({ metadata: { note: 'x'.repeat(501) } }), 'note is longer'],
  ])('%s is refused with the difference', async (_, ask, difference) => {
    const error = await failure(ask() as Promise<never>);
    expect(error).toMatchObject({ statusCode: 400, rawType: 'invalid_request_error' });
    expect(error.message).toContain(difference);
    expect(emulator.misfits).toEqual([expect.stringContaining(difference)]);
    expect(emulator.calls.at(-1)?.refusedBecause).toContain(difference);
  });

  it('a wrong key opens nothing', async () => {
    const stranger = stripeClientOf({ url: emulator.url, stripeSecretKey: 'sk_test_somebodyElse' });
    const error = await failure(stranger.balance.retrieve());
    expect(error).toMatchObject({ statusCode: 401, message: 'Invalid API Key provided: sk_test_**********Else' });
    expect(emulator.misfits).toEqual([]);
  });
});

function create(params: Partial<Stripe.PaymentIntentCreateParams> = {}, idempotencyKey?: string) {
  return stripe.paymentIntents.create(
    {
      amount: 2550,
      currency: 'usd',
      allowed_payment_method_types: ['card'],
      metadata: { transaction_id: 'TXN-1', booking_id: 'B-1' },
      ...params,
    },
    idempotencyKey === undefined ? {} : { idempotencyKey },
  );
}

/** @returns the intent's id */
async function pay(): Promise<string> {
  const { id } = await create();
  await stripe.paymentIntents.confirm(id, confirmation('pm_card_visa'));
  return id;
}

const confirmation = (method: string) => ({ payment_method: method, error_on_requires_action: true });

const card = (number: string) => ({ number, exp_month: 12, exp_year: Number(TEST_EXPIRY_YEAR), cvc: TEST_CVV });

async function failure(work: Promise<unknown>): Promise<InstanceType<typeof Stripe.errors.StripeError>> {
  return work.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error) => error,
  );
}

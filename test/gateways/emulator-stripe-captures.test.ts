/** Manual capture at the emulated Stripe: money is held, then taken, released, or no longer held. */
import type { Stripe } from 'stripe';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayEmulator, startGatewayEmulator } from '../../src/emulator/emulator.ts';
import type { Fault } from '../../src/emulator/faults.ts';
import { stripeClientOf } from '../support/emulator-clients.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let emulator: GatewayEmulator;
let stripe: Stripe;
/** Of the emulator; moved by tests. */
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 15, 12);
  emulator = await startGatewayEmulator({ clock: { nowMs: () => nowMs, random: Math.random } });
  stripe = stripeClientOf(emulator);
});
afterEach(async () => {
  expect(emulator.misfits).toEqual([]);
  await emulator.stop();
});

describe('an authorization', () => {
  it('holds the money for seven days, and takes none', async () => {
    const held = await authorize();
    expect(held).toMatchObject({
      ...{ status: 'requires_capture', capture_method: 'manual', amount_capturable: 2550, amount_received: 0 },
      latest_charge: {
        ...{ object: 'charge', status: 'succeeded', paid: true, captured: false, amount_captured: 0, refunded: false },
        balance_transaction: null,
        payment_method_details: { card: { amount_authorized: 2550, capture_before: (nowMs + 7 * DAY_MS) / 1000 } },
      },
    });
    expect(typesOfEvents()).toEqual([
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.amount_capturable_updated',
    ]);
    expect(objectOf('charge.succeeded')).toMatchObject({ captured: false, metadata: { transaction_id: 'TXN-1' } });
    expect(objectOf('payment_intent.amount_capturable_updated')).toMatchObject({
      ...{ amount_capturable: 2550, metadata: { transaction_id: 'TXN-1' } },
    });
    expect(emulator.stripe.charges()).toEqual([]);
    expect((await stripe.balance.retrieve()).available).toMatchObject([{ amount: 0 }]);
  });

  it('follows the payer’s authentication', async () => {
    const { id } = await create();
    const params = { payment_method: 'pm_card_threeDSecure2Required', return_url: 'https://shop.example/' };
    await stripe.paymentIntents.confirm(id, params);
    expect(emulator.stripe.authenticate(id, 'completed')).toContain('redirect_status=succeeded');
    expect(await stripe.paymentIntents.retrieve(id)).toMatchObject({ status: 'requires_capture', next_action: null });
  });

  it('may be pending first', async () => {
    strike('payment_intents.confirm', { kind: 'pending' });
    const { id, status } = await authorize();
    expect(status).toBe('processing');
    emulator.stripe.finishIntent(id, 'succeeded');
    expect(await stripe.paymentIntents.retrieve(id)).toMatchObject({ status: 'requires_capture', processing: null });
  });

  it('cannot be refunded or disputed', async () => {
    const { id, latest_charge: charge } = await authorize();
    await expect(stripe.refunds.create({ payment_intent: id })).rejects.toMatchObject({
      statusCode: 400,
      message: `This PaymentIntent (${id}) does not have a successful charge to refund.`,
    });
    await expect(stripe.refunds.create({ charge: (charge as Stripe.Charge).id })).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('You must cancel the PaymentIntent to reverse the authorization'),
    });
    expect(() => emulator.stripe.openDispute(id)).toThrow('no charge to dispute');
  });
});

describe('a capture', () => {
  it('takes the whole amount, once', async () => {
    const { id } = await authorize();
    nowMs += DAY_MS;
    const paid = await stripe.paymentIntents.capture(id, { expand: ['latest_charge'] });
    expect(paid).toMatchObject({
      ...{ status: 'succeeded', amount_capturable: 0, amount_received: 2550 },
      latest_charge: { captured: true, amount_captured: 2550, amount_refunded: 0, refunded: false },
    });
    expect(typesOfEvents().slice(-2)).toEqual(['charge.captured', 'payment_intent.succeeded']);
    expect(objectOf('charge.captured')).toMatchObject({ captured: true, metadata: { transaction_id: 'TXN-1' } });
    expect(emulator.stripe.charges()).toMatchObject([{ intentId: id, amount: 2550, atMs: nowMs }]);
    await expect(stripe.paymentIntents.capture(id)).rejects.toMatchObject({
      ...{ statusCode: 400, code: 'payment_intent_unexpected_state' },
      message: 'This PaymentIntent could not be captured because it has already been captured.',
      raw: { payment_intent: { id, status: 'succeeded' } },
    });
    expect(await stripe.refunds.create({ payment_intent: id })).toMatchObject({ amount: 2550, status: 'succeeded' });
  });

  it('of a part releases the rest, as Stripe shows it: a refund that paid nothing', async () => {
    const { id } = await authorize();
    const paid = await stripe.paymentIntents.capture(id, { amount_to_capture: 2000, expand: ['latest_charge'] });
    expect(paid).toMatchObject({
      ...{ status: 'succeeded', amount: 2550, amount_received: 2000 },
      latest_charge: { amount_captured: 2000, amount_refunded: 550, refunded: false },
    });
    const { data } = await stripe.refunds.list({ payment_intent: id });
    expect(data).toMatchObject([{ amount: 550, balance_transaction: null, metadata: {} }]);
    expect(emulator.stripe.charges()).toMatchObject([{ amount: 2000 }]);
    expect(emulator.stripe.refunds()).toEqual([]);
    expect((await stripe.balance.retrieve()).available).toMatchObject([{ amount: 2000 }]);
    const tooMuch = stripe.refunds.create({ payment_intent: id, amount: 2001 });
    await expect(tooMuch).rejects.toMatchObject({ statusCode: 400, param: 'amount' });
  });

  it.each([
    [2551, 'amount_too_large'],
    [0, 'parameter_invalid_integer'],
  ])('of %i is refused', async (amount, code) => {
    const { id } = await authorize();
    const refused = stripe.paymentIntents.capture(id, { amount_to_capture: amount });
    await expect(refused).rejects.toMatchObject({ statusCode: 400, code, param: 'amount_to_capture' });
    expect((await stripe.paymentIntents.retrieve(id)).status).toBe('requires_capture');
  });

  it('needs an authorization', async () => {
    const { id } = await create();
    const code = 'payment_intent_unexpected_state';
    await expect(stripe.paymentIntents.capture(id)).rejects.toMatchObject({ statusCode: 400, code });
    await stripe.paymentIntents.cancel(id);
    const refused = await stripe.paymentIntents.capture(id).catch((error) => error);
    expect(refused).toMatchObject({ code, message: expect.stringContaining('a status of canceled') });
    await expect(stripe.paymentIntents.capture('pi_none')).rejects.toMatchObject({ code: 'resource_missing' });
  });

  it('is answered the same for the same key', async () => {
    const { id } = await authorize();
    const capture = (amount?: number) =>
      stripe.paymentIntents.capture(id, amount === undefined ? {} : { amount_to_capture: amount }, {
        idempotencyKey: 'TXN-1:capture',
      });
    const [first, second] = [await capture(), await capture()];
    expect([first.status, second.status]).toEqual(['succeeded', 'succeeded']);
    expect((second.lastResponse.headers as unknown as Headers).get('idempotent-replayed')).toBe('true');
    await expect(capture(1)).rejects.toMatchObject({ rawType: 'idempotency_error' });
    expect(typesOfEvents().filter((type) => type === 'charge.captured')).toHaveLength(1);
  });

  it('may be pending, and fail', async () => {
    for (const [end, status] of [
      ['succeeded', 'succeeded'],
      ['failed', 'requires_payment_method'],
    ] as const) {
      const { id } = await authorize();
      strike('payment_intents.capture', { kind: 'pending' });
      const capturing = await stripe.paymentIntents.capture(id, { amount_to_capture: 1000 });
      expect(capturing).toMatchObject({ status: 'processing', amount_received: 0, amount_capturable: 0 });
      emulator.stripe.finishIntent(id, end);
      const ended = await stripe.paymentIntents.retrieve(id);
      expect(ended).toMatchObject({ status, amount_received: end === 'succeeded' ? 1000 : 0 });
    }
  });

  it('of a card that its payer disputes is disputed, and its authorization is not', async () => {
    const { id } = await authorize('pm_card_createDispute');
    expect(emulator.stripe.disputes()).toEqual([]);
    await stripe.paymentIntents.capture(id);
    expect(emulator.stripe.disputes()).toMatchObject([{ intentId: id }]);
  });
});

describe('the end of an authorization', () => {
  it('by a cancel releases the money', async () => {
    const { id } = await authorize();
    const canceled = await stripe.paymentIntents.cancel(id, {
      cancellation_reason: 'requested_by_customer',
      expand: ['latest_charge'],
    });
    expect(canceled).toMatchObject({
      ...{ status: 'canceled', amount_capturable: 0, amount_received: 0, canceled_at: nowMs / 1000 },
      cancellation_reason: 'requested_by_customer',
      latest_charge: { status: 'succeeded', captured: false, refunded: true, amount_refunded: 2550 },
    });
    expect(typesOfEvents().slice(-3)).toEqual(['refund.created', 'charge.refunded', 'payment_intent.canceled']);
    expect(objectOf('charge.refunded')).toMatchObject({ captured: false, metadata: { transaction_id: 'TXN-1' } });
    expect([emulator.stripe.charges(), emulator.stripe.refunds()]).toEqual([[], []]);
    const again = stripe.paymentIntents.cancel(id);
    await expect(again).rejects.toMatchObject({ code: 'payment_intent_unexpected_state' });
  });

  it('by the clock comes after seven days', async () => {
    const { id } = await authorize();
    nowMs += 7 * DAY_MS - 1;
    expect((await stripe.paymentIntents.retrieve(id)).status).toBe('requires_capture');
    nowMs += 1;
    await expect(stripe.paymentIntents.capture(id)).rejects.toMatchObject({ code: 'payment_intent_unexpected_state' });
    await hasExpired(id);
  });

  it('by a control call comes at once', async () => {
    const { id } = await authorize();
    const expire = () =>
      fetch(`${emulator.url}/emulator/stripe/expiry`, { method: 'POST', body: JSON.stringify({ intent: id }) });
    expect((await expire()).status).toBe(200);
    await hasExpired(id);
    expect((await expire()).status).toBe(400);
  });

  async function hasExpired(id: string): Promise<void> {
    const expired = await stripe.paymentIntents.retrieve(id);
    expect(expired).toMatchObject({ status: 'canceled', cancellation_reason: 'automatic' });
    expect(typesOfEvents().slice(-3)).toEqual(['refund.created', 'charge.expired', 'payment_intent.canceled']);
    expect(objectOf('refund.created')).toMatchObject({ reason: 'expired_uncaptured_charge' });
  }
});

describe.each([
  ['payment_intents.capture', 'succeeded', (id: string) => stripe.paymentIntents.capture(id, {}, KEY)],
  ['payment_intents.cancel', 'canceled', (id: string) => stripe.paymentIntents.cancel(id, {}, KEY)],
] as const)('a fault of %s', (operation, end, ask) => {
  it.each<[Fault, { isDone: boolean; again: number }]>([
    [{ kind: 'drop' }, { isDone: false, again: 200 }],
    [{ kind: 'commit_then_drop' }, { isDone: true, again: 200 }],
    [
      { kind: 'error_500', committed: false, cached: false },
      { isDone: false, again: 200 },
    ],
    [
      { kind: 'error_500', committed: true, cached: false },
      { isDone: true, again: 200 },
    ],
    [
      { kind: 'error_500', committed: true, cached: true },
      { isDone: true, again: 500 },
    ],
    [{ kind: 'conflict_409' }, { isDone: false, again: 200 }],
    [
      {
        kind: 'stripe_error',
        status: 400,
        type: 'invalid_request_error',
        message: 'no',
        code: 'charge_expired_for_capture',
      },
      { isDone: false, again: 200 },
    ],
  ])('%j', async (fault, { isDone, again }) => {
    const { id } = await authorize();
    strike(operation, fault);
    await expect(ask(id)).rejects.toThrow();
    expect((await stripe.paymentIntents.retrieve(id)).status).toBe(isDone ? end : 'requires_capture');
    const repeated = await ask(id).then(
      () => 200,
      ({ statusCode }) => statusCode,
    );
    expect(repeated).toBe(again);
    expect(typesOfEvents().filter((type) => type === `payment_intent.${end}`)).toHaveLength(1);
  });
});

describe('a statement descriptor’s suffix', () => {
  it.each(['B-1', 'ÉTÉ b 1'])('%s is shown on intent and charge', async (suffix) => {
    const { id } = await create({ statement_descriptor_suffix: suffix, receipt_email: 'payer@example.com' });
    const held = await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa', expand: ['latest_charge'] });
    const shown = { statement_descriptor_suffix: suffix, receipt_email: 'payer@example.com' };
    expect(held).toMatchObject({ ...shown, latest_charge: shown });
  });

  it.each<[string, string]>([
    ['12-34', 'must contain at least one alphabetic character'],
    ...[...'<>\\\'"*'].map(
      (character) => [`B${character}1`, 'may not contain any of the characters'] satisfies [string, string],
    ),
  ])('%s is refused', async (suffix, because) => {
    await expect(create({ statement_descriptor_suffix: suffix })).rejects.toMatchObject({
      ...{ statusCode: 400, param: 'statement_descriptor_suffix', message: expect.stringContaining(because) },
    });
    expect(emulator.stripe.intents()).toEqual([]);
  });
});

const KEY = { idempotencyKey: 'key' };

function create(params: Partial<Stripe.PaymentIntentCreateParams> = {}) {
  return stripe.paymentIntents.create({
    ...{ amount: 2550, currency: 'usd', allowed_payment_method_types: ['card'], capture_method: 'manual' },
    metadata: { transaction_id: 'TXN-1' },
    ...params,
  });
}

async function authorize(method = 'pm_card_visa'): Promise<Stripe.PaymentIntent> {
  const { id } = await create();
  return stripe.paymentIntents.confirm(id, { payment_method: method, expand: ['latest_charge'] });
}

const typesOfEvents = () => emulator.stripe.events().map(({ type }) => type);

/** Of the last event of this type. */
function objectOf(type: string): Record<string, unknown> {
  const event = emulator.stripe.events().findLast((each) => each.type === type);
  return JSON.parse(event?.body ?? expect.fail(`there is no ${type}`)).data.object;
}

/** Only the first call of the operation from now on. */
function strike(operation: string, fault: Fault): void {
  let isStruck = false;
  emulator.fault = (each) => {
    if (isStruck || each.operation !== operation) return { kind: 'normal' };
    isStruck = true;
    return fault;
  };
}

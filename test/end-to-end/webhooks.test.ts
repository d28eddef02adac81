/** What Stripe and PayPal tell of by themselves, from the emulator to the Worker and on to the exchange, over real sockets. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/emulator/faults.ts';
import type { Provider } from '../../src/emulator/operations.ts';
import { signPayPal, signStripe } from '../../src/emulator/webhooks.ts';
import { until } from '../support/child.ts';
import { paypalCallerOf, stripeClientOf } from '../support/emulator-clients.ts';
import { type Payment, type ProviderStack, type Refund, startProviderStack } from '../support/provider-stack.ts';
import { type HttpAnswer, newBooking } from '../support/stack.ts';

const DEADLINE_MS = 3_000;
/** The first look-up comes after the deadline of the call, and of what is written around it. */
const LOOKED_UP_WITHIN_MS = DEADLINE_MS + 40_000;
const CLOCK = { nowMs: Date.now, random: Math.random };

let shop: ProviderStack;

beforeAll(async () => {
  shop = await startProviderStack('webhooks', {
    webhooks: true,
    variables: { PAYMENT_GATEWAY_TIMEOUT_MS: String(DEADLINE_MS) },
  });
});
afterAll(() => shop?.stop());

/** A test says itself what comes, and when. */
beforeEach(() => {
  shop.emulator.webhookTiming = () => 'never';
  shop.emulator.webhookAnswers.length = 0;
});
afterEach(() => shop.emulator.webhooksDelivered());

/** A payment, and how its provider is told to go on with it. */
interface Paid {
  booking: string;
  /** The booking with Stripe, the order with PayPal. */
  subject: string;
  answer: HttpAnswer;
}

/** The same of both providers, in the words of each. */
interface Side {
  provider: Provider;
  pay(...strikes: [operation: string, fault: Fault, times?: number][]): Promise<Paid>;
  /** The charge is made, and its answer never comes. */
  payUnanswered(): Promise<Paid>;
  /** The provider, or the payer's bank, has yet to decide. */
  payUndecided(): Promise<Paid>;
  decide(paid: Paid, end: 'well' | 'badly'): void;
  /** What the provider calls the charge. */
  chargeOf(paid: Paid): string;
  /** The types of events for a charge, for one that is not decided, for one that was refused, for a refund. */
  events: { charged: string; undecided: string; refused: string; refunded: string; disputed: string; closed: string };
  /** As a person does it there. @returns what the provider calls it */
  refundByHand(paid: Paid, amount?: string): string;
  failRefund(id: string): void;
  refundNamed(refundId: unknown): string;
  dispute(paid: Paid): string;
  closeDispute(id: string): void;
  /** Charges what the service has given up: a request that was on its way for very long. */
  chargeLate(paid: Paid): Promise<void>;
  paidBack(transactionId: string): { refundId: string | null; amountMinor: number }[];
  /** The call by which the service asks about a refund that it has not made. */
  refundQuestion: string;
}

const stripeSide: Side = {
  provider: 'stripe',
  async pay(...strikes) {
    const booking = newBooking();
    for (const strike of strikes) shop.strike(booking, ...strike);
    return { booking, subject: booking, answer: await shop.pay({ booking_id: booking }) };
  },
  payUnanswered: () => stripeSide.pay(['payment_intents.confirm', { kind: 'commit_then_drop' }, 2]),
  payUndecided: () => stripeSide.pay(['payment_intents.confirm', { kind: 'pending' }]),
  decide: (paid, end) =>
    shop.emulator.stripe.finishIntent(stripeSide.chargeOf(paid), end === 'well' ? 'succeeded' : 'failed'),
  chargeOf: ({ booking }) => shop.emulator.stripe.intents().find(({ bookingId }) => bookingId === booking)?.id ?? '',
  events: {
    charged: 'payment_intent.succeeded',
    undecided: 'payment_intent.processing',
    refused: 'payment_intent.payment_failed',
    refunded: 'refund.created',
    disputed: 'charge.dispute.created',
    closed: 'charge.dispute.closed',
  },
  refundByHand: (paid, amount) =>
    shop.emulator.stripe.refundInDashboard(stripeSide.chargeOf(paid), amount === undefined ? undefined : cents(amount)),
  failRefund: (id) => shop.emulator.stripe.failRefund(id),
  refundNamed: (refundId) => shop.emulator.stripe.refunds().find((made) => made.refundId === refundId)?.id ?? '',
  dispute: (paid) => shop.emulator.stripe.openDispute(stripeSide.chargeOf(paid)),
  closeDispute: (id) => shop.emulator.stripe.closeDispute(id, 'lost'),
  async chargeLate(paid) {
    const stripe = stripeClientOf(shop.emulator);
    await stripe.paymentIntents.confirm(stripeSide.chargeOf(paid), { payment_method: 'pm_card_visa' });
  },
  paidBack: (transactionId) =>
    shop.emulator.stripe
      .refunds()
      .filter((made) => made.transactionId === transactionId && made.status === 'succeeded')
      .map(({ refundId, amount }) => ({ refundId, amountMinor: amount })),
  refundQuestion: 'refunds.retrieve',
};

const paypalSide: Side = {
  provider: 'paypal',
  async pay(...strikes) {
    const [booking, subject] = [newBooking(), shop.approvedOrder()];
    for (const strike of strikes) shop.strike(subject, ...strike);
    return { booking, subject, answer: await shop.payByPayPal(subject, { booking_id: booking }) };
  },
  payUnanswered: () => paypalSide.pay(['orders.capture', { kind: 'commit_then_drop' }]),
  payUndecided: () => paypalSide.pay(['orders.capture', { kind: 'pending' }]),
  decide(paid, end) {
    const capture = paypalSide.chargeOf(paid);
    if (end === 'well') shop.emulator.paypal.completeCapture(capture);
    else shop.emulator.paypal.denyCapture(capture);
  },
  chargeOf: ({ subject }) =>
    shop.emulator.paypal.captures().find(({ orderId }) => orderId === subject)?.captureId ?? '',
  events: {
    charged: 'PAYMENT.CAPTURE.COMPLETED',
    undecided: 'PAYMENT.CAPTURE.PENDING',
    refused: 'PAYMENT.CAPTURE.DENIED',
    refunded: 'PAYMENT.CAPTURE.REFUNDED',
    disputed: 'CUSTOMER.DISPUTE.CREATED',
    closed: 'CUSTOMER.DISPUTE.RESOLVED',
  },
  refundByHand: (paid, amount) => shop.emulator.paypal.refundInDashboard(paypalSide.chargeOf(paid), amount),
  failRefund: (id) => shop.emulator.paypal.failRefund(id),
  refundNamed: (refundId) => shop.emulator.paypal.refunds().find((made) => made.refundId === refundId)?.id ?? '',
  dispute: (paid) => shop.emulator.paypal.openDispute(paypalSide.chargeOf(paid)),
  closeDispute: (id) => shop.emulator.paypal.closeDispute(id),
  async chargeLate({ subject }) {
    const call = await paypalCallerOf(shop.emulator);
    expect((await call('POST', `/v2/checkout/orders/${subject}/capture`, { body: {} })).status).toBe(201);
  },
  paidBack: (transactionId) =>
    shop.emulator.paypal
      .refunds()
      .filter((made) => made.transactionId === transactionId && made.status === 'COMPLETED')
      .map(({ refundId, value }) => ({ refundId, amountMinor: cents(value) })),
  refundQuestion: 'refunds.get',
};

describe.each([stripeSide, paypalSide])('a webhook of $provider', (side) => {
  it('resolves a pending payment at once, before its look-up is due', async () => {
    const paid = await side.payUnanswered();
    expect(paid.answer).toMatchObject({ code: 502, body: { status: 'pending' } });
    expect(await tell(side.events.charged, side.chargeOf(paid))).toBe(200);
    expect(paymentOf(paid)).toMatchObject({ status: 'completed', lookups: 0, gatewayReference: side.chargeOf(paid) });
    expect(await toldOf(paid, 1)).toEqual(['payment.success']);
  });

  it('that comes before the answer, makes neither a second event nor another answer of it', async () => {
    shop.emulator.webhookTiming = () => 'before_answer';
    const paid = await side.pay();
    expect(paid.answer).toMatchObject({ code: 200, body: { status: 'success' } });
    expect(takenUp(side.events.charged, side.chargeOf(paid))).toBe(1);
    expect(await toldOf(paid, 1)).toEqual(['payment.success']);
  });

  it('that comes twice, each time in two at once, is handled once', async () => {
    const paid = await side.payUnanswered();
    const tellTwice = () => Promise.all([1, 2].map(() => tell(side.events.charged, side.chargeOf(paid))));
    expect(await tellTwice()).toEqual([200, 200]);
    expect(await tellTwice()).toEqual([200, 200]);
    expect(takenUp(side.events.charged, side.chargeOf(paid))).toBe(1);
    expect(await toldOf(paid, 1)).toEqual(['payment.success']);
  });

  it('that comes late, of a payment that has ended, changes nothing', async () => {
    const paid = await side.pay();
    const before = paymentOf(paid);
    expect(await tell(side.events.charged, side.chargeOf(paid))).toBe(200);
    expect(paymentOf(paid)).toEqual(before);
    expect(await toldOf(paid, 1)).toEqual(['payment.success']);
  });

  it('publishes that a charge is refused in the end, and the booking is free again', async () => {
    const paid = await side.payUndecided();
    expect(paid.answer).toMatchObject({ code: 502, body: { status: 'pending' } });
    const charge = side.chargeOf(paid);
    expect(await tell(side.events.undecided, charge)).toBe(200);
    expect(paymentOf(paid)).toMatchObject({ status: 'pending' });
    side.decide(paid, 'badly');
    expect(await tell(side.events.refused, charge)).toBe(200);
    expect(paymentOf(paid)).toMatchObject({ status: 'failed', errorCode: 'CARD_DECLINED', lookups: 0 });
    expect(await toldOf(paid, 1)).toEqual(['payment.failed']);
    expect(await shop.pay({ booking_id: paid.booking })).toMatchObject({ code: 200 });
  });

  it('decides nothing by itself: an old one resolves the payment by its present state', async () => {
    const paid = await side.payUndecided();
    const charge = side.chargeOf(paid);
    side.decide(paid, 'well');
    expect(await tell(side.events.undecided, charge)).toBe(200);
    expect(paymentOf(paid)).toMatchObject({ status: 'completed' });
    expect(await tell(side.events.charged, charge)).toBe(200);
    expect(await toldOf(paid, 1)).toEqual(['payment.success']);
  });

  it('makes a refund in the dashboard a refund here, once, and no more than what is left can be refunded', async () => {
    const paid = await side.pay();
    shop.emulator.webhookTiming = () => 'twice';
    const reference = side.refundByHand(paid, '10.00');
    await allTold();
    expect(refundsOf(paid)).toMatchObject([
      { kind: 'requested', status: 'completed', amountMinor: 1000, gatewayReference: reference },
    ]);
    expect(paymentOf(paid)).toMatchObject({ status: 'completed', refundedMinor: 1000, reservedMinor: 0 });
    expect(await toldOf(paid, 2)).toEqual(['payment.success', 'payment.refund']);
    const [refund] = refundsOf(paid);
    const [, event] = shop.stack.listener.of(paid.booking);
    expect(event?.body).toMatchObject({ refund_amount: 10, refund_transaction_id: refund?.refundId });
    expect(await shop.status(refund?.refundId)).toMatchObject({ status: 'completed' });

    expect(await shop.refund(paid.answer.body, 15.51)).toMatchObject({
      code: 400,
      body: { error: { code: 'REFUND_NOT_ALLOWED' } },
    });
    expect(await shop.refund(paid.answer.body, 15.5)).toMatchObject({ code: 200 });
    await allTold();
    expect(await shop.status(paid.answer.body.transaction_id)).toMatchObject({ status: 'refunded' });
    expect(await toldOf(paid, 3)).toEqual(['payment.success', 'payment.refund', 'payment.refund']);
  });

  it('makes a full refund in the dashboard a refunded payment', async () => {
    const paid = await side.pay();
    shop.emulator.webhookTiming = () => 'after_answer';
    side.refundByHand(paid);
    await allTold();
    expect(await shop.status(paid.answer.body.transaction_id)).toMatchObject({ status: 'refunded' });
    expect(refundsOf(paid)).toMatchObject([{ status: 'completed', amountMinor: 2550 }]);
    expect(await toldOf(paid, 2)).toEqual(['payment.success', 'payment.refund']);
    expect(await shop.refund(paid.answer.body, 1)).toMatchObject({ code: 400 });
  });

  it('about a refund that this service has made itself, makes no second one of it', async () => {
    const paid = await side.pay();
    shop.emulator.webhookTiming = () => 'before_answer';
    expect(await shop.refund(paid.answer.body, 10)).toMatchObject({ code: 200 });
    shop.emulator.webhookTiming = () => 'twice';
    expect(await shop.refund(paid.answer.body, 5)).toMatchObject({ code: 200 });
    await allTold();
    expect(refundsOf(paid).map(({ amountMinor }) => amountMinor)).toEqual([1000, 500]);
    expect(paymentOf(paid)).toMatchObject({ refundedMinor: 1500 });
    expect(await toldOf(paid, 3)).toEqual(['payment.success', 'payment.refund', 'payment.refund']);
  });

  it('of a refund that the bank sends back, gives the amount back to the balance', async () => {
    const paid = await side.pay();
    const { body: refunded } = await shop.refund(paid.answer.body, 10);
    shop.emulator.webhookTiming = () => 'twice';
    side.failRefund(side.refundNamed(refunded.refund_transaction_id));
    await allTold();
    expect(await shop.status(refunded.refund_transaction_id)).toMatchObject({ status: 'reversed' });
    expect(paymentOf(paid)).toMatchObject({ status: 'completed', refundedMinor: 0 });
    await until('that is logged', () => reversalsOf(refunded.refund_transaction_id).length > 0);
    expect(reversalsOf(refunded.refund_transaction_id)).toHaveLength(1);
    expect(await shop.refund(paid.answer.body, 25.5)).toMatchObject({ code: 200 });
    expect(await toldOf(paid, 3)).toEqual(['payment.success', 'payment.refund', 'payment.refund']);
  });

  it('of a refund in the dashboard that the bank sends back, does the same', async () => {
    const paid = await side.pay();
    shop.emulator.webhookTiming = () => 'after_answer';
    const reference = side.refundByHand(paid, '10.00');
    await allTold();
    side.failRefund(reference);
    await allTold();
    expect(refundsOf(paid)).toMatchObject([{ status: 'reversed', gatewayReference: reference }]);
    expect(paymentOf(paid)).toMatchObject({ status: 'completed', refundedMinor: 0 });
  });

  it('of a full refund that the bank sends back, leaves the payment refunded and raises an alarm (invariant 6)', async () => {
    const paid = await side.pay();
    const { body: refunded } = await shop.refund(paid.answer.body, 25.5);
    shop.emulator.webhookTiming = () => 'after_answer';
    side.failRefund(side.refundNamed(refunded.refund_transaction_id));
    await allTold();
    expect(await shop.status(refunded.refund_transaction_id)).toMatchObject({ status: 'reversed' });
    expect(paymentOf(paid)).toMatchObject({ status: 'refunded' });
    const reversals = () => reversalsOf(refunded.refund_transaction_id);
    await until('an alarm is logged', () => reversals().length > 0);
    expect(reversals()[0]).toMatchObject({ level: 'error', can_be_refunded_again: false });
  });

  it('of a refund that comes before that of its payment, resolves the payment, and books the refund when it is sent again', async () => {
    const paid = await side.payUnanswered();
    const reference = side.refundByHand(paid, '10.00');
    expect(await tell(side.events.refunded, reference)).toBe(503);
    expect(paymentOf(paid)).toMatchObject({ status: 'completed', refundedMinor: 0 });
    expect(await tell(side.events.refunded, reference)).toBe(200);
    expect(paymentOf(paid)).toMatchObject({ status: 'completed', refundedMinor: 1000 });
    expect(await tell(side.events.charged, side.chargeOf(paid))).toBe(200);
    expect(await toldOf(paid, 2)).toEqual(['payment.success', 'payment.refund']);
  });

  it('of a refund that the provider can’t be asked about, is to be sent again, and is handled then', async () => {
    const paid = await side.pay();
    const reference = side.refundByHand(paid, '10.00');
    for (const fault of [
      { kind: 'drop' },
      { kind: 'error_500', committed: false, cached: false },
      { kind: 'answer', status: 200, body: '{"id":' },
    ] as const) {
      shop.strike(paid.subject, side.refundQuestion, fault);
      expect(await tell(side.events.refunded, reference)).toBe(503);
      expect(takenUp(side.events.refunded, reference)).toBe(0);
      expect(refundsOf(paid)).toEqual([]);
    }
    expect(await tell(side.events.refunded, reference)).toBe(200);
    expect(refundsOf(paid)).toMatchObject([{ status: 'completed', amountMinor: 1000 }]);
  });

  it('of a charge that turned up after the payment had failed, has it paid back once, and logged (invariant 1)', async () => {
    const decline: Fault =
      side.provider === 'stripe'
        ? { kind: 'decline', code: 'card_declined' }
        : { kind: 'issue', status: 422, issue: 'INSTRUMENT_DECLINED' };
    const operation = side.provider === 'stripe' ? 'payment_intents.confirm' : 'orders.capture';
    const paid = await side.pay([operation, decline]);
    expect(paid.answer).toMatchObject({ code: 400, body: { status: 'failed' } });
    shop.emulator.webhookTiming = () => 'twice';
    await side.chargeLate(paid);
    await allTold();
    const { transactionId } = paymentOf(paid);
    await until('it is paid back', () => side.paidBack(transactionId).length > 0);
    await until('that is known', () => refundsOf(paid)[0]?.status === 'completed');
    await allTold();
    const refundId = transactionId.replace('TXN-', 'REF-');
    expect(side.paidBack(transactionId)).toEqual([{ refundId, amountMinor: 2550 }]);
    expect(refundsOf(paid)).toMatchObject([{ refundId, kind: 'late_charge', status: 'completed', amountMinor: 2550 }]);
    expect(paymentOf(paid)).toMatchObject({ status: 'failed' });
    expect(await shop.errorsOf(transactionId)).toMatchObject([{ event: 'payment.charged_late', refund_id: refundId }]);
    expect(await toldOf(paid, 1)).toEqual(['payment.failed']);
  });

  it('of a dispute, has it written down and logged, and an older word that comes later changes nothing', async () => {
    const paid = await side.pay();
    const disputeId = side.dispute(paid);
    const { transactionId } = paymentOf(paid);
    expect(await tell(side.events.disputed, disputeId)).toBe(200);
    const [opened] = disputesOf(paid);
    expect(opened).toMatchObject({ provider: side.provider, disputeId, amountMinor: 2550, currency: 'USD' });
    expect(await shop.errorsOf(transactionId)).toMatchObject([{ event: 'payment.disputed', dispute_id: disputeId }]);
    expect(paymentOf(paid)).toMatchObject({ status: 'completed', refundedMinor: 0 });

    const other = await side.pay();
    const otherDispute = side.dispute(other);
    await nextSecond();
    side.closeDispute(otherDispute);
    expect(await tell(side.events.closed, otherDispute)).toBe(200);
    const [closed] = disputesOf(other);
    expect(closed?.status).not.toBe(opened?.status);
    expect(await tell(side.events.disputed, otherDispute)).toBe(200);
    expect(disputesOf(other)).toEqual([closed]);
  });
});

describe.each([stripeSide, paypalSide])('an external refund at $provider that no webhook reports', (side) => {
  it.each([
    ['all', undefined, 25.5, 'refunded', 2550],
    ['part', '10.00', 20, 'completed', 1000],
  ] as const)(
    'of %s of a payment is found by the refund that it gets in the way of, and published once',
    async (_, byHand, asked, status, refundedMinor) => {
      const paid = await side.pay();
      const reference = side.refundByHand(paid, byHand);
      expect(await shop.refund(paid.answer.body, asked)).toMatchObject({
        code: 400,
        body: { error: { code: 'REFUND_NOT_ALLOWED', details: { status: 'failed' } } },
      });
      await until('it is booked', () => paymentOf(paid).refundedMinor === refundedMinor);
      expect(await shop.status(paid.answer.body.transaction_id)).toMatchObject({ status });
      expect(paymentOf(paid)).toMatchObject({ status, reservedMinor: 0 });
      expect(refundsOf(paid)).toMatchObject([
        { status: 'failed' },
        { status: 'completed', gatewayReference: reference },
      ]);
      expect(await toldOf(paid, 2)).toEqual(['payment.success', 'payment.refund']);
      expect(await tell(side.events.refunded, reference)).toBe(200);
      expect(refundsOf(paid)).toHaveLength(2);
    },
  );
});

describe('a webhook of Stripe', () => {
  it('of a dispute whose payment can’t be asked about, is to be sent again, and is handled then', async () => {
    const paid = await stripeSide.pay();
    const disputeId = stripeSide.dispute(paid);
    shop.strike(paid.subject, 'payment_intents.retrieve', { kind: 'drop' });
    expect(await tell('charge.dispute.created', disputeId)).toBe(503);
    expect(disputesOf(paid)).toEqual([]);
    expect(await tell('charge.dispute.created', disputeId)).toBe(200);
    expect(disputesOf(paid)).toHaveLength(1);
  });

  it('of a payment that another system has made with the same account, is none of ours', async () => {
    const stripe = stripeClientOf(shop.emulator);
    const before = ledger();
    shop.emulator.webhookTiming = () => 'after_answer';
    const intent = await stripe.paymentIntents.create({
      ...{ amount: 500, currency: 'usd', confirm: true, payment_method: 'pm_card_visa' },
      allowed_payment_method_types: ['card'],
    });
    shop.emulator.stripe.refundInDashboard(intent.id, 100);
    shop.emulator.stripe.openDispute(intent.id);
    const answered = await allTold();
    expect(answered.length).toBeGreaterThan(4);
    expect(ledger()).toEqual(before);
  });

  const MISMATCH = 'The signature does not match the body.';
  const NO_EVENT = 'The signature is valid, but the body is not an event: an id or a type is missing.';

  it.each<[string, (body: string) => [body: string, headers: Record<string, string>], message: string]>([
    ['was altered', (body) => [body.replace('2550', '1'), signedByStripe(body)], MISMATCH],
    [
      'is signed with another secret',
      (body) => [body, signStripe(body, 'whsec_anotherAccounts', Date.now())],
      MISMATCH,
    ],
    [
      'is older than five minutes',
      (body) => [body, signedByStripe(body, Date.now() - 301_000)],
      'The signature is older than five minutes.',
    ],
    ['has half a signature', (body) => [body, { 'stripe-signature': 't=1' }], MISMATCH],
    ['is not JSON', () => ['paid', signedByStripe('paid')], NO_EVENT],
    ['is not an event', () => ['{"object":"event"}', signedByStripe('{"object":"event"}')], NO_EVENT],
    ['is empty', () => ['', signedByStripe('')], 'The body is empty.'],
  ])('that %s, is refused for that', async (_, forge, message) => {
    const { paid, body } = await heldEvent(stripeSide);
    await isRefused(paid, await send('stripe', ...forge(body)), { message });
  });

  it('of the newer kind, which carries no object, is acknowledged and ignored', async () => {
    const before = ledger();
    const body = JSON.stringify({
      id: `evt_test_${crypto.randomUUID()}`,
      object: 'v2.core.event',
      type: 'v1.billing.meter.error_report_triggered',
      livemode: false,
      created: '2026-11-28T10:00:00.000Z',
      related_object: { id: 'mtr_1', type: 'billing.meter', url: '/v1/billing/meters/mtr_1' },
    });
    expect(await send('stripe', body, signedByStripe(body))).toMatchObject({ status: 200, body: { received: true } });
    expect(ledger()).toEqual(before);
    const altered = body.replace('meter', 'metre');
    expect(await send('stripe', altered, signedByStripe(body))).toMatchObject({
      ...{ status: 400, body: { error: { code: 'INVALID_REQUEST', message: MISMATCH } } },
    });
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['a word', 'paid'],
    ['an event without an object', { id: 'evt_odd_1', type: 'refund.created', created: 1, data: {} }],
    ['an event without a name', { id: '', type: 'refund.created', created: 1, data: { object: {} } }],
  ])('that is signed and %s, is refused or let go, and no bug', async (_, event) => {
    const body = JSON.stringify(event);
    expect([200, 400]).toContain((await send('stripe', body, signedByStripe(body))).status);
  });

  it.each<[string, unknown]>([
    ['refund.created', { id: '../payment_intents' }],
    ['refund.created', { id: 're_unknown', metadata: { refund_id: 'REF-1' } }],
    ['refund.updated', { id: 7 }],
    ['payment_intent.succeeded', { id: 'pi_1', metadata: null, status: [] }],
    ['charge.dispute.created', { id: 'dp_1', payment_intent: 'pi_1', amount: 'much', currency: 'usd' }],
    ['charge.dispute.created', { id: 'dp_1', payment_intent: null, amount: 5, currency: '' }],
  ])('of %s that has %j in it, is let go', async (type, object) => {
    const before = ledger();
    const body = JSON.stringify({ id: `evt_odd_${crypto.randomUUID()}`, type, created: 1, data: { object } });
    expect(await send('stripe', body, signedByStripe(body))).toMatchObject({ status: 200 });
    expect(ledger()).toEqual(before);
  });

  it('that is not signed, is refused', async () => {
    const { paid, body } = await heldEvent(stripeSide);
    await isRefused(paid, await send('stripe', body, {}), { message: 'The Stripe-Signature header is missing.' });
  });

  it('that has been under way for nearly five minutes, is handled', async () => {
    const { paid, body } = await heldEvent(stripeSide);
    expect(await send('stripe', body, signedByStripe(body, Date.now() - 290_000))).toMatchObject({
      ...{ status: 200, body: { received: true } },
    });
    expect(paymentOf(paid)).toMatchObject({ status: 'completed' });
  });
});

describe('a webhook of PayPal', () => {
  it('of a capture that PayPal takes back, is written down like a dispute', async () => {
    const paid = await paypalSide.pay();
    const id = shop.emulator.paypal.reverseCapture(paypalSide.chargeOf(paid));
    expect(await tell('PAYMENT.CAPTURE.REVERSED', id)).toBe(200);
    expect(disputesOf(paid)).toMatchObject([{ provider: 'paypal', status: 'REVERSED', amountMinor: 2550 }]);
    expect(await shop.errorsOf(paymentOf(paid).transactionId)).toMatchObject([{ event: 'payment.disputed' }]);
  });

  it('of a payment that another system has made with the same account, is none of ours', async () => {
    const call = await paypalCallerOf(shop.emulator);
    const before = ledger();
    shop.emulator.webhookTiming = () => 'after_answer';
    const order = shop.approvedOrder();
    await call('POST', `/v2/checkout/orders/${order}/capture`, { body: {} });
    const capture = shop.emulator.paypal.captures().find(({ orderId }) => orderId === order)?.captureId ?? '';
    shop.emulator.paypal.refundInDashboard(capture, '1.00');
    shop.emulator.paypal.openDispute(capture);
    expect(await allTold()).toHaveLength(3);
    expect(ledger()).toEqual(before);
  });

  const MISMATCH =
    'The signature does not match: the body, the headers or PAYPAL_WEBHOOK_ID differ from what was signed.';
  const NO_EVENT = 'The signature is valid, but the body is not an event: an id or an event_type is missing.';
  const NOT_PAYPALS = 'The address in paypal-cert-url is not one of PayPal’s certificates.';
  const MINUTE_MS = 60_000;

  it.each<[string, (body: string) => [body: string, headers: Record<string, string>], string]>([
    ['was altered', (body) => [body.replace('25.50', '1.00'), signedByPayPal(body)], MISMATCH],
    ['was written anew', (body) => [JSON.stringify(JSON.parse(body), null, 1), signedByPayPal(body)], MISMATCH],
    [
      'is signed for another webhook',
      (body) => [body, signPayPal(body, '9ANOTHERWEBHOOK99', shop.emulator.paypalSigner, shop.emulator.url, CLOCK)],
      MISMATCH,
    ],
    ['is not JSON', () => ['paid', signedByPayPal('paid')], NO_EVENT],
    ['is not an event', () => ['{"id":"WH-1"}', signedByPayPal('{"id":"WH-1"}')], NO_EVENT],
    [
      'has its certificate elsewhere',
      (body) => [body, { ...signedByPayPal(body), 'paypal-cert-url': 'https://paypal.com.example/certs/1' }],
      NOT_PAYPALS,
    ],
    [
      'is five days old',
      (body) => [body, signedByPayPal(body, -5 * 24 * 60 * MINUTE_MS)],
      'It was sent more than four days ago.',
    ],
    [
      'is of tomorrow',
      (body) => [body, signedByPayPal(body, 24 * 60 * MINUTE_MS)],
      'The time in paypal-transmission-time has not come yet.',
    ],
    ...['transmission-id', 'transmission-time', 'transmission-sig', 'cert-url', 'auth-algo'].map(
      (name) =>
        [
          `has no paypal-${name}`,
          (body: string) => [body, without(`paypal-${name}`, signedByPayPal(body))],
          `The header paypal-${name} is missing, or not as PayPal sends it.`,
        ] as [string, (body: string) => [string, Record<string, string>], string],
    ),
  ])('that %s, is refused', async (_, forge, message) => {
    const { paid, body } = await heldEvent(paypalSide);
    await isRefused(paid, await send('paypal', ...forge(body)), { message });
  });

  it('is not asked about, however many are forged: 640 cost PayPal six requests, and a signed one is read after them', async () => {
    const { body: forged } = await heldEvent(paypalSide);
    const requests = () => shop.emulator.calls.filter(({ operation }) => operation === 'certificates.get').length;
    const verified = () => shop.emulator.calls.filter(({ operation }) => operation === 'webhooks.verify').length;
    const genuine = signedByPayPal(forged);
    expect(await send('paypal', forged, genuine)).toMatchObject({ status: 200 });
    const before = requests();
    const forgedBy = (address: string, number: number) => ({
      ...genuine,
      'paypal-cert-url': `${shop.emulator.url}/v1/notifications/certs/CERT-${number}`,
      'cf-connecting-ip': address,
    });
    const statuses = new Set<number>();
    for (let number = 0; number < 640; number += 4) {
      const address = number < 320 ? '203.0.113.1' : '203.0.113.2';
      const some = [0, 1, 2, 3].map((more) => send('paypal', forged, forgedBy(address, number + more)));
      for (const { status } of await Promise.all(some)) statuses.add(status);
    }
    expect([...statuses].filter((status) => ![400, 429, 503].includes(status))).toEqual([]);
    expect(requests() - before).toBeLessThanOrEqual(6);
    expect(verified()).toBe(0);
    const { paid, body } = await heldEvent(paypalSide);
    expect(await send('paypal', body, signedByPayPal(body))).toMatchObject({ status: 200 });
    expect(paymentOf(paid)).toMatchObject({ status: 'completed' });
  });
});

describe('without a webhook of either', () => {
  it('a pending payment is looked up', async () => {
    const sides = [stripeSide, paypalSide];
    const payments = await Promise.all(sides.map((side) => side.payUnanswered()));
    const areKnown = () => payments.every((paid) => paymentOf(paid).status === 'completed');
    await until('they are known', areKnown, { deadlineMs: LOOKED_UP_WITHIN_MS });
    for (const [index, paid] of payments.entries()) {
      const { events, chargeOf } = sides[index] as Side;
      expect(paymentOf(paid).lookups).toBeGreaterThan(0);
      expect(takenUp(events.charged, chargeOf(paid))).toBe(0);
      expect(await toldOf(paid, 1)).toEqual(['payment.success']);
    }
  });
});

describe('the address of a webhook', () => {
  const sides = [['stripe'], ['paypal']] as const;

  it.each(sides)('of %s may have up to 256 KiB', async (provider) => {
    const answer = await send(provider, ' '.repeat(256 * 1024 + 1), {});
    expect(answer).toMatchObject({
      ...{ status: 413, body: { error: { code: 'PAYLOAD_TOO_LARGE' } } },
    });
  });

  it.each(sides)('of %s takes POST', async (provider) => {
    const response = await fetch(`${shop.stack.worker.url}/webhooks/${provider}`);
    expect(response.status).toBe(405);
    expect(response.headers.get('Allow')).toBe('POST');
    expect(await response.json()).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } });
  });

  it('is not there for others', async () => {
    expect(await send('square' as Provider, '{}', {})).toMatchObject({ status: 404 });
  });

  it('says what is missing where its secret is not set, and handles what is sent again when it is', async () => {
    const held = [await heldEvent(stripeSide), await heldEvent(paypalSide)] as const;
    await shop.restart({ STRIPE_WEBHOOK_SECRET: null, PAYPAL_WEBHOOK_ID: null });
    const unset = [
      await send('stripe', held[0].body, signedByStripe(held[0].body)),
      await send('paypal', held[1].body, signedByPayPal(held[1].body)),
    ];
    const messages = [
      'Webhooks of stripe are not configured: STRIPE_WEBHOOK_SECRET is missing.',
      'Webhooks of paypal are not configured: PAYPAL_WEBHOOK_ID is missing.',
    ];
    expect(unset).toMatchObject(
      messages.map((message) => ({ status: 503, body: { error: { code: 'NOT_CONFIGURED', message } } })),
    );
    const { stripeWebhookSecret, paypalWebhookId } = shop.emulator;
    await shop.restart({ STRIPE_WEBHOOK_SECRET: stripeWebhookSecret, PAYPAL_WEBHOOK_ID: paypalWebhookId });
    for (const { paid } of held) {
      const side = paid.booking === paid.subject ? stripeSide : paypalSide;
      expect(await tell(side.events.charged, side.chargeOf(paid))).toBe(200);
      expect(await toldOf(paid, 1)).toEqual(['payment.success']);
    }
  });
});

describe('all published events', () => {
  it('led to nothing but calls that fit what the providers have published', () => {
    expect(shop.emulator.misfits).toEqual([]);
    expect(shop.unstruck()).toEqual([]);
    expect(shop.logged('http.bug')).toEqual([]);
    expect([...new Set(shop.emulator.calls.map(({ operation }) => operation))]).toEqual(
      expect.arrayContaining(['refunds.retrieve', 'refunds.get', 'captures.get', 'certificates.get']),
    );
  });

  it('leaves neither a secret nor card data in a log, an answer, an event or the database (invariant 5)', async () => {
    expect(await shop.searchLeftovers()).toEqual([]);
  });
});

/** The newest event of a type about this. */
function eventOf(type: string, about: string): { id: string; body: string } {
  const { stripe, paypal } = shop.emulator;
  const events = [...stripe.events(), ...paypal.events()].filter(
    (event) => event.type === type && event.body.includes(`"${about}"`),
  );
  return events.at(-1) ?? expect.fail(`there is no ${type} about ${about}`);
}

/** Sends it now, or again. @returns the status of the answer */
function tell(type: string, about: string): Promise<number> {
  return shop.emulator.resendWebhook(eventOf(type, about).id);
}

/** When all that is under way has been answered, and taken up. @returns what was answered since the last time */
async function allTold(): Promise<{ type: string; status: number }[]> {
  await shop.emulator.webhooksDelivered();
  const answers = shop.emulator.webhookAnswers.splice(0);
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  return answers;
}

/** How often the ledger has the event. */
function takenUp(type: string, about: string): number {
  return shop.database.count(`SELECT count(*) FROM provider_events WHERE event_id = '${eventOf(type, about).id}'`);
}

interface WebhookReply {
  status: number;
  headers: Headers;
  body: unknown;
}

async function send(provider: Provider, body: string, headers: Record<string, string>): Promise<WebhookReply> {
  const response = await fetch(`${shop.stack.worker.url}/webhooks/${provider}`, { method: 'POST', headers, body });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const signedByStripe = (body: string, atMs = Date.now()) => signStripe(body, shop.emulator.stripeWebhookSecret, atMs);
const signedByPayPal = (body: string, afterMs = 0) =>
  signPayPal(body, shop.emulator.paypalWebhookId, shop.emulator.paypalSigner, shop.emulator.url, {
    ...CLOCK,
    nowMs: () => Date.now() + afterMs,
  });

function without(name: string, headers: Record<string, string>): Record<string, string> {
  const { [name]: _, ...others } = headers;
  return others;
}

/** A payment that is pending, and the event that would settle it. */
async function heldEvent(side: Side): Promise<{ paid: Paid; body: string }> {
  const paid = await side.payUnanswered();
  await side.pay(); // so many without an answer in a row would open the circuit breaker
  return { paid, body: eventOf(side.events.charged, side.chargeOf(paid)).body };
}

/** With exactly this answer, and with nothing changed by it. */
async function isRefused(
  paid: Paid,
  { status, headers, body }: WebhookReply,
  as: { status?: number; code?: string; message: string; retryAfter?: string },
): Promise<void> {
  const { code = 'INVALID_REQUEST', message } = as;
  expect(status).toBe(as.status ?? 400);
  expect(headers.get('Retry-After')).toBe(as.retryAfter ?? null);
  expect(body).toEqual({ error: { code, message, details: {} }, timestamp: expect.any(String) });
  expect(paymentOf(paid)).toMatchObject({ status: 'pending', lookups: 0 });
  expect(shop.stack.listener.of(paid.booking)).toEqual([]);
}

function paymentOf({ booking }: Paid): Payment {
  return shop.paymentsOf(booking)[0] ?? expect.fail(`the ledger has no payment of ${booking}`);
}

function refundsOf(paid: Paid): Refund[] {
  return shop.refundsOf(paymentOf(paid).transactionId);
}

async function toldOf({ booking }: Paid, count: number): Promise<string[]> {
  return (await shop.eventsOf(booking, count)).map(({ routingKey }) => routingKey);
}

function reversalsOf(refundId: unknown): Record<string, unknown>[] {
  return shop.logged('refund.reversed').filter((line) => line.refund_id === refundId);
}

interface DisputeRow {
  provider: string;
  disputeId: string;
  status: string;
  amountMinor: number;
  currency: string;
}

function disputesOf(paid: Paid): DisputeRow[] {
  const { transactionId } = paymentOf(paid);
  return shop.database
    .column(
      `SELECT json_object('provider', provider, 'disputeId', dispute_id, 'status', status, 'amountMinor', amount_minor,
         'currency', currency)
       FROM disputes WHERE transaction_id = '${transactionId}'`,
    )
    .map((text) => JSON.parse(text) as DisputeRow);
}

/** What no webhook of somebody else's payment may change. Payments of other tests that wait are looked up, and end, by themselves. */
function ledger() {
  const rowsOf = (table: string) => shop.database.count(`SELECT count(*) FROM ${table}`);
  const ended = shop.payments().filter(({ status }) => status !== 'pending');
  for (const { transactionId, status } of shop.payments()) if (status === 'pending') waitingBefore.add(transactionId);
  return {
    payments: ended.filter(({ transactionId }) => !waitingBefore.has(transactionId)),
    refunds: shop.refunds(),
    disputes: rowsOf('disputes'),
    events: shop.database.count(
      `SELECT count(*) FROM events WHERE coalesce(transaction_id, '') NOT IN (SELECT value FROM json_each('${JSON.stringify([...waitingBefore])}'))`,
    ),
  };
}
const waitingBefore = new Set<string>();

/** Stripe dates its events in whole seconds. */
async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  await until('the next second begins', () => Math.floor(Date.now() / 1000) > second);
}

function cents(amount: string): number {
  return Math.round(Number(amount) * 100);
}

/** Refunds and disputes of a Stripe account. */
import type { Stripe } from 'stripe';
import type { Ending } from './api.ts';
import type { Cause, ChargeRow, DisputeRow, RefundRow, StripeBooks } from './stripe-books.ts';
import { invalid, missing } from './stripe-errors.ts';
import { checkDigits, inWords } from './stripe-money.ts';
import { showCharge, showDispute, showRefund } from './stripe-objects.ts';

export function createRefund(
  books: StripeBooks,
  params: Stripe.RefundCreateParams,
  ending: Ending,
  cause: Cause,
): RefundRow {
  const charge = chargeToRefund(books, params);
  const left = charge.intent.amount - books.refundedOf(charge);
  if (left === 0) {
    throw invalid(`Charge ${charge.id} has already been refunded.`, { code: 'charge_already_refunded' });
  }
  if (charge.disputed) {
    const message = `Charge ${charge.id} has been charged back; cannot issue a refund.`;
    throw invalid(message, { code: 'charge_disputed' });
  }
  const amount = params.amount ?? left;
  if (amount < 1) throw invalid('Invalid positive integer', { code: 'parameter_invalid_integer', param: 'amount' });
  const { currency } = charge.intent;
  checkDigits(amount, currency);
  if (amount > left) {
    throw invalid(
      `Refund amount (${inWords(amount, currency)}) is greater than unrefunded amount on charge (${inWords(left, currency)})`,
      { param: 'amount' },
    );
  }
  const refund: RefundRow = {
    id: books.id('re'),
    charge,
    amount,
    status: 'pending',
    reason: params.reason ?? null,
    metadata: (params.metadata || {}) as Record<string, string>,
    isRelease: false,
    createdAtMs: books.clock.nowMs(),
  };
  if (!ending.pending && !charge.method.card.refundsArePending) refund.status = 'succeeded';
  books.refunds.set(refund.id, refund);
  books.emit('refund.created', showRefund(refund), cause);
  if (refund.status === 'succeeded') {
    books.emit('charge.refunded', showCharge(books, charge), cause);
    ending.onRefund?.(refund.id);
  }
  return refund;
}

function chargeToRefund(books: StripeBooks, params: Stripe.RefundCreateParams): ChargeRow {
  const { payment_intent: intentId, charge: chargeId } = params;
  if ((intentId === undefined) === (chargeId === undefined)) {
    throw invalid('One of the following params should be provided for this request: payment_intent or charge.');
  }
  if (intentId === undefined) {
    const charges = [...books.intents.values()].map(({ latestCharge }) => latestCharge);
    const charge = charges.find((each) => each?.id === chargeId && each?.status === 'succeeded');
    if (!charge) throw missing('charge', String(chargeId), 'charge');
    if (charge.amountCaptured === 0) throw invalid(uncaptured(charge));
    return charge;
  }
  const intent = books.intents.get(intentId);
  if (intent === undefined) throw missing('payment_intent', intentId, 'payment_intent');
  if (intent.status !== 'succeeded' || intent.latestCharge === null) {
    throw invalid(`This PaymentIntent (${intentId}) does not have a successful charge to refund.`, {
      param: 'payment_intent',
    });
  }
  return intent.latestCharge;
}

const uncaptured = ({ intent }: ChargeRow) =>
  `This uncaptured Charge was created by a PaymentIntent (${intent.id}). You must cancel the PaymentIntent to reverse the ` +
  'authorization instead of refunding the Charge directly.';

/** Of held money. It is reported by `emitRelease`. */
export function release(books: StripeBooks, charge: ChargeRow, amount: number, reason: string | null): RefundRow {
  const refund: RefundRow = {
    ...{ id: books.id('re'), charge, amount, status: 'succeeded', reason, metadata: {}, isRelease: true },
    createdAtMs: books.clock.nowMs(),
  };
  books.refunds.set(refund.id, refund);
  return refund;
}

export function emitRelease(
  books: StripeBooks,
  released: RefundRow,
  cause: Cause,
  type: 'charge.refunded' | 'charge.expired' = 'charge.refunded',
): void {
  books.emit('refund.created', showRefund(released), cause);
  books.emit(type, showCharge(books, released.charge), cause);
}

/** A bank sends it back, before or after it has arrived. */
export function failRefund(books: StripeBooks, refund: RefundRow, cause: Cause): void {
  if (refund.status === 'failed') throw new Error(`${refund.id} has failed before`);
  refund.status = 'failed';
  for (const type of ['refund.updated', 'charge.refund.updated', 'refund.failed']) {
    books.emit(type, showRefund(refund), cause);
  }
}

export function succeedRefund(books: StripeBooks, refund: RefundRow, cause: Cause): void {
  if (refund.status !== 'pending') throw new Error(`${refund.id} is not pending, but ${refund.status}`);
  refund.status = 'succeeded';
  books.emit('refund.updated', showRefund(refund), cause);
  books.emit('charge.refund.updated', showRefund(refund), cause);
  books.emit('charge.refunded', showCharge(books, refund.charge), cause);
}

export function openDispute(books: StripeBooks, charge: ChargeRow, reason: string, cause: Cause): DisputeRow {
  const createdAtMs = books.clock.nowMs();
  const dispute: DisputeRow = { id: books.id('du'), charge, reason, status: 'needs_response', createdAtMs };
  charge.disputed = true;
  books.disputes.set(dispute.id, dispute);
  books.emit('charge.dispute.created', showDispute(dispute), cause);
  return dispute;
}

/** The shop has sent its evidence, and the bank looks at it. */
export function reviewDispute(books: StripeBooks, dispute: DisputeRow, cause: Cause): void {
  dispute.status = 'under_review';
  books.emit('charge.dispute.updated', showDispute(dispute), cause);
}

export function closeDispute(books: StripeBooks, dispute: DisputeRow, end: 'won' | 'lost', cause: Cause): void {
  dispute.status = end;
  dispute.charge.disputed = end === 'lost';
  books.emit('charge.dispute.closed', showDispute(dispute), cause);
}

/**
 * Stripe. A charge is a PaymentIntent, made unconfirmed under the transaction's id and then confirmed: before the confirmation
 * no money can have moved, and an intent that has not been confirmed can be cancelled, which is the fence. The intent is made
 * of what the ledger's row has, so that whoever comes later gets the same one under the same key.
 */
import type { Stripe } from 'stripe';
import type { Refund, Transaction } from '../../payments/transaction.ts';
import {
  type ChargeRequest,
  type Fence,
  type Gateway,
  type GatewayOutcome,
  type Instrument,
  ListingFailed,
  type LookUp,
  type Movement,
  type OutsideRefund,
  type RefundRequest,
} from './gateway.ts';
import { type Outside, PLATFORM } from './json-call.ts';
import { declinedBecause, refusedBecause, stripeDecline, stripeRequestCause } from './provider-codes.ts';
import { minorUnitsOfStripe, stripeAmount } from './stripe-amount.ts';
import { beforeDeadline, type StripeSettings, stripeClient, stripeFailure, stripeReason } from './stripe-client.ts';
import { readStripeWebhook } from './stripe-webhook.ts';

const HOUR_MS = 60 * 60_000;
/** Stripe keeps keys for at least 24 hours. */
const KEYS_KEPT_FOR_MS = 24 * HOUR_MS;
/** A key is used to find an intent again well before it is forgotten: behind that it would make another one. */
const INTENT_FOUND_BY_KEY_FOR_MS = 23 * HOUR_MS;
/** Stripe documents no time after which a request does not arrive any more; no HTTP connection lives for so long. */
const KNOWN_WITHIN_MS = 10 * 60_000;

const PAGE_SIZE = 100;
/** An intent is searched for among so many pages of its minute. */
const SEARCH_MAX_PAGES = 3;
/** Of a payment's refunds. */
const REFUNDS_MAX_PAGES = 5;
/** Around the creation of the row, clocks that differ included, and the deadline of the call behind it. */
const SEARCH_BEFORE_MS = 60_000;
const SEARCH_AFTER_MS = 120_000;

/** Of a charge or refund for which somebody waits: once more, where the connection broke. */
const RETRIES_OF_CALLS = 1;
/** Stripe allows 500 characters for a value of metadata. */
const METADATA_MAX_LENGTH = 500;

export function createStripeGateway(settings: StripeSettings, { send, nowMs }: Outside = PLATFORM): Gateway {
  const calls = (signal: AbortSignal) => stripeClient(settings, { signal, retries: RETRIES_OF_CALLS }, send);
  const questions = (signal: AbortSignal) => stripeClient(settings, { signal, retries: 0 }, send);

  return {
    name: `stripe:${isTestKey(settings.secretKey) ? 'test' : 'live'}`,
    canBeDown: true,
    methods: ['credit_card', 'debit_card', 'stripe'],
    knownWithinMs: KNOWN_WITHIN_MS,
    keysKeptForMs: KEYS_KEPT_FOR_MS,

    async charge({ transaction, instrument, signal }: ChargeRequest): Promise<GatewayOutcome> {
      const stripe = await calls(signal);
      let prepared: Prepared;
      try {
        prepared = await beforeDeadline(signal, prepare(stripe, transaction, instrument));
      } catch (error) {
        return refusedBeforeMoney(error);
      }
      if ('outcome' in prepared) return prepared.outcome;
      try {
        return await beforeDeadline(signal, confirm(stripe, transaction, prepared));
      } catch (error) {
        return refusedConfirmation(error, prepared.intentId);
      }
    },

    async refund({ refund, transaction, signal }: RefundRequest): Promise<GatewayOutcome> {
      const amount = stripeAmount(refund.amountMinor, transaction.currency);
      const intentId = transaction.gatewayReference;
      if (amount === null || intentId === null) return declinedBecause('refund_not_allowed');
      const stripe = await calls(signal);
      const refunding = stripe.refunds.create(
        {
          payment_intent: intentId,
          amount,
          metadata: {
            refund_id: refund.refundId,
            transaction_id: transaction.transactionId,
            booking_id: transaction.bookingId,
            reason: refund.reason.slice(0, METADATA_MAX_LENGTH),
          },
        },
        { idempotencyKey: refund.refundId },
      );
      try {
        return asOutcome(stateOfRefund(await beforeDeadline(signal, refunding)));
      } catch (error) {
        return refusedRefund(error);
      }
    },

    lookUpCharge: (transaction: Transaction, signal: AbortSignal) =>
      asked(signal, async () => {
        const intent = await findIntent(await questions(signal), transaction, nowMs());
        return intent === null ? NOT_FOUND : stateOfIntent(intent);
      }),

    lookUpRefund: (refund: Refund, transaction: Transaction, signal: AbortSignal) =>
      asked(signal, async () => {
        const found = await findRefund(await questions(signal), refund, transaction);
        return found === null ? NOT_FOUND : stateOfRefund(found);
      }),

    async cancelCharge(transaction: Transaction, signal: AbortSignal): Promise<Fence> {
      const fence = await asked(signal, async () => cancelIntent(await questions(signal), transaction, nowMs()));
      return fence.kind === 'not_found'
        ? { kind: 'unreachable', reason: 'Stripe does not know its own intent' }
        : fence;
    },

    async *listMovements(fromMs: number, toMs: number): AsyncGenerator<Movement> {
      const stripe = await stripeClient(settings, { signal: null, retries: RETRIES_OF_CALLS }, send);
      try {
        yield* listCharges(stripe, fromMs, toMs);
        yield* listRefunds(stripe, fromMs, toMs);
      } catch (error) {
        throw new ListingFailed(stripeReason(stripeFailure(error)));
      }
    },

    async findOutsideRefund(reference: string, signal: AbortSignal) {
      try {
        const stripe = await questions(signal);
        const refund = await beforeDeadline(signal, stripe.refunds.retrieve(reference, { expand: ['payment_intent'] }));
        return outsideRefund(refund);
      } catch (error) {
        return { unreachable: stripeReason(stripeFailure(error)) };
      }
    },

    async findChargeOwner(reference: string, signal: AbortSignal) {
      try {
        const stripe = await questions(signal);
        const intent = await beforeDeadline(signal, stripe.paymentIntents.retrieve(reference));
        return { transactionId: intent.metadata.transaction_id ?? null };
      } catch (error) {
        return { unreachable: stripeReason(stripeFailure(error)) };
      }
    },

    readWebhook: (webhook) => readStripeWebhook(settings, webhook, send),
  };
}

export function isTestKey(secretKey: string): boolean {
  return /^[a-z]+_test_/.test(secretKey);
}

type Prepared = { intentId: string; paymentMethod: string } | { outcome: GatewayOutcome };

/** The intent and what it is to be paid with, side by side. Neither moves money. */
async function prepare(stripe: Stripe, transaction: Transaction, instrument: Instrument): Promise<Prepared> {
  if (!isPayable(transaction)) return { outcome: declinedBecause('amount_not_payable') };
  const [intent, paymentMethod] = await Promise.all([
    createIntent(stripe, transaction),
    paymentMethodOf(stripe, transaction, instrument),
  ]);
  return paymentMethod === null
    ? { outcome: declinedBecause('unknown_token') }
    : { intentId: intent.id, paymentMethod };
}

function isPayable({ amountMinor, currency }: Transaction): boolean {
  return stripeAmount(amountMinor, currency) !== null;
}

/** Made of the ledger's row and nothing else: the same key always comes with the same request. */
function createIntent(stripe: Stripe, transaction: Transaction): Promise<Stripe.PaymentIntent> {
  const { transactionId, bookingId, amountMinor, currency } = transaction;
  const amount = stripeAmount(amountMinor, currency);
  if (amount === null) throw new Error(`Stripe can't charge ${amountMinor} minor units of ${currency}`);
  return stripe.paymentIntents.create(
    {
      amount,
      currency: currency.toLowerCase(),
      allowed_payment_method_types: ['card'],
      metadata: { transaction_id: transactionId, booking_id: bookingId },
    },
    { idempotencyKey: transactionId },
  );
}

/** Stripe's name for what is charged; null where a token is none of Stripe's. */
async function paymentMethodOf(
  stripe: Stripe,
  { transactionId }: Transaction,
  instrument: Instrument,
): Promise<string | null> {
  if (instrument.kind === 'paypal') throw new Error('PayPal was routed to Stripe');
  if (instrument.kind === 'token' && /^pm_\w+$/.test(instrument.token)) return instrument.token;
  if (instrument.kind === 'token' && !/^tok_\w+$/.test(instrument.token)) return null;
  const made = await stripe.paymentMethods.create(
    instrument.kind === 'token'
      ? { type: 'card', card: { token: instrument.token } }
      : {
          type: 'card',
          card: {
            number: instrument.card.number,
            exp_month: instrument.card.expiryMonth,
            exp_year: instrument.card.expiryYear,
            cvc: instrument.card.cvv,
          },
          billing_details: { name: instrument.card.cardholderName },
        },
    { idempotencyKey: `${transactionId}:payment_method` },
  );
  return made.id;
}

async function confirm(
  stripe: Stripe,
  { transactionId }: Transaction,
  { intentId, paymentMethod }: Extract<Prepared, { intentId: string }>,
): Promise<GatewayOutcome> {
  const intent = await stripe.paymentIntents.confirm(
    intentId,
    { payment_method: paymentMethod, error_on_requires_action: true },
    { idempotencyKey: `${transactionId}:confirm` },
  );
  return asOutcome(stateOfIntent(intent), intentId);
}

/** Of a call before the confirmation: whatever went wrong, nothing was charged, and nobody is going to. */
function refusedBeforeMoney(error: unknown): GatewayOutcome {
  const failed = stripeFailure(error);
  const { status, type, code, declineCode, param } = failed;
  if (type === 'card_error') return stripeDecline(declineCode, code);
  if (status === 400 || status === 404) {
    const cause = stripeRequestCause(code);
    if (cause !== null) return declinedBecause(cause, code);
    if (code === 'resource_missing' && param !== 'intent') return declinedBecause('unknown_token', code);
    if (code === 'token_already_used') return declinedBecause('unknown_token', code);
    if (param === 'currency') return declinedBecause('amount_not_payable', code);
  }
  if (status === 402) {
    const reason =
      'Stripe does not take card numbers from this account (402): send a payment_method_token, or ask Stripe for raw card data';
    return { ...refusedBecause('gateway_not_configured', code), reason } as GatewayOutcome;
  }
  const reason = stripeReason(failed);
  if (status === 401 || status === 403) return { kind: 'failed', cause: 'gateway_not_configured', reason };
  const silent = status === undefined || status >= 500 || status === 429;
  return { kind: 'failed', reason, silent, ...(code !== undefined && { providerCode: code }) };
}

/** Of the confirmation: only what Stripe says of this very request is certain. */
function refusedConfirmation(error: unknown, intent: string): GatewayOutcome {
  const failed = stripeFailure(error);
  const { status, type, code } = failed;
  const isCertain =
    type === 'card_error' ||
    status === 401 ||
    status === 403 ||
    ((status === 400 || status === 402 || status === 404) &&
      type !== 'idempotency_error' &&
      code !== 'payment_intent_unexpected_state');
  return isCertain ? refusedBeforeMoney(error) : { kind: 'unknown', reason: stripeReason(failed), intent };
}

/**
 * A refund can be sent again, and then a refusal of the key or of the rate says nothing of the request before. One that is
 * no valid refund is answered the same each time.
 */
function refusedRefund(error: unknown): GatewayOutcome {
  const failed = stripeFailure(error);
  const { status, type, code, param } = failed;
  const refused = (status === 400 || status === 402 || status === 404) && type !== 'idempotency_error';
  if (!refused) return { kind: 'unknown', reason: stripeReason(failed) };
  const cause = stripeRequestCause(code);
  if (cause !== null) return declinedBecause(cause, code);
  if (status === 404) return { kind: 'failed', reason: stripeReason(failed) };
  return declinedBecause(param === 'amount' ? 'refund_exceeds' : 'refund_not_allowed', code);
}

const NOT_FOUND = { kind: 'not_found' } as const;

type KnownState = Exclude<LookUp, { kind: 'unreachable' }>;

function stateOfIntent(intent: Stripe.PaymentIntent): KnownState {
  switch (intent.status) {
    case 'succeeded':
      return { kind: 'approved', reference: intent.id };
    case 'processing':
    case 'requires_capture':
      return { kind: 'in_progress' };
    case 'requires_action':
      // Nobody has what it takes to go on with it: the secret for that is given to nobody.
      return declinedBecause('authentication_required');
    case 'canceled':
      return { kind: 'failed', cause: 'never_happened' };
    case 'requires_payment_method': {
      const declined = intent.last_payment_error;
      return declined ? declinedState(stripeDecline(declined.decline_code, declined.code)) : NOT_FOUND;
    }
    default:
      // Not confirmed: as good as not there, since the confirmation may be on its way.
      return NOT_FOUND;
  }
}

function declinedState(outcome: GatewayOutcome): KnownState {
  if (outcome.kind === 'unknown') throw new Error('a decline is an outcome');
  return outcome;
}

function stateOfRefund(refund: Stripe.Refund): KnownState {
  switch (refund.status) {
    case 'succeeded':
      return { kind: 'approved', reference: refund.id };
    case 'failed':
    case 'canceled':
      return declinedBecause('refund_sent_back', refund.failure_reason);
    default:
      return { kind: 'in_progress' };
  }
}

/** What was found right after asking for it. */
function asOutcome(state: KnownState, intent?: string): GatewayOutcome {
  if (state.kind !== 'in_progress' && state.kind !== 'not_found') return state;
  return { kind: 'unknown', reason: 'Stripe is still working on it', ...(intent !== undefined && { intent }) };
}

async function asked<Found extends LookUp | Fence>(
  signal: AbortSignal,
  asking: () => Promise<Found>,
): Promise<Found | { kind: 'unreachable'; reason: string }> {
  try {
    return await beforeDeadline(signal, asking());
  } catch (error) {
    if (error instanceof TooManyIntents) return { kind: 'unreachable', reason: error.message };
    return { kind: 'unreachable', reason: stripeReason(stripeFailure(error)) };
  }
}

class TooManyIntents extends Error {
  override name = 'TooManyIntents';
}

/** By its name where that was kept; else among those of its minute; else by its key, which stands for it for a day. */
async function findIntent(
  stripe: Stripe,
  transaction: Transaction,
  nowMs: number,
): Promise<Stripe.PaymentIntent | null> {
  const kept = transaction.gatewayIntent ?? transaction.gatewayReference;
  if (kept !== null) return retrieved(stripe, kept);

  const search = await searchIntent(stripe, transaction);
  if (search !== 'too_many') return search;
  if (nowMs - transaction.createdAtMs > INTENT_FOUND_BY_KEY_FOR_MS) {
    throw new TooManyIntents('Stripe has too many payments of that minute to look through: `npm run reconcile` does');
  }
  // The answer that a key stands for is that of back then: only the name is taken from it.
  return retrieved(stripe, (await createIntent(stripe, transaction)).id);
}

async function retrieved(stripe: Stripe, intentId: string): Promise<Stripe.PaymentIntent | null> {
  try {
    return await stripe.paymentIntents.retrieve(intentId);
  } catch (error) {
    if (stripeFailure(error).status === 404) return null;
    throw error;
  }
}

async function searchIntent(
  stripe: Stripe,
  transaction: Transaction,
): Promise<Stripe.PaymentIntent | null | 'too_many'> {
  const created = {
    gte: Math.floor((transaction.createdAtMs - SEARCH_BEFORE_MS) / 1000),
    lte: Math.ceil((transaction.createdAtMs + SEARCH_AFTER_MS) / 1000),
  };
  const found: Stripe.PaymentIntent[] = [];
  let after: { starting_after?: string } = {};
  for (let page = 0; page < SEARCH_MAX_PAGES; page += 1) {
    const { data, has_more } = await stripe.paymentIntents.list({ created, limit: PAGE_SIZE, ...after });
    found.push(...data.filter(({ metadata }) => metadata.transaction_id === transaction.transactionId));
    const last = data.at(-1);
    if (!has_more || last === undefined) return mostAdvanced(found);
    after = { starting_after: last.id };
  }
  return found.length > 0 ? mostAdvanced(found) : 'too_many';
}

/** There is more than one only if Stripe forgot a key: what has moved money counts. */
function mostAdvanced(intents: readonly Stripe.PaymentIntent[]): Stripe.PaymentIntent | null {
  const withStatus = (status: string) => intents.find((intent) => intent.status === status);
  return withStatus('succeeded') ?? withStatus('processing') ?? intents[0] ?? null;
}

/**
 * An intent that nobody can find may be on its way to Stripe: made once more under its key, it is the same one, and whoever
 * confirms it afterwards is refused.
 */
async function cancelIntent(
  stripe: Stripe,
  transaction: Transaction,
  nowMs: number,
): Promise<Fence | typeof NOT_FOUND> {
  if (!isPayable(transaction)) return { kind: 'cancelled' }; // no intent was ever made of it
  const found = await findIntent(stripe, transaction, nowMs);
  let intentId = found?.id;
  if (intentId === undefined) {
    try {
      intentId = (await createIntent(stripe, transaction)).id;
    } catch (error) {
      const { status, replayed } = stripeFailure(error);
      // The key stands for a failure for good: nobody was ever told of an intent that could be confirmed.
      if (replayed && status !== undefined) return { kind: 'cancelled' };
      throw error;
    }
  }
  try {
    const cancelled = await stripe.paymentIntents.cancel(intentId);
    return cancelled.status === 'canceled' ? { kind: 'cancelled' } : stateOfIntent(cancelled);
  } catch (error) {
    if (stripeFailure(error).code !== 'payment_intent_unexpected_state') throw error;
    const standing = await stripe.paymentIntents.retrieve(intentId);
    return standing.status === 'canceled' ? { kind: 'cancelled' } : stateOfIntent(standing);
  }
}

async function findRefund(stripe: Stripe, refund: Refund, transaction: Transaction): Promise<Stripe.Refund | null> {
  if (refund.gatewayReference !== null) return stripe.refunds.retrieve(refund.gatewayReference);
  const intentId = transaction.gatewayReference;
  if (intentId === null) return null;
  let after: { starting_after?: string } = {};
  for (let page = 0; page < REFUNDS_MAX_PAGES; page += 1) {
    const list = await stripe.refunds.list({ payment_intent: intentId, limit: PAGE_SIZE, ...after });
    const found = list.data.find(({ metadata }) => metadata?.refund_id === refund.refundId);
    if (found !== undefined) return found;
    const last = list.data.at(-1);
    if (!list.has_more || last === undefined) return null;
    after = { starting_after: last.id };
  }
  throw new TooManyIntents(`the payment has more than ${REFUNDS_MAX_PAGES * PAGE_SIZE} refunds`);
}

/** Only those of this service: the account may take other payments too. */
async function* listCharges(stripe: Stripe, fromMs: number, toMs: number): AsyncGenerator<Movement> {
  for await (const intent of stripe.paymentIntents.list({ created: createdIn(fromMs, toMs), limit: PAGE_SIZE })) {
    const { id, status, metadata, created, currency, amount_received } = intent;
    const amountMinor = minorUnitsOfStripe(amount_received, currency);
    if (status !== 'succeeded' || metadata.transaction_id === undefined || amountMinor === null) continue;
    yield {
      kind: 'charge',
      id: metadata.transaction_id,
      reference: id,
      amountMinor,
      currency: currency.toUpperCase(),
      status: 'succeeded',
      movedAtMs: created * 1000,
    };
  }
}

async function* listRefunds(stripe: Stripe, fromMs: number, toMs: number): AsyncGenerator<Movement> {
  const list = stripe.refunds.list({
    created: createdIn(fromMs, toMs),
    limit: PAGE_SIZE,
    expand: ['data.payment_intent'],
  });
  for await (const refund of list) {
    const { transactionId, amountMinor, currency, state, movedAtMs } = outsideRefund(refund);
    // One that never reached the payer is listed where this service asked for it: it may have been told as paid.
    const refundId = refund.metadata?.refund_id;
    if (transactionId === null || state === 'open' || (state === 'never' && refundId === undefined)) continue;
    yield {
      kind: 'refund',
      id: refundId ?? refund.id,
      reference: refund.id,
      amountMinor,
      currency,
      status: state === 'moved' ? 'succeeded' : 'reversed',
      movedAtMs,
      transactionId,
    };
  }
}

function createdIn(fromMs: number, toMs: number) {
  return { gte: Math.floor(fromMs / 1000), lt: Math.ceil(toMs / 1000) };
}

/** @param refund with its intent expanded */
function outsideRefund(refund: Stripe.Refund): OutsideRefund {
  const { payment_intent: intent, amount, currency, metadata } = refund;
  const amountMinor = minorUnitsOfStripe(amount, currency);
  const owner = typeof intent === 'object' && intent !== null ? intent.metadata.transaction_id : undefined;
  const state = stateOfRefund(refund).kind;
  return {
    reference: refund.id,
    transactionId: amountMinor === null ? null : (owner ?? null),
    amountMinor: amountMinor ?? 0,
    currency: currency.toUpperCase(),
    state: state === 'approved' ? 'moved' : state === 'in_progress' ? 'open' : 'never',
    reason: metadata?.reason ?? 'Refunded at Stripe',
    movedAtMs: refund.created * 1000,
  };
}

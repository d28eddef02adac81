/**
 * Creates, finds and cancels the PaymentIntent of a transaction and the refund of a row. The request follows from the ledger's row
 * alone, so that a later call with the same key gets the same object.
 */
import type { Stripe } from 'stripe';
import type { Refund, Transaction } from '../../domain/transaction.ts';
import { stripeAmount } from './stripe-amount.ts';
import { type StripeClient, stripeFailure, UNEXPECTED_STATE } from './stripe-client.ts';
import { type KnownState, stateOfIntent } from './stripe-outcomes.ts';

export const PAGE_SIZE = 100;
/** The pages of a minute's intents that are searched. */
const LIST_MAX_PAGES = 3;
/** Around the creation of the row: clocks that differ, and the deadline of the call behind it. */
const LISTED_BEFORE_MS = 60_000;
const LISTED_AFTER_MS = 120_000;
/** Of a payment's refunds. */
const REFUNDS_MAX_PAGES = 5;

/** Thrown if a look-up is inconclusive: too many objects to search, or a known id is not found. */
export class NotToBeFound extends Error {
  override name = 'NotToBeFound';
}

export function isPayable({ amountMinor, currency }: Transaction): boolean {
  return stripeAmount(amountMinor, currency) !== null;
}

export function createIntent(stripe: StripeClient, transaction: Transaction): Promise<Stripe.PaymentIntent> {
  const { transactionId, bookingId, amountMinor, currency, captureMethod } = transaction;
  const amount = stripeAmount(amountMinor, currency);
  if (amount === null) throw new Error(`Stripe can't charge ${amountMinor} minor units of ${currency}`);
  return stripe.paymentIntents.create(
    {
      amount,
      currency: currency.toLowerCase(),
      allowed_payment_method_types: ['card'],
      metadata: { transaction_id: transactionId, booking_id: bookingId },
      ...(captureMethod === 'manual' && { capture_method: captureMethod }),
    },
    { idempotencyKey: transactionId },
  );
}

/** Of an intent whose money is held: only its charge says for how long. @param prefix `data.` in a list */
export function withItsHold({ captureMethod }: Transaction, prefix = ''): { expand?: string[] } {
  return captureMethod === 'manual' ? { expand: [`${prefix}latest_charge`] } : {};
}

/**
 * Has the suffix appear on the payer's bank statement. Stripe takes it at the creation of an intent or by an update, and not at the
 * confirmation. The creation can't have it: it is sent again from the row alone, and Stripe refuses a key with other parameters.
 */
export async function describeIntent(
  stripe: StripeClient,
  { transactionId }: Transaction,
  intentId: string,
  suffix: string,
): Promise<void> {
  await stripe.paymentIntents.update(
    intentId,
    { statement_descriptor_suffix: suffix },
    { idempotencyKey: `${transactionId}:describe` },
  );
}

/**
 * Finds the intent by its id if stored, else among the intents of its minute, else by Stripe's search. Only reads (invariant 9). Null
 * does not prove that none exists: the search lags by a minute, or an hour at worst.
 */
export async function findIntent(stripe: StripeClient, transaction: Transaction): Promise<Stripe.PaymentIntent | null> {
  const kept = transaction.authorizationReference ?? transaction.gatewayIntent ?? transaction.gatewayReference;
  if (kept !== null) return retrieveIntent(stripe, kept, transaction);
  if (!isPayable(transaction)) return null; // Stripe was never asked

  const listing = await listIntents(stripe, transaction);
  return listing.kind === 'too_many' ? searchIntent(stripe, transaction) : mostAdvanced(listing.intents);
}

/** @throws NotToBeFound where Stripe does not have it: one that was named by Stripe is another account's then, not none */
export async function retrieveIntent(
  stripe: StripeClient,
  intentId: string,
  transaction: Transaction,
): Promise<Stripe.PaymentIntent> {
  try {
    return await stripe.paymentIntents.retrieve(intentId, withItsHold(transaction));
  } catch (error) {
    if (stripeFailure(error).status !== 404) throw error;
    throw new NotToBeFound(`Stripe has no ${intentId}: is STRIPE_SECRET_KEY of another account than when it was made?`);
  }
}

/** The transaction's intents among those of its minute. */
async function listIntents(
  stripe: StripeClient,
  transaction: Transaction,
): Promise<{ kind: 'listed'; intents: Stripe.PaymentIntent[] } | { kind: 'too_many' }> {
  const { transactionId, createdAtMs } = transaction;
  const created = {
    gte: Math.floor((createdAtMs - LISTED_BEFORE_MS) / 1000),
    lte: Math.ceil((createdAtMs + LISTED_AFTER_MS) / 1000),
  };
  const found: Stripe.PaymentIntent[] = [];
  let after: { starting_after?: string } = {};
  for (let page = 0; page < LIST_MAX_PAGES; page += 1) {
    const { data, has_more } = await stripe.paymentIntents.list({
      created,
      limit: PAGE_SIZE,
      ...withItsHold(transaction, 'data.'),
      ...after,
    });
    found.push(...data.filter(({ metadata }) => metadata.transaction_id === transactionId));
    const last = data.at(-1);
    if (!has_more || last === undefined) return { kind: 'listed', intents: found };
    after = { starting_after: last.id };
  }
  return found.length > 0 ? { kind: 'listed', intents: found } : { kind: 'too_many' };
}

/** Search results are as old as the index, so each hit is retrieved. */
async function searchIntent(stripe: StripeClient, transaction: Transaction): Promise<Stripe.PaymentIntent | null> {
  const query = `metadata['transaction_id']:'${transaction.transactionId}'`;
  const { data } = await stripe.paymentIntents.search({ query });
  return mostAdvanced(await Promise.all(data.map(({ id }) => retrieveIntent(stripe, id, transaction))));
}

/** The states of an intent that has money, or may get some, from the one that counts most. */
const ADVANCED = ['succeeded', 'processing', 'requires_capture', 'requires_action'];

/** There is more than one only if Stripe forgot a key: what has moved money counts. */
function mostAdvanced(intents: readonly Stripe.PaymentIntent[]): Stripe.PaymentIntent | null {
  const advanced = ADVANCED.flatMap((status) => intents.filter((intent) => intent.status === status));
  return advanced[0] ?? intents[0] ?? null;
}

/**
 * The fence. The creation of an intent that is not found may still be on its way to Stripe. Creating it again under its key gives the same
 * intent, which is then cancelled, so that a later confirmation is refused. A payer who was faster keeps what is held, but for the
 * moment between the two calls: then it is released, which is as certain.
 */
export async function cancelIntent(stripe: StripeClient, transaction: Transaction): Promise<KnownState> {
  if (!isPayable(transaction)) return { kind: 'cancelled' };
  const found = await findIntent(stripe, transaction);
  if (found?.status === 'requires_capture') return stateOfIntent(found, transaction);
  const intentId = found?.id ?? (await intentIdByKey(stripe, transaction));
  return intentId === null ? { kind: 'cancelled' } : endIntent(stripe, intentId, transaction);
}

/** Cancels an intent, which releases what it holds. One that can't be cancelled any more is what it has become. */
export async function endIntent(stripe: StripeClient, intentId: string, transaction: Transaction): Promise<KnownState> {
  try {
    return stateOfIntent(await stripe.paymentIntents.cancel(intentId), transaction);
  } catch (error) {
    if (stripeFailure(error).code !== UNEXPECTED_STATE) throw error;
    return stateOfIntent(await retrieveIntent(stripe, intentId, transaction), transaction);
  }
}

/**
 * The id of the key's intent, which is created if need be. Of the answer only the id is used: the rest is from the time of the first call.
 * Null where there is no intent and never will be: the key is answered with a failure for good, so that no intent can be confirmed; or
 * Stripe refuses the row however often it is sent, such as an amount that is too small.
 */
async function intentIdByKey(stripe: StripeClient, transaction: Transaction): Promise<string | null> {
  try {
    return (await createIntent(stripe, transaction)).id;
  } catch (error) {
    const { status, type, replayed } = stripeFailure(error);
    if (replayed || (status === 400 && type !== 'idempotency_error')) return null;
    throw error;
  }
}

/** By Stripe's name for it where that is known, else among the refunds of its payment. */
export async function findRefund(
  stripe: StripeClient,
  { refundId, gatewayReference }: Refund,
  transaction: Transaction,
): Promise<Stripe.Refund | null> {
  if (gatewayReference !== null) return stripe.refunds.retrieve(gatewayReference);
  const intentId = transaction.gatewayReference;
  if (intentId === null) return null;
  for await (const refund of refundsOf(stripe, intentId)) if (refund.metadata?.refund_id === refundId) return refund;
  return null;
}

/** All refunds of a payment, each with its intent. @throws NotToBeFound where there are too many */
export async function* refundsOf(stripe: StripeClient, intentId: string): AsyncGenerator<Stripe.Refund> {
  let after: { starting_after?: string } = {};
  for (let page = 0; page < REFUNDS_MAX_PAGES; page += 1) {
    const { data, has_more } = await stripe.refunds.list({
      payment_intent: intentId,
      limit: PAGE_SIZE,
      expand: ['data.payment_intent'],
      ...after,
    });
    yield* data;
    const last = data.at(-1);
    if (!has_more || last === undefined) return;
    after = { starting_after: last.id };
  }
  throw new NotToBeFound(`the payment has more than ${REFUNDS_MAX_PAGES * PAGE_SIZE} refunds`);
}

/** The money that an authorized intent holds is taken, or released. */
import type { Transaction } from '../../domain/transaction.ts';
import { type GatewayOutcome, isNoOutcome, type StepRequest } from '../gateway.ts';
import { declinedBecause } from '../refusal.ts';
import { askStripe } from './ask-stripe.ts';
import { stripeAmount } from './stripe-amount.ts';
import {
  beforeDeadline,
  type StripeClient,
  type StripeFailure,
  stripeFailure,
  stripeWhy,
  UNEXPECTED_STATE,
} from './stripe-client.ts';
import { stripeDecline } from './stripe-codes.ts';
import { endIntent, findIntent, retrieveIntent } from './stripe-intents.ts';
import { asOutcome, type KnownState, NOT_FOUND, stateOfIntent, unknownBecause } from './stripe-outcomes.ts';

/** @param client is awaited here, because the time that it takes to make counts towards the deadline */
export async function captureHold(
  client: Promise<StripeClient>,
  { transaction, signal }: StepRequest,
): Promise<GatewayOutcome> {
  const { transactionId, amountMinor, currency, authorizationReference: intentId } = transaction;
  const amount = stripeAmount(amountMinor, currency);
  if (intentId === null || amount === null) throw new Error(`${transactionId} holds nothing at Stripe`);
  const stripe = await client;
  try {
    const capturing = stripe.paymentIntents.capture(
      intentId,
      // Without it, Stripe takes all that is held.
      { amount_to_capture: amount },
      { idempotencyKey: `${transactionId}:capture` },
    );
    return outcomeOfCapture(stateOfIntent(await beforeDeadline(signal, capturing), transaction), intentId);
  } catch (error) {
    const failed = stripeFailure(error);
    if (isRefused(failed)) return refusedCapture(stripe, transaction, intentId, failed, signal);
    return { kind: 'unknown', ...stripeWhy(failed), silent: failed.silent, intent: intentId };
  }
}

/**
 * Whether Stripe refuses this capture, however often it is sent. An API key or an account that is wrong can be mended; a failure of
 * Stripe's that comes again for the idempotency key can't.
 */
function isRefused(failed: StripeFailure): boolean {
  const { status, type, silent, replayed } = failed;
  if (type === 'card_error' || (silent && replayed)) return true;
  const isOfRequest = (status === 400 || status === 402) && type !== 'idempotency_error';
  return isOfRequest && stripeWhy(failed).cause === undefined;
}

/**
 * An intent in another state was captured before, in Stripe's dashboard or under a key that Stripe has forgotten, or it holds
 * nothing any more. One that Stripe refuses to capture for another reason is cancelled: the payer gets the money back, and a
 * capture that is still on its way finds nothing.
 */
async function refusedCapture(
  stripe: StripeClient,
  transaction: Transaction,
  intentId: string,
  { type, code, declineCode, silent }: StripeFailure,
  signal: AbortSignal,
): Promise<GatewayOutcome> {
  const state = await askStripe(signal, async () =>
    code === UNEXPECTED_STATE
      ? stateOfIntent(await retrieveIntent(stripe, intentId, transaction), transaction)
      : endIntent(stripe, intentId, transaction),
  );
  if (isNoOutcome(state)) return unknownBecause(state, intentId);
  if (state.kind !== 'cancelled') return outcomeOfCapture(state, intentId);
  if (silent) return { kind: 'failed', reason: 'Stripe broke at the capture' };
  return type === 'card_error' ? stripeDecline(declineCode, code) : declinedBecause('authorization_ended', code);
}

function outcomeOfCapture(state: KnownState, intentId: string): GatewayOutcome {
  if (state.kind !== 'authorized') return asOutcome(state, intentId);
  return { kind: 'unknown', reason: 'Stripe still holds the money', silent: false, intent: intentId };
}

/** Of a payment that has failed, the ledger may not have the intent whose money is still held. */
export async function releaseHold(stripe: StripeClient, transaction: Transaction): Promise<KnownState> {
  const intentId = transaction.authorizationReference ?? (await findIntent(stripe, transaction))?.id;
  return intentId === undefined ? NOT_FOUND : endIntent(stripe, intentId, transaction);
}

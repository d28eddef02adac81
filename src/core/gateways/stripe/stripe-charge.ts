/** A charge at Stripe: the intent and what it is paid with are prepared, which moves no money, and then the intent is confirmed. */
import { hasExpired } from '../../domain/card.ts';
import type { Transaction } from '../../domain/transaction.ts';
import { type ChargeRequest, type GatewayOutcome, type Instrument, isNoOutcome, timeIsLeft } from '../gateway.ts';
import { declinedBecause } from '../refusal.ts';
import { askStripe } from './ask-stripe.ts';
import { beforeDeadline, type StripeClient, stripeFailure } from './stripe-client.ts';
import { createIntent, describeIntent, endIntent, isPayable, withItsHold } from './stripe-intents.ts';
import {
  asOutcome,
  type KnownState,
  refusedBeforeMoney,
  refusedConfirmation,
  stateOfIntent,
  unknownBecause,
} from './stripe-outcomes.ts';

/** @param client is awaited here, because the time that it takes to make counts towards the deadline */
export async function chargeWithStripe(
  client: Promise<StripeClient>,
  request: ChargeRequest,
  nowMs: () => number,
): Promise<GatewayOutcome> {
  const { transaction, instrument, signal, deadlineMs } = request;
  const startedAtMs = nowMs();
  const stripe = await client;
  let prepared: Prepared;
  try {
    prepared = await beforeDeadline(signal, prepare(stripe, request));
  } catch (error) {
    return orExpired(refusedBeforeMoney(stripeFailure(error)), instrument, nowMs());
  }
  if (prepared.kind === 'refused') return prepared.outcome;
  if (!timeIsLeft(startedAtMs, nowMs(), deadlineMs)) {
    return { kind: 'failed', reason: 'Stripe took too long to make the payment', silent: true };
  }
  let state: KnownState;
  try {
    state = await beforeDeadline(signal, confirm(stripe, request, prepared));
  } catch (error) {
    const isCallersMethod = instrument.kind === 'token' && instrument.token === prepared.paymentMethod;
    const refused = refusedConfirmation(stripeFailure(error), prepared.intentId, isCallersMethod);
    return orExpired(refused, instrument, nowMs());
  }
  const hasNoAddress = state.kind === 'challenged' && state.url === null;
  return hasNoAddress
    ? endChallenge(stripe, transaction, prepared.intentId, signal)
    : asOutcome(state, prepared.intentId);
}

type Prepared =
  | { kind: 'prepared'; intentId: string; paymentMethod: string }
  | { kind: 'refused'; outcome: GatewayOutcome };

/** The intent and what it is to be paid with, side by side. Neither moves money. */
async function prepare(stripe: StripeClient, request: ChargeRequest): Promise<Prepared> {
  const { transaction, instrument } = request;
  if (!isPayable(transaction)) return { kind: 'refused', outcome: declinedBecause('amount_not_payable') };
  const [intentId, paymentMethod] = await Promise.all([
    intentOf(stripe, request),
    paymentMethodOf(stripe, transaction, instrument),
  ]);
  return paymentMethod === null
    ? { kind: 'refused', outcome: declinedBecause('unknown_token') }
    : { kind: 'prepared', intentId, paymentMethod };
}

async function intentOf(
  stripe: StripeClient,
  { transaction, statementDescriptorSuffix }: ChargeRequest,
): Promise<string> {
  const { id } = await createIntent(stripe, transaction);
  if (statementDescriptorSuffix) await describeIntent(stripe, transaction, id, statementDescriptorSuffix);
  return id;
}

/** Stripe's id of the payment method; null where a token is not Stripe's. */
async function paymentMethodOf(
  stripe: StripeClient,
  { transactionId }: Transaction,
  instrument: Instrument,
): Promise<string | null> {
  if (instrument.kind === 'paypal' || instrument.kind === 'new_paypal_order')
    throw new Error('PayPal was routed to Stripe');
  if (instrument.kind === 'token' && /^pm_\w+$/.test(instrument.token)) return instrument.token;
  if (instrument.kind === 'token' && !/^tok_\w+$/.test(instrument.token)) return null;
  const made = await stripe.paymentMethods.create(
    instrument.kind === 'token'
      ? { type: 'card', card: { token: instrument.token } }
      : {
          type: 'card',
          card: {
            number: instrument.card.number.reveal(),
            exp_month: instrument.card.expiryMonth.reveal(),
            exp_year: instrument.card.expiryYear.reveal(),
            cvc: instrument.card.cvv.reveal(),
          },
          billing_details: { name: instrument.card.cardholderName.reveal() },
        },
    { idempotencyKey: `${transactionId}:payment_method` },
  );
  return made.id;
}

async function confirm(
  stripe: StripeClient,
  { transaction, returnUrl = null, receiptEmail }: ChargeRequest,
  { intentId, paymentMethod }: Extract<Prepared, { kind: 'prepared' }>,
): Promise<KnownState> {
  const intent = await stripe.paymentIntents.confirm(
    intentId,
    {
      payment_method: paymentMethod,
      ...(returnUrl === null ? { error_on_requires_action: true } : { return_url: returnUrl }),
      // Not at the creation, which is sent again from the row alone.
      ...(receiptEmail && { receipt_email: receiptEmail }),
      ...withItsHold(transaction),
    },
    { idempotencyKey: `${transaction.transactionId}:confirm` },
  );
  return stateOfIntent(intent, transaction);
}

/** Of a challenge without an address, such as one for Stripe's own script in the shop's page: no payer can answer it. */
async function endChallenge(
  stripe: StripeClient,
  transaction: Transaction,
  intentId: string,
  signal: AbortSignal,
): Promise<GatewayOutcome> {
  const ended = await askStripe(signal, () => endIntent(stripe, intentId, transaction));
  if (ended.kind === 'cancelled') return declinedBecause('authentication_required');
  return isNoOutcome(ended) ? unknownBecause(ended, intentId) : asOutcome(ended, intentId);
}

/**
 * For an expired card, Stripe answers `invalid_expiry_year` or `invalid_expiry_month`, as for an invalid date. The card itself shows
 * which of them it is.
 */
function orExpired(outcome: GatewayOutcome, instrument: Instrument, nowMs: number): GatewayOutcome {
  if (outcome.kind !== 'declined' || instrument.kind !== 'card') return outcome;
  const { providerCode } = outcome;
  if (providerCode !== 'invalid_expiry_year' && providerCode !== 'invalid_expiry_month') return outcome;
  const now = new Date(nowMs);
  const today = { year: now.getUTCFullYear(), month: now.getUTCMonth() + 1 };
  return hasExpired(instrument.card, today) ? declinedBecause('expired', providerCode) : outcome;
}

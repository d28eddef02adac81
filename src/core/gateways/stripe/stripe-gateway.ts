/**
 * Stripe. A charge is a PaymentIntent, made unconfirmed under the transaction's id and then confirmed: before the confirmation
 * no money can have moved, and an intent that has not been confirmed, or whose payer has not authenticated, can be cancelled,
 * which is the fence.
 */
import type { Stripe } from 'stripe';
import type { Refund, Transaction } from '../../domain/transaction.ts';
import {
  type ChargeOwner,
  type ChargeRequest,
  type ExternalRefund,
  type ExternalRefundAnswer,
  type Fence,
  type Gateway,
  type GatewayOutcome,
  ListingFailed,
  type LookUp,
  type Movement,
  type RefundListing,
  type RefundRequest,
  type StepRequest,
} from '../gateway.ts';
import { type Outside, PLATFORM } from '../json-call.ts';
import { declinedBecause } from '../refusal.ts';
import { askStripe } from './ask-stripe.ts';
import { stripeAccount } from './stripe-account.ts';
import { stripeAmount } from './stripe-amount.ts';
import { chargeWithStripe } from './stripe-charge.ts';
import { beforeDeadline, type StripeSettings, stripeClient, stripeFailure, stripeWhy } from './stripe-client.ts';
import { captureHold, releaseHold } from './stripe-holds.ts';
import { cancelIntent, findIntent, findRefund, refundsOf } from './stripe-intents.ts';
import { externalRefund, listCharges, listRefunds } from './stripe-movements.ts';
import {
  asOutcome,
  CHARGE_UNKNOWN,
  isChargeUnknown,
  type KnownState,
  NOT_FOUND,
  refusedRefund,
  stateOfIntent,
  stateOfRefund,
} from './stripe-outcomes.ts';
import { readStripeWebhook } from './stripe-webhook.ts';

/** Stripe keeps keys for at least 24 hours. */
const KEYS_KEPT_FOR_MS = 24 * 60 * 60_000;
/** Stripe documents no time after which a request does not arrive any more; no HTTP connection lives for so long. */
const KNOWN_WITHIN_MS = 10 * 60_000;
/** Retries of a charge or refund within a request: one, if the connection broke. */
const RETRIES_OF_CALLS = 1;
/** Any other text in a path could be another address. */
const STRIPE_ID = /^\w{1,255}$/;
/** Stripe allows 500 characters for a value of metadata. */
const METADATA_MAX_LENGTH = 500;

export function createStripeGateway(settings: StripeSettings, { send, nowMs }: Outside = PLATFORM): Gateway {
  const calls = (signal: AbortSignal) => stripeClient(settings, { signal, retries: RETRIES_OF_CALLS }, send);
  const questions = (signal: AbortSignal) => stripeClient(settings, { signal, retries: 0 }, send);

  return {
    name: `stripe:${isTestKey(settings.secretKey) ? 'test' : 'live'}`,
    account: stripeAccount(settings, send),
    canBeDown: true,
    methods: ['credit_card', 'debit_card', 'stripe'],
    knownWithinMs: KNOWN_WITHIN_MS,
    keysKeptForMs: KEYS_KEPT_FOR_MS,

    charge: (request: ChargeRequest) => chargeWithStripe(calls(request.signal), request, nowMs),

    async refund({ refund, transaction, signal }: RefundRequest): Promise<GatewayOutcome> {
      const amount = stripeAmount(refund.amountMinor, transaction.currency);
      const intentId = transaction.gatewayReference;
      if (amount === null || intentId === null) return declinedBecause('refund_not_allowed');
      const stripe = await calls(signal);
      const refunding = stripe.refunds.create(
        {
          payment_intent: intentId,
          // Without an amount Stripe refunds all that is left: there may have been external refunds of it.
          ...(refund.kind !== 'late_charge' && { amount }),
          metadata: {
            refund_id: refund.refundId,
            transaction_id: transaction.transactionId,
            booking_id: transaction.bookingId,
            // A character beyond the sixteenth bit must not be cut in two.
            reason: refund.reason.slice(0, METADATA_MAX_LENGTH).toWellFormed(),
          },
        },
        { idempotencyKey: refund.refundId },
      );
      try {
        return asOutcome(stateOfRefund(await beforeDeadline(signal, refunding)));
      } catch (error) {
        const failed = stripeFailure(error);
        if (failed.replayed && failed.silent) return brokenRefund(signal, findRefund(stripe, refund, transaction));
        return refusedRefund(failed);
      }
    },

    lookUpCharge: (transaction: Transaction, signal: AbortSignal) =>
      askStripe<LookUp>(signal, async () => {
        const intent = await findIntent(await questions(signal), transaction);
        return intent === null ? NOT_FOUND : stateOfIntent(intent, transaction);
      }),

    lookUpRefund: (refund: Refund, transaction: Transaction, signal: AbortSignal) =>
      askStripe<LookUp>(signal, async () => {
        try {
          const found = await findRefund(await questions(signal), refund, transaction);
          return found === null ? NOT_FOUND : stateOfRefund(found);
        } catch (error) {
          if (isChargeUnknown(stripeFailure(error))) return CHARGE_UNKNOWN;
          throw error;
        }
      }),

    cancelCharge: (transaction: Transaction, signal: AbortSignal) =>
      fenceOf(signal, async () => cancelIntent(await questions(signal), transaction)),

    holds: {
      capture: (request: StepRequest) => captureHold(calls(request.signal), request),
      release: (transaction: Transaction, signal: AbortSignal) =>
        fenceOf(signal, async () => releaseHold(await questions(signal), transaction)),
    },

    async *listMovements(fromMs: number, toMs: number): AsyncGenerator<Movement> {
      const stripe = await stripeClient(settings, { signal: null, retries: RETRIES_OF_CALLS }, send);
      try {
        yield* listCharges(stripe, fromMs, toMs);
        yield* listRefunds(stripe, fromMs, toMs);
      } catch (error) {
        throw new ListingFailed(stripeWhy(stripeFailure(error)).reason);
      }
    },

    async findExternalRefund(reference: string, signal: AbortSignal): Promise<ExternalRefundAnswer> {
      if (!STRIPE_ID.test(reference)) return NOT_FOUND;
      try {
        const stripe = await questions(signal);
        const retrieving = stripe.refunds.retrieve(reference, { expand: ['payment_intent'] });
        return { kind: 'found', refund: externalRefund(await beforeDeadline(signal, retrieving)) };
      } catch (error) {
        const failed = stripeFailure(error);
        return failed.status === 404 ? NOT_FOUND : { kind: 'unreachable', ...stripeWhy(failed) };
      }
    },

    async listRefundsOfCharge(
      { gatewayReference: intentId }: Transaction,
      signal: AbortSignal,
    ): Promise<RefundListing> {
      if (intentId === null) return { kind: 'listed', refunds: [] };
      return askStripe<RefundListing>(signal, async () => {
        const refunds: ExternalRefund[] = [];
        for await (const refund of refundsOf(await questions(signal), intentId)) refunds.push(externalRefund(refund));
        return { kind: 'listed', refunds };
      });
    },

    async findChargeOwner(reference: string, signal: AbortSignal): Promise<ChargeOwner> {
      if (!STRIPE_ID.test(reference)) return OWNED_BY_NOBODY_HERE;
      try {
        const stripe = await questions(signal);
        const intent = await beforeDeadline(signal, stripe.paymentIntents.retrieve(reference));
        return { kind: 'known', transactionId: intent.metadata.transaction_id ?? null };
      } catch (error) {
        const failed = stripeFailure(error);
        return failed.status === 404 ? OWNED_BY_NOBODY_HERE : { kind: 'unreachable', ...stripeWhy(failed) };
      }
    },

    readWebhook: (webhook) => readStripeWebhook(settings, webhook, send),
  };
}

const OWNED_BY_NOBODY_HERE: ChargeOwner = { kind: 'known', transactionId: null };

function isTestKey(secretKey: string): boolean {
  return /^[a-z]+_test_/.test(secretKey);
}

/** For a day, Stripe answers a key with the failure that it met first. Only Stripe's list shows whether the money moved before that. */
async function brokenRefund(signal: AbortSignal, finding: Promise<Stripe.Refund | null>): Promise<GatewayOutcome> {
  try {
    const found = await beforeDeadline(signal, finding);
    return found === null ? { kind: 'failed', reason: 'Stripe broke at the refund' } : asOutcome(stateOfRefund(found));
  } catch (error) {
    return { kind: 'unknown', ...stripeWhy(stripeFailure(error)) };
  }
}

async function fenceOf(signal: AbortSignal, ending: () => Promise<KnownState>): Promise<Fence> {
  const fence = await askStripe(signal, ending);
  return fence.kind === 'not_found' ? { kind: 'undetermined', reason: 'Stripe has not cancelled it yet' } : fence;
}

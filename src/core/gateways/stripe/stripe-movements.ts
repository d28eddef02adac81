/** Whatever Stripe has moved, external refunds included: for reconciliation, and to book those refunds. */
import type { Stripe } from 'stripe';
import { isIdentifier } from '../../domain/transaction.ts';
import type { ExternalRefund, Movement } from '../gateway.ts';
import { minorUnitsOfStripe } from './stripe-amount.ts';
import type { StripeClient } from './stripe-client.ts';
import { PAGE_SIZE } from './stripe-intents.ts';
import { stateOfRefund } from './stripe-outcomes.ts';

/**
 * Only those of this service: the account may take other payments too. Money that is held, or was released, has not moved. Dated by the
 * intent, as Stripe's list and the ledger's rows are, and not by the capture of what was held first.
 */
export async function* listCharges(stripe: StripeClient, fromMs: number, toMs: number): AsyncGenerator<Movement> {
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

export async function* listRefunds(stripe: StripeClient, fromMs: number, toMs: number): AsyncGenerator<Movement> {
  const list = stripe.refunds.list({
    created: createdIn(fromMs, toMs),
    limit: PAGE_SIZE,
    expand: ['data.payment_intent'],
  });
  for await (const refund of list) {
    const { transactionId, refundId, amountMinor, currency, state, movedAtMs } = externalRefund(refund);
    // One that never reached the payer is listed where this service asked for it: it may have been published as paid.
    if (transactionId === null || state === 'open' || (state === 'never' && refundId === null)) continue;
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
export function externalRefund(refund: Stripe.Refund): ExternalRefund {
  const { payment_intent: intent, amount, currency, metadata } = refund;
  const charge = typeof intent === 'object' ? intent : null;
  const amountMinor = minorUnitsOfStripe(amount, currency);
  const state = isRelease(refund, charge) ? 'released' : stateOfRefund(refund).kind;
  const refundId = metadata?.refund_id;
  return {
    reference: refund.id,
    refundId: isIdentifier(refundId, 'REF-') ? refundId : null,
    chargeReference: charge?.id ?? '',
    transactionId: amountMinor === null ? null : (charge?.metadata.transaction_id ?? null),
    amountMinor: amountMinor ?? 0,
    currency: currency.toUpperCase(),
    state: state === 'approved' ? 'moved' : state === 'in_progress' ? 'open' : 'never',
    reason: metadata?.reason ?? 'Refunded at Stripe',
    movedAtMs: refund.created * 1000,
  };
}

/** Held money that is released is a refund at Stripe too: all of what was never captured, or the rest of it, which leaves no trace in the balance. */
function isRelease({ status, balance_transaction }: Stripe.Refund, charge: Stripe.PaymentIntent | null): boolean {
  return charge?.amount_received === 0 || (status === 'succeeded' && balance_transaction === null);
}

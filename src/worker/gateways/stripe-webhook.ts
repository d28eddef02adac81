/** What Stripe tells of by itself, signed over `timestamp.body` with a tolerance of five minutes. */
import type { Stripe } from 'stripe';
import { isIdentifier } from '../../payments/transaction.ts';
import type { Fetch } from './json-call.ts';
import { minorUnitsOfStripe } from './stripe-amount.ts';
import { type StripeSettings, stripeClient } from './stripe-client.ts';
import type { Notice, ProviderEvent, Webhook, WebhookReading } from './webhook.ts';

const TOLERANCE_SECONDS = 300;

export async function readStripeWebhook(
  settings: StripeSettings,
  { header, body, nowMs }: Webhook,
  send: Fetch,
): Promise<WebhookReading> {
  const signature = header('stripe-signature');
  if (settings.webhookSecret === null || signature === undefined) {
    return { kind: 'refused', reason: 'The Stripe-Signature header is missing.' };
  }
  const stripe = await stripeClient(settings, { signal: null, retries: 0 }, send);
  let event: Stripe.Event;
  try {
    event = await stripe.webhooks.constructEventAsync(
      body,
      signature,
      settings.webhookSecret,
      TOLERANCE_SECONDS,
      undefined,
      nowMs,
    );
  } catch {
    return { kind: 'refused', reason: 'The signature does not fit, or is older than five minutes.' };
  }
  return { kind: 'event', event: stripeEvent(event) };
}

/** What an event says, once it is known to be Stripe's. */
export function stripeEvent(event: Stripe.Event): ProviderEvent {
  return { provider: 'stripe', eventId: event.id, type: event.type, notice: noticeIn(event) };
}

function noticeIn(event: Stripe.Event): Notice | null {
  switch (event.type) {
    case 'payment_intent.succeeded':
    case 'payment_intent.payment_failed':
    case 'payment_intent.canceled':
    case 'payment_intent.processing': {
      const { metadata, status } = event.data.object;
      const { transaction_id: transactionId } = metadata;
      if (!isIdentifier(transactionId, 'TXN-')) return null;
      return { about: 'payment', transactionId, charged: status === 'succeeded' };
    }
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
    case 'charge.refund.updated': {
      const { id, metadata } = event.data.object;
      const refundId = metadata?.refund_id;
      return isIdentifier(refundId, 'REF-')
        ? { about: 'refund', refundId }
        : { about: 'outside_refund', reference: id };
    }
    case 'charge.dispute.created':
    case 'charge.dispute.updated':
    case 'charge.dispute.closed':
    case 'charge.dispute.funds_withdrawn':
    case 'charge.dispute.funds_reinstated':
      return noticeOfDispute(event.data.object, event.created);
    default:
      return null;
  }
}

function noticeOfDispute(dispute: Stripe.Dispute, toldAtSeconds: number): Notice | null {
  const { id, payment_intent: intent, status, reason, amount, currency, created } = dispute;
  const chargeReference = typeof intent === 'string' ? intent : intent?.id;
  const amountMinor = minorUnitsOfStripe(amount, currency);
  if (chargeReference === undefined || amountMinor === null) return null;
  return {
    about: 'dispute',
    dispute: {
      disputeId: id,
      chargeReference,
      transactionId: null,
      status,
      reason,
      amountMinor,
      currency: currency.toUpperCase(),
      openedAtMs: created * 1000,
      toldAtMs: toldAtSeconds * 1000,
    },
  };
}

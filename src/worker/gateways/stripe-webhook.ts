/** What Stripe tells of by itself, signed over `timestamp.body` with a tolerance of five minutes. */
import * as z from 'zod/mini';
import { isIdentifier } from '../../payments/transaction.ts';
import type { Fetch } from './json-call.ts';
import { minorUnitsOfStripe } from './stripe-amount.ts';
import { type StripeSettings, stripeClient } from './stripe-client.ts';
import type { Notice, ProviderEvent, Webhook, WebhookReading } from './webhook.ts';

const TOLERANCE_SECONDS = 300;

/** As the ledger keeps it. */
const eventId = z.string().check(z.regex(/^[\x21-\x7e]{1,255}$/));
const webhookEvent = z.object({
  id: eventId,
  type: eventId,
  created: z.int(),
  data: z.object({ object: z.unknown() }),
});

const text = z.nullish(z.string());
/** Of intents, refunds and disputes, as far as any of it is read: an endpoint may have been set up for another version. */
const stripeObject = z.object({
  id: z.string(),
  metadata: z.nullish(z.object({ transaction_id: text, refund_id: text })),
  status: text,
  payment_intent: z.nullish(z.union([z.string(), z.object({ id: z.string() })])),
  reason: text,
  amount: z.nullish(z.int()),
  currency: text,
  created: z.nullish(z.int()),
});

export async function readStripeWebhook(
  settings: StripeSettings,
  { header, body, nowMs }: Webhook,
  send: Fetch,
): Promise<WebhookReading> {
  const signature = header('stripe-signature');
  if (settings.webhookSecret === null || signature === undefined) {
    return { kind: 'refused', reason: 'The Stripe-Signature header is missing.' };
  }
  const { webhooks } = await stripeClient(settings, { signal: null, retries: 0 }, send);
  let signed: unknown;
  try {
    signed = await webhooks.constructEventAsync(
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
  const event = stripeEvent(signed);
  return event === null ? { kind: 'refused', reason: 'The body is no event of Stripe’s.' } : { kind: 'event', event };
}

/** What a body says, once it is known to be Stripe's; null where it is no event. */
export function stripeEvent(body: unknown): ProviderEvent | null {
  const event = webhookEvent.safeParse(body);
  if (!event.success) return null;
  const { id, type, created, data } = event.data;
  return { provider: 'stripe', eventId: id, type, notice: noticeIn(type, created, data.object) };
}

/** Null where this service has nothing to know of it. */
function noticeIn(type: string, toldAtSeconds: number, object: unknown): Notice | null {
  const parsed = stripeObject.safeParse(object);
  if (!parsed.success) return null;
  const { id, metadata, status } = parsed.data;
  switch (type) {
    case 'payment_intent.succeeded':
    case 'payment_intent.payment_failed':
    case 'payment_intent.canceled':
    case 'payment_intent.processing': {
      const transactionId = metadata?.transaction_id;
      if (!isIdentifier(transactionId, 'TXN-')) return null;
      return { about: 'payment', transactionId, charged: status === 'succeeded' };
    }
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
    case 'charge.refund.updated': {
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
      return noticeOfDispute(toldAtSeconds, parsed.data);
    default:
      return null;
  }
}

function noticeOfDispute(toldAtSeconds: number, dispute: z.infer<typeof stripeObject>): Notice | null {
  const { id, payment_intent: intent, status, reason, amount, currency, created } = dispute;
  const chargeReference = typeof intent === 'string' ? intent : intent?.id;
  const amountMinor = currency ? minorUnitsOfStripe(amount ?? 0, currency) : null;
  if (chargeReference === undefined || !currency || amountMinor === null || amountMinor < 0) return null;
  return {
    about: 'dispute',
    dispute: {
      disputeId: id,
      chargeReference,
      transactionId: null,
      status: status ?? 'unknown',
      reason: reason ?? 'unknown',
      amountMinor,
      currency: currency.toUpperCase(),
      openedAtMs: (created ?? toldAtSeconds) * 1000,
      toldAtMs: toldAtSeconds * 1000,
    },
  };
}

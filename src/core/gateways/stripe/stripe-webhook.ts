/** Stripe's webhooks, signed over `timestamp.body` with a tolerance of five minutes. */
import * as z from 'zod/mini';
import { isIdentifier } from '../../domain/transaction.ts';
import { parsedJson } from '../../response-body.ts';
import { codeOrNone, type Fetch } from '../json-call.ts';
import { eventText, type Notice, type ProviderEvent, refused, type Webhook, type WebhookReading } from '../webhook.ts';
import { minorUnitsOfStripe } from './stripe-amount.ts';
import { type StripeSettings, stripeClient } from './stripe-client.ts';

const TOLERANCE_SECONDS = 300;

/** What every event has. Of the newer kind (`v2.core.event`), which carries no object, nothing else is read. */
const anyEvent = z.object({ id: eventText, type: eventText });
/** An event that carries the object which it is about. */
const snapshotEvent = z.object({ created: z.int(), data: z.object({ object: z.unknown() }) });

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
  const { webhookSecret: secret } = settings;
  const signature = header('stripe-signature');
  if (signature === undefined) return refused('The Stripe-Signature header is missing.');
  if (secret === null) return refused('STRIPE_WEBHOOK_SECRET is not set.');
  if (body.byteLength === 0) return refused('The body is empty.');
  const { webhooks } = await stripeClient(settings, { signal: null, retries: 0 }, send);
  const verifier = webhooks.signature;
  if (verifier === null) throw new Error('the Stripe SDK has no verifier of signatures');
  const isSigned = async (toleranceSeconds: number) => {
    try {
      return await verifier.verifyHeaderAsync(body, signature, secret, toleranceSeconds, undefined, nowMs);
    } catch (error) {
      if ((error as { type?: unknown }).type !== 'StripeSignatureVerificationError') throw error;
      return false;
    }
  };
  if (!(await isSigned(TOLERANCE_SECONDS))) {
    // Only the SDK's message distinguishes the two. With a tolerance of 0, it accepts a signature of any age.
    const isOld = await isSigned(0);
    return refused(isOld ? 'The signature is older than five minutes.' : 'The signature does not match the body.');
  }
  const event = stripeEvent(parsedJson(new TextDecoder().decode(body)));
  return event === null
    ? refused('The signature is valid, but the body is not an event: an id or a type is missing.')
    : { kind: 'event', event };
}

/** The event in a verified body; null if the body is not an event. */
export function stripeEvent(body: unknown): ProviderEvent | null {
  const event = anyEvent.safeParse(body);
  if (!event.success) return null;
  const { id, type } = event.data;
  const snapshot = snapshotEvent.safeParse(body);
  const notice = snapshot.success ? noticeIn(type, snapshot.data.created, snapshot.data.data.object) : null;
  return { provider: 'stripe', eventId: id, type, notice };
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
    case 'payment_intent.processing':
    case 'payment_intent.requires_action':
    case 'payment_intent.amount_capturable_updated': {
      const transactionId = metadata?.transaction_id;
      if (!isIdentifier(transactionId, 'TXN-')) return null;
      return { about: 'payment', transactionId, charged: status === 'succeeded' || status === 'requires_capture' };
    }
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
    case 'charge.refund.updated': {
      const refundId = metadata?.refund_id;
      return isIdentifier(refundId, 'REF-')
        ? { about: 'refund', refundId }
        : { about: 'external_refund', reference: id };
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
      status: codeOrNone(status) ?? 'unknown',
      reason: codeOrNone(reason) ?? 'unknown',
      amountMinor,
      currency: currency.toUpperCase(),
      openedAtMs: (created ?? toldAtSeconds) * 1000,
      reportedAtMs: toldAtSeconds * 1000,
    },
  };
}

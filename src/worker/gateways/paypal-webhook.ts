/**
 * What PayPal tells of by itself. Whether PayPal has sent it is PayPal's to say, by its own call for that: the signature is
 * made with a certificate, and a Worker can't follow its chain.
 */
import * as z from 'zod/mini';
import { minorUnits } from '../../payments/money.ts';
import { isIdentifier } from '../../payments/transaction.ts';
import { type PayPalClient, paypalReason } from './paypal-client.ts';
import type { Notice, ProviderEvent, Webhook, WebhookReading } from './webhook.ts';

/** PayPal's own limits for what it sends in headers. */
const HEADERS = {
  transmission_id: ['paypal-transmission-id', /^[\w-]{1,50}$/],
  transmission_time: ['paypal-transmission-time', /^[\w:.+-]{1,100}$/],
  transmission_sig: ['paypal-transmission-sig', /^[A-Za-z0-9+/=]{1,500}$/],
  cert_url: ['paypal-cert-url', /^https?:\/\/[\w.:/%-]{1,490}$/],
  auth_algo: ['paypal-auth-algo', /^[A-Za-z0-9]{1,100}$/],
} as const;

const text = z.string();
const link = z.object({ href: text, rel: text });
const money = z.object({ currency_code: text, value: text });
const webhookEvent = z.object({
  id: text,
  event_type: text,
  create_time: text,
  resource: z.object({
    id: z.optional(text),
    custom_id: z.optional(text),
    amount: z.optional(money),
    links: z.optional(z.array(link)),
    // Of disputes.
    dispute_id: z.optional(text),
    status: z.optional(text),
    reason: z.optional(text),
    create_time: z.optional(text),
    dispute_amount: z.optional(money),
    disputed_transactions: z.optional(
      z.array(z.object({ seller_transaction_id: z.optional(text), custom: z.optional(text) })),
    ),
  }),
});
type WebhookEvent = z.infer<typeof webhookEvent>;

export async function readPayPalWebhook(
  client: PayPalClient,
  webhookId: string | null,
  { header, body }: Webhook,
  signal: AbortSignal,
): Promise<WebhookReading> {
  const signed: Record<string, string> = {};
  for (const [field, [name, form]] of Object.entries(HEADERS)) {
    const value = header(name);
    if (value === undefined || !form.test(value))
      return { kind: 'refused', reason: `The header ${name} is missing, or none.` };
    signed[field] = value;
  }
  const event = paypalEvent(body);
  if (webhookId === null || event === null) return { kind: 'refused', reason: 'The body is no event of PayPal’s.' };

  // The event as it came: written anew, its checksum could be another one.
  const envelope = JSON.stringify({ ...signed, webhook_id: webhookId });
  const answer = await client.call({
    method: 'POST',
    path: '/v1/notifications/verify-webhook-signature',
    body: `${envelope.slice(0, -1)},"webhook_event":${body}}`,
    signal,
  });
  if (answer.kind === 'silent' || answer.status !== 200) return { kind: 'unreachable', reason: paypalReason(answer) };
  const { verification_status: status } = (answer.body ?? {}) as { verification_status?: unknown };
  if (status !== 'SUCCESS') return { kind: 'refused', reason: 'PayPal does not know this event as its own.' };
  return { kind: 'event', event };
}

/** What a body says, if PayPal has sent it; null where it is no event of PayPal's. */
export function paypalEvent(body: string): ProviderEvent | null {
  const event = webhookEvent.safeParse(parsed(body));
  if (!event.success) return null;
  const { id: eventId, event_type: type } = event.data;
  return { provider: 'paypal', eventId, type, notice: noticeIn(event.data) };
}

function noticeIn(event: WebhookEvent): Notice | null {
  const { resource } = event;
  switch (event.event_type) {
    case 'PAYMENT.CAPTURE.COMPLETED':
    case 'PAYMENT.CAPTURE.DENIED':
    case 'PAYMENT.CAPTURE.DECLINED':
    case 'PAYMENT.CAPTURE.PENDING':
      return isIdentifier(resource.custom_id, 'TXN-')
        ? { about: 'payment', transactionId: resource.custom_id, charged: event.event_type.endsWith('.COMPLETED') }
        : null;
    case 'PAYMENT.CAPTURE.REFUNDED':
    case 'PAYMENT.REFUND.PENDING':
    case 'PAYMENT.REFUND.COMPLETED':
    case 'PAYMENT.REFUND.FAILED':
      if (isIdentifier(resource.custom_id, 'REF-')) return { about: 'refund', refundId: resource.custom_id };
      return resource.id === undefined ? null : { about: 'outside_refund', reference: resource.id };
    case 'PAYMENT.CAPTURE.REVERSED':
    case 'CUSTOMER.DISPUTE.CREATED':
    case 'CUSTOMER.DISPUTE.UPDATED':
    case 'CUSTOMER.DISPUTE.RESOLVED':
      return noticeOfDispute(event);
    default:
      return null;
  }
}

/** A capture that was reversed is told of like a dispute: the payer has the money back, and nobody here has given it. */
function noticeOfDispute({ event_type: type, create_time: toldAt, resource }: WebhookEvent): Notice | null {
  const [disputed] = resource.disputed_transactions ?? [];
  const money = resource.dispute_amount ?? resource.amount;
  const captureId = disputed?.seller_transaction_id ?? captureIn(resource.links) ?? resource.id;
  const disputeId = resource.dispute_id ?? resource.id;
  const amountMinor = money === undefined ? null : minorUnits(money.value.replace(/^-/, ''), money.currency_code);
  const toldAtMs = Date.parse(toldAt);
  if (captureId === undefined || disputeId === undefined || money === undefined || amountMinor === null) return null;
  const owner = disputed?.custom ?? resource.custom_id;
  const openedAtMs = Date.parse(resource.create_time ?? toldAt);
  return {
    about: 'dispute',
    dispute: {
      disputeId,
      chargeReference: captureId,
      transactionId: isIdentifier(owner, 'TXN-') ? owner : null,
      status: type === 'PAYMENT.CAPTURE.REVERSED' ? 'REVERSED' : (resource.status ?? 'OPEN'),
      reason: resource.reason ?? 'REVERSED',
      amountMinor,
      currency: money.currency_code,
      openedAtMs: Number.isNaN(openedAtMs) ? toldAtMs : openedAtMs,
      toldAtMs,
    },
  };
}

function captureIn(links: { href: string; rel: string }[] | undefined): string | undefined {
  const up = links?.find(({ rel }) => rel === 'up')?.href;
  return /\/v2\/payments\/captures\/([A-Z0-9]+)$/.exec(up ?? '')?.[1];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // which is no event, and is refused as such
  }
}

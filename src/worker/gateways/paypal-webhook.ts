/**
 * What PayPal tells of by itself. Whether PayPal has sent it is PayPal's to say, by its own call for that: the signature is
 * made with a certificate, and a Worker can't follow its chain.
 */
import * as z from 'zod/mini';
import { minorUnits } from '../../payments/money.ts';
import { isIdentifier } from '../../payments/transaction.ts';
import { parsedJson } from './json-call.ts';
import { type PayPalClient, type PayPalSettings, paypalWhy } from './paypal-client.ts';
import { captureIdIn, refundIdOn } from './paypal-outcomes.ts';
import type { Notice, ProviderEvent, Webhook, WebhookReading } from './webhook.ts';

/** PayPal's own limits for what it sends in headers. */
const HEADERS = {
  transmission_id: ['paypal-transmission-id', /^[\w-]{1,50}$/],
  transmission_time: ['paypal-transmission-time', /^[\w:.+-]{1,100}$/],
  transmission_sig: ['paypal-transmission-sig', /^[A-Za-z0-9+/=]{1,500}$/],
  cert_url: ['paypal-cert-url', /^https?:\/\/[\w.:/%-]{1,490}$/],
  auth_algo: ['paypal-auth-algo', /^[A-Za-z0-9]{1,100}$/],
} as const;
/** PayPal sends an event again for three days. What is older, or from the future, is nobody asked about. */
const SENT_WITHIN_MS = 4 * 24 * 60 * 60_000;
const CLOCK_SLACK_MS = 10 * 60_000;

const text = z.nullish(z.string());
const money = z.nullish(z.object({ currency_code: z.string(), value: z.string() }));
const webhookEvent = z.object({
  id: z.string(),
  event_type: z.string(),
  create_time: text,
  resource: z.optional(z.unknown()),
});
/** Of captures, refunds and disputes, as far as any of it is read. */
const paypalResource = z.object({
  id: text,
  custom_id: text,
  invoice_id: text,
  amount: money,
  links: z.nullish(z.array(z.object({ href: z.string(), rel: z.string() }))),
  dispute_id: text,
  status: text,
  reason: text,
  create_time: text,
  dispute_amount: money,
  disputed_transactions: z.nullish(z.array(z.object({ seller_transaction_id: text, custom: text }))),
});

export async function readPayPalWebhook(
  client: PayPalClient,
  { webhookId, apiUrl }: PayPalSettings,
  { header, body, nowMs }: Webhook,
  signal: AbortSignal,
): Promise<WebhookReading> {
  const signed: Record<string, string> = {};
  for (const [field, [name, form]] of Object.entries(HEADERS)) {
    const value = header(name);
    if (value === undefined || !form.test(value))
      return refused(`The header ${name} is missing, or not as PayPal sends it.`);
    signed[field] = value;
  }
  const event = paypalEvent(body);
  if (event === null) return refused('The body is no event of PayPal’s.');
  // Each question costs a call to PayPal, so nobody is asked about what PayPal can't have sent.
  if (!isPayPals(signed.cert_url ?? '', apiUrl)) return refused('The certificate is not at PayPal’s.');
  const sentAtMs = Date.parse(signed.transmission_time ?? '');
  const isRecent = sentAtMs > nowMs - SENT_WITHIN_MS && sentAtMs < nowMs + CLOCK_SLACK_MS;
  if (!isRecent) return refused('It was sent too long ago.');

  // The event as it came: written anew, its checksum could be another one.
  const envelope = JSON.stringify({ ...signed, webhook_id: webhookId });
  const answer = await client.call({
    method: 'POST',
    path: '/v1/notifications/verify-webhook-signature',
    body: `${envelope.slice(0, -1)},"webhook_event":${body}}`,
    signal,
  });
  if (answer.kind === 'silent' || answer.status !== 200) return { kind: 'unreachable', ...paypalWhy(answer) };
  const { verification_status: status } = (answer.body ?? {}) as { verification_status?: unknown };
  if (status !== 'SUCCESS') return refused('PayPal does not know this event as its own.');
  return { kind: 'event', event };
}

function refused(reason: string): WebhookReading {
  return { kind: 'refused', reason };
}

function isPayPals(certUrl: string, apiUrl: string): boolean {
  const { protocol, hostname, host } = new URL(certUrl);
  return host === new URL(apiUrl).host || (protocol === 'https:' && /(^|\.)paypal\.com$/.test(hostname));
}

/** What a body says, if PayPal has sent it; null where it is no event of PayPal's. */
export function paypalEvent(body: string): ProviderEvent | null {
  const event = webhookEvent.safeParse(parsedJson(body));
  if (!event.success) return null;
  const { id: eventId, event_type: type, create_time: toldAt, resource } = event.data;
  return { provider: 'paypal', eventId, type, notice: noticeIn(type, toldAt, resource) };
}

/** Null where this service has nothing to know of it. */
function noticeIn(type: string, toldAt: string | null | undefined, resource: unknown): Notice | null {
  const parsed = paypalResource.safeParse(resource);
  if (!parsed.success) return null;
  const { custom_id: customId, invoice_id: invoiceId, id } = parsed.data;
  switch (type) {
    case 'PAYMENT.CAPTURE.COMPLETED':
    case 'PAYMENT.CAPTURE.DENIED':
    case 'PAYMENT.CAPTURE.DECLINED':
    case 'PAYMENT.CAPTURE.PENDING':
      return isIdentifier(customId, 'TXN-')
        ? { about: 'payment', transactionId: customId, charged: type.endsWith('.COMPLETED') }
        : null;
    case 'PAYMENT.CAPTURE.REFUNDED':
    case 'PAYMENT.REFUND.PENDING':
    case 'PAYMENT.REFUND.COMPLETED':
    case 'PAYMENT.REFUND.FAILED': {
      const refundId = refundIdOn({ custom_id: customId, invoice_id: invoiceId });
      if (refundId !== null) return { about: 'refund', refundId };
      return id ? { about: 'outside_refund', reference: id } : null;
    }
    case 'PAYMENT.CAPTURE.REVERSED':
    case 'CUSTOMER.DISPUTE.CREATED':
    case 'CUSTOMER.DISPUTE.UPDATED':
    case 'CUSTOMER.DISPUTE.RESOLVED':
      return noticeOfDispute(type, toldAt, parsed.data);
    default:
      return null;
  }
}

/** A capture that was reversed is told of like a dispute: the payer has the money back, and nobody here has given it. */
function noticeOfDispute(
  type: string,
  toldAt: string | null | undefined,
  resource: z.infer<typeof paypalResource>,
): Notice | null {
  const [disputed] = resource.disputed_transactions ?? [];
  const amount = resource.dispute_amount ?? resource.amount;
  const captureId = disputed?.seller_transaction_id ?? captureIdIn(resource.links ?? undefined) ?? resource.id;
  const disputeId = resource.dispute_id ?? resource.id;
  const amountMinor = amount ? minorUnits(amount.value.replace(/^-/, ''), amount.currency_code) : null;
  const toldAtMs = Date.parse(toldAt ?? '');
  if (!captureId || !disputeId || !amount || amountMinor === null || Number.isNaN(toldAtMs)) return null;
  const owner = disputed?.custom ?? resource.custom_id;
  const openedAtMs = Date.parse(resource.create_time ?? '');
  return {
    about: 'dispute',
    dispute: {
      disputeId,
      chargeReference: captureId,
      transactionId: isIdentifier(owner, 'TXN-') ? owner : null,
      status: type === 'PAYMENT.CAPTURE.REVERSED' ? 'REVERSED' : (resource.status ?? 'OPEN'),
      reason: resource.reason ?? 'REVERSED',
      amountMinor,
      currency: amount.currency_code,
      openedAtMs: Number.isNaN(openedAtMs) ? toldAtMs : openedAtMs,
      toldAtMs,
    },
  };
}

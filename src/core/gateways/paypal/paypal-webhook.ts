/**
 * PayPal's webhooks, signed with a certificate of PayPal's. It is verified here, as PayPal documents it: asking PayPal
 * about each webhook would let anybody who sends forged ones have PayPal called.
 */
import * as z from 'zod/mini';
import { minorUnits } from '../../domain/money.ts';
import { isIdentifier } from '../../domain/transaction.ts';
import { parsedJson } from '../../response-body.ts';
import { codeOrNone } from '../json-call.ts';
import { eventText, type Notice, type ProviderEvent, refused, type Webhook, type WebhookReading } from '../webhook.ts';
import { certificateAt, isCertificateAddress, type KnownCertificates } from './paypal-certificates.ts';
import type { PayPalClient, PayPalSettings } from './paypal-client.ts';
import { captureIdIn, refundIdOn, transactionIdOn } from './paypal-outcomes.ts';
import { checksum, isSignedWith } from './x509-certificate.ts';

/** PayPal's own limits for what it sends in headers. */
const HEADERS = {
  transmissionId: ['paypal-transmission-id', /^[\w-]{1,50}$/],
  transmissionTime: ['paypal-transmission-time', /^[\w:.+-]{1,100}$/],
  signature: ['paypal-transmission-sig', /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/],
  certificateUrl: ['paypal-cert-url', /^https?:\/\/\S{1,490}$/],
  algorithm: ['paypal-auth-algo', /^[A-Za-z0-9]{1,100}$/],
} as const;
type SignedHeaders = Record<keyof typeof HEADERS, string>;
const HEADER_MAX_LENGTH = 500;
/** The one that PayPal signs with: RSASSA-PKCS1-v1_5 with SHA-256. */
const ALGORITHM = 'SHA256withRSA';
/** PayPal sends an event again for three days. */
const SENT_WITHIN_MS = 4 * 24 * 60 * 60_000;
const CLOCK_SLACK_MS = 10 * 60_000;

const text = z.nullish(z.string());
const money = z.nullish(z.object({ currency_code: z.string(), value: z.string() }));
const webhookEvent = z.object({
  id: eventText,
  event_type: eventText,
  create_time: text,
  resource: z.optional(z.unknown()),
});
/** Of orders, authorizations, captures, refunds and disputes, as far as any of it is read. */
const paypalResource = z.object({
  id: text,
  custom_id: text,
  invoice_id: text,
  purchase_units: z.nullish(z.array(z.object({ custom_id: text, invoice_id: text }))),
  amount: money,
  links: z.nullish(z.array(z.object({ href: z.string(), rel: z.string() }))),
  dispute_id: text,
  status: text,
  reason: text,
  create_time: text,
  dispute_amount: money,
  disputed_transactions: z.nullish(z.array(z.object({ seller_transaction_id: text, custom: text }))),
});

/** @param known what the isolate remembers of certificates */
export async function readPayPalWebhook(
  client: PayPalClient,
  { webhookId, apiUrl }: PayPalSettings,
  { header, body, nowMs, certificates: store }: Webhook,
  signal: AbortSignal,
  known?: KnownCertificates,
): Promise<WebhookReading> {
  const read = signedHeaders(header);
  if (read.kind === 'missing') return refused(`The header ${read.name} is missing, or not as PayPal sends it.`);
  const { headers } = read;
  const { certificateUrl, algorithm } = headers;
  if (algorithm !== ALGORITHM) return refused(`The algorithm in paypal-auth-algo is not ${ALGORITHM}.`);
  const sentAtMs = Date.parse(headers.transmissionTime);
  if (Number.isNaN(sentAtMs)) return refused('The header paypal-transmission-time is not a time.');
  if (sentAtMs <= nowMs - SENT_WITHIN_MS) return refused('It was sent more than four days ago.');
  if (sentAtMs >= nowMs + CLOCK_SLACK_MS) return refused('The time in paypal-transmission-time has not come yet.');
  if (!isCertificateAddress(certificateUrl, apiUrl)) {
    return refused('The address in paypal-cert-url is not one of PayPal’s certificates.');
  }

  const found = await certificateAt(certificateUrl, { store, send: client.send, nowMs, signal }, known);
  if (found.kind !== 'found') return found;
  const signed = signedText(headers, webhookId ?? '', body);
  if (!(await isSignedWith(found.certificate, bytesOf(headers.signature), signed))) {
    return refused(
      'The signature does not match: the body, the headers or PAYPAL_WEBHOOK_ID differ from what was signed.',
    );
  }
  const event = paypalEvent(new TextDecoder().decode(body));
  return event === null
    ? refused('The signature is valid, but the body is not an event: an id or an event_type is missing.')
    : { kind: 'event', event };
}

function signedHeaders(
  header: Webhook['header'],
): { kind: 'read'; headers: SignedHeaders } | { kind: 'missing'; name: string } {
  const found: Partial<SignedHeaders> = {};
  for (const [field, [name, form]] of Object.entries(HEADERS)) {
    const value = header(name);
    if (value === undefined || value.length > HEADER_MAX_LENGTH || !form.test(value)) {
      return { kind: 'missing', name };
    }
    found[field as keyof SignedHeaders] = value;
  }
  return { kind: 'read', headers: found as SignedHeaders };
}

/** What PayPal signs. The checksum is over the body's bytes: read and written anew, it could be another one. */
function signedText({ transmissionId, transmissionTime }: SignedHeaders, webhookId: string, body: Uint8Array) {
  return Uint8Array.from(
    new TextEncoder().encode(`${transmissionId}|${transmissionTime}|${webhookId}|${checksum(body)}`),
  );
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** The event in a verified body; null if the body is not an event. */
export function paypalEvent(body: string): ProviderEvent | null {
  const event = webhookEvent.safeParse(parsedJson(body));
  if (!event.success) return null;
  const { id: eventId, event_type: type, create_time: toldAt, resource } = event.data;
  return { provider: 'paypal', eventId, type, notice: noticeIn(type, toldAt, resource) };
}

/** Null if it is not relevant to this service. */
function noticeIn(type: string, toldAt: string | null | undefined, resource: unknown): Notice | null {
  const parsed = paypalResource.safeParse(resource);
  if (!parsed.success) return null;
  const { custom_id: customId, invoice_id: invoiceId, id } = parsed.data;
  switch (type) {
    case 'CHECKOUT.ORDER.APPROVED':
    case 'CHECKOUT.ORDER.VOIDED':
    case 'CHECKOUT.PAYMENT-APPROVAL.REVERSED':
      return noticeOfPayment(parsed.data.purchase_units?.[0] ?? {}, false);
    case 'PAYMENT.AUTHORIZATION.CREATED':
    case 'PAYMENT.CAPTURE.COMPLETED':
      return noticeOfPayment(parsed.data, true);
    case 'PAYMENT.AUTHORIZATION.VOIDED':
    case 'PAYMENT.CAPTURE.DENIED':
    case 'PAYMENT.CAPTURE.DECLINED':
    case 'PAYMENT.CAPTURE.PENDING':
      return noticeOfPayment(parsed.data, false);
    case 'PAYMENT.CAPTURE.REFUNDED':
    case 'PAYMENT.REFUND.PENDING':
    case 'PAYMENT.REFUND.COMPLETED':
    case 'PAYMENT.REFUND.FAILED': {
      const refundId = refundIdOn({ custom_id: customId, invoice_id: invoiceId });
      if (refundId !== null) return { about: 'refund', refundId };
      return id ? { about: 'external_refund', reference: id } : null;
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

function noticeOfPayment(resource: Parameters<typeof transactionIdOn>[0], charged: boolean): Notice | null {
  const transactionId = transactionIdOn(resource);
  return transactionId === null ? null : { about: 'payment', transactionId, charged };
}

/** A capture that was reversed is reported like a dispute: the payer has the money back without a refund by the merchant. */
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
  const reportedAtMs = Date.parse(toldAt ?? '');
  if (!captureId || !disputeId || !amount || amountMinor === null || Number.isNaN(reportedAtMs)) return null;
  const owner = disputed?.custom ?? resource.custom_id;
  const openedAtMs = Date.parse(resource.create_time ?? '');
  return {
    about: 'dispute',
    dispute: {
      disputeId,
      chargeReference: captureId,
      transactionId: isIdentifier(owner, 'TXN-') ? owner : null,
      status: type === 'PAYMENT.CAPTURE.REVERSED' ? 'REVERSED' : (codeOrNone(resource.status) ?? 'OPEN'),
      reason: codeOrNone(resource.reason) ?? 'REVERSED',
      amountMinor,
      currency: amount.currency_code,
      openedAtMs: Number.isNaN(openedAtMs) ? reportedAtMs : openedAtMs,
      reportedAtMs,
    },
  };
}

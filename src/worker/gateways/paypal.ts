/**
 * PayPal. A payer has approved an order; it is looked at before it is captured, since whoever made it in a browser had a say
 * in its amount and in who is paid. A capture belongs to the transaction whose id the order carried: so an order that two
 * payments were sent with pays for one of them.
 */
import { decimalText, minorUnits } from '../../payments/money.ts';
import { isIdentifier, type Refund, type Transaction } from '../../payments/transaction.ts';
import type {
  ChargeRequest,
  Gateway,
  GatewayOutcome,
  Instrument,
  LookUp,
  OutsideRefund,
  RefundRequest,
} from './gateway.ts';
import type { Answer } from './json-call.ts';
import { issueOf, PayPalClient, type PayPalSettings, paypalReason, type Schemas } from './paypal-client.ts';
import { readPayPalWebhook } from './paypal-webhook.ts';
import { declinedBecause, paypalCause, refusedBecause } from './provider-codes.ts';

/** PayPal keeps the ids of requests for six hours, unless an account was set up otherwise. */
const KEYS_KEPT_FOR_MS = 6 * 60 * 60_000;
/** PayPal documents no time after which a request does not arrive any more; no HTTP connection lives for so long. */
const KNOWN_WITHIN_MS = 10 * 60_000;
const NOTE_MAX_LENGTH = 255;
/** Of an order: what is none, is not asked about, since it would be another address. */
const ORDER_ID = /^[A-Z0-9]{1,36}$/;
/** Currencies that PayPal takes without the decimals that ISO 4217 gives them. */
const WITHOUT_DECIMALS = new Set(['HUF', 'TWD']);

type Order = Schemas['order'];
type Capture = Schemas['capture'];
type PayPalRefund = Schemas['refund'];

/** @param client what PayPal is asked by */
export function createPayPalGateway(settings: PayPalSettings, client = new PayPalClient(settings)): Gateway {
  const getOrder = (id: string, signal: AbortSignal) =>
    client.call({ method: 'GET', path: `/v2/checkout/orders/${encodeURIComponent(id)}`, signal });

  return {
    name: `paypal:${settings.merchantId}`,
    canBeDown: true,
    methods: ['paypal'],
    knownWithinMs: KNOWN_WITHIN_MS,
    keysKeptForMs: KEYS_KEPT_FOR_MS,
    intentOf: (instrument: Instrument) => (instrument.kind === 'paypal' ? instrument.paymentId : null),

    async charge({ transaction, instrument, signal }: ChargeRequest): Promise<GatewayOutcome> {
      if (instrument.kind !== 'paypal') throw new Error(`a ${instrument.kind} was routed to PayPal`);
      if (!ORDER_ID.test(instrument.paymentId)) return declinedBecause('order_not_found');
      const { transactionId } = transaction;
      const path = `/v2/checkout/orders/${encodeURIComponent(instrument.paymentId)}`;

      const found = await getOrder(instrument.paymentId, signal);
      if (!isOk(found)) return refusedBeforeMoney(found);
      const order = found.body as Order;
      const reason = whyNotPayable(order, transaction, settings);
      if (reason !== null) return reason;

      const marked = await client.call({ method: 'PATCH', path, body: marksFor(order, transactionId), signal });
      if (marked.kind === 'silent' || marked.status !== 204) return refusedBeforeMoney(marked);

      const captured = await client.call({
        method: 'POST',
        path: `${path}/capture`,
        body: {},
        requestId: transactionId,
        signal,
      });
      return isOk(captured) ? asOutcome(stateOfOrder(captured.body as Order, transaction)) : refusedCapture(captured);
    },

    async refund({ refund, transaction, signal }: RefundRequest): Promise<GatewayOutcome> {
      const value = paypalValue(refund.amountMinor, transaction.currency);
      if (value === null || transaction.gatewayReference === null) return declinedBecause('refund_not_allowed');
      const answer = await client.call({
        method: 'POST',
        path: `/v2/payments/captures/${encodeURIComponent(transaction.gatewayReference)}/refund`,
        body: {
          amount: { value, currency_code: transaction.currency },
          custom_id: refund.refundId,
          // PayPal lets one through for each: the guard behind the request's id.
          invoice_id: refund.refundId,
          ...noteOf(refund.reason),
        } satisfies Schemas['refund_request'],
        requestId: refund.refundId,
        signal,
      });
      return isOk(answer) ? asOutcome(stateOfRefund(answer.body as PayPalRefund)) : refusedRefund(answer);
    },

    async lookUpCharge(transaction: Transaction, signal: AbortSignal): Promise<LookUp> {
      const orderId = transaction.gatewayIntent;
      if (orderId === null) return { kind: 'unreachable', reason: 'the ledger does not have the PayPal order' };
      if (!ORDER_ID.test(orderId)) return { kind: 'not_found' };
      const answer = await getOrder(orderId, signal);
      if (isNotFound(answer)) return { kind: 'not_found' };
      if (!isOk(answer)) return { kind: 'unreachable', reason: paypalReason(answer) };
      return stateOfOrder(answer.body as Order, transaction);
    },

    async lookUpRefund(refund: Refund, transaction: Transaction, signal: AbortSignal): Promise<LookUp> {
      if (refund.gatewayReference !== null) {
        const path = `/v2/payments/refunds/${encodeURIComponent(refund.gatewayReference)}`;
        const answer = await client.call({ method: 'GET', path, signal });
        return isOk(answer)
          ? stateOfRefund(answer.body as PayPalRefund)
          : { kind: 'unreachable', reason: paypalReason(answer) };
      }
      const orderId = transaction.gatewayIntent;
      if (orderId === null) return { kind: 'unreachable', reason: 'the ledger does not have the PayPal order' };
      const answer = await getOrder(orderId, signal);
      if (!isOk(answer)) return { kind: 'unreachable', reason: paypalReason(answer) };
      const found = refundsOf(answer.body as Order).find(({ custom_id }) => custom_id === refund.refundId);
      return found === undefined ? { kind: 'not_found' } : stateOfRefund(found);
    },

    async findOutsideRefund(reference: string, signal: AbortSignal) {
      const path = `/v2/payments/refunds/${encodeURIComponent(reference)}`;
      const answer = await client.call({ method: 'GET', path, signal });
      if (!isOk(answer)) return { unreachable: paypalReason(answer) };
      const refund = answer.body as PayPalRefund;
      const captureId = captureIdOf(refund);
      const owner = captureId === null ? null : await ownerOf(client, captureId, signal);
      return owner !== null && 'unreachable' in owner ? owner : outsideRefund(refund, owner?.transactionId ?? null);
    },

    findChargeOwner: (reference: string, signal: AbortSignal) => ownerOf(client, reference, signal),

    readWebhook: (webhook, signal) => readPayPalWebhook(client, settings.webhookId, webhook, signal),
  };
}

function isOk(answer: Answer): answer is Answer & { kind: 'answered'; body: object } {
  const { kind } = answer;
  return kind === 'answered' && (answer.status === 200 || answer.status === 201) && isObject(answer.body);
}

function isObject(body: unknown): body is object {
  return typeof body === 'object' && body !== null;
}

/** A 404 of PayPal's, and not of something between us and PayPal. */
function isNotFound(answer: Answer): boolean {
  return answer.kind === 'answered' && answer.status === 404 && issueOf(answer) === 'INVALID_RESOURCE_ID';
}

/** Why the order is not captured; null where nothing is in the way. */
function whyNotPayable(order: Order, transaction: Transaction, { merchantId }: PayPalSettings): GatewayOutcome | null {
  const units = order.purchase_units ?? [];
  const amount = units[0]?.amount;
  const isAsAsked =
    units.length === 1 &&
    order.intent === 'CAPTURE' &&
    amount?.currency_code === transaction.currency &&
    minorUnits(amount.value, transaction.currency) === transaction.amountMinor &&
    units[0]?.payee?.merchant_id === merchantId;
  if (!isAsAsked) return declinedBecause('order_differs');
  if (order.status === 'APPROVED') return null;
  if (order.status === 'COMPLETED') return asOutcome(stateOfOrder(order, transaction));
  return declinedBecause(order.status === 'VOIDED' ? 'order_not_found' : 'order_not_approved');
}

/** Writes our id on the order, and with it on the capture. What is there already is replaced, as PayPal wants it said. */
function marksFor(order: Order, transactionId: string): Schemas['patch'][] {
  const [unit] = order.purchase_units ?? [];
  const path = `/purchase_units/@reference_id=='${unit?.reference_id ?? 'default'}'`;
  return (['custom_id', 'invoice_id'] as const).map((field) => ({
    op: unit?.[field] === undefined ? 'add' : 'replace',
    path: `${path}/${field}`,
    value: transactionId,
  })) as Schemas['patch'][];
}

/** Of a call before the capture: whatever went wrong, nothing was captured, and nobody is going to. */
function refusedBeforeMoney(answer: Answer): GatewayOutcome {
  const reason = paypalReason(answer);
  if (answer.kind === 'silent') return { kind: 'failed', reason, silent: true };
  if (answer.status === 401) return { kind: 'failed', reason, cause: 'gateway_not_configured' };
  const issue = issueOf(answer);
  const cause = answer.status === 404 || answer.status === 403 || answer.status === 422 ? paypalCause(issue) : null;
  if (cause !== null) return withReason(refusedBecause(cause, issue), reason);
  return { kind: 'failed', reason, silent: answer.status >= 500 || answer.status === 429 };
}

/** Of the capture: only what PayPal says of this very request is certain. */
function refusedCapture(answer: Answer): GatewayOutcome {
  const reason = paypalReason(answer);
  if (answer.kind === 'silent') return { kind: 'unknown', reason };
  const issue = issueOf(answer);
  // Captured by whom? The order itself says it.
  if (issue === 'ORDER_ALREADY_CAPTURED' || issue === 'DUPLICATE_INVOICE_ID') return { kind: 'unknown', reason };
  const isCertain = [400, 401, 403, 404, 422].includes(answer.status);
  return isCertain ? refusedBeforeMoney(answer) : { kind: 'unknown', reason };
}

/** A refund can be sent again, and then a refusal of the token or of the rate says nothing of the request before. */
function refusedRefund(answer: Answer): GatewayOutcome {
  const reason = paypalReason(answer);
  if (answer.kind === 'silent' || ![400, 403, 404, 422].includes(answer.status)) return { kind: 'unknown', reason };
  const issue = issueOf(answer);
  // That it has been paid is no reason to call it failed: the look-up finds it.
  if (issue === 'DUPLICATE_INVOICE_ID') return { kind: 'unknown', reason };
  const cause = answer.status === 404 ? null : paypalCause(issue);
  if (cause !== null) return withReason(refusedBecause(cause, issue), reason);
  if (answer.status === 422) return declinedBecause('refund_not_allowed', issue);
  return { kind: 'failed', reason };
}

/** Operators read why PayPal is to be set up otherwise; callers read the words of the cause. */
function withReason(outcome: GatewayOutcome, reason: string): GatewayOutcome {
  return outcome.kind === 'failed' ? { ...outcome, reason } : outcome;
}

type KnownState = Exclude<LookUp, { kind: 'unreachable' }>;

/** What the order says of this transaction: of a capture that carries another id, that it is another one's. */
function stateOfOrder(order: Order, { transactionId }: Transaction): KnownState {
  const captures = order.purchase_units?.flatMap(({ payments }) => payments?.captures ?? []) ?? [];
  const ours = captures.filter(({ custom_id }) => custom_id === transactionId);
  const moved = ours.find(({ status }) => status !== 'DECLINED' && status !== 'FAILED') ?? ours[0];
  if (moved !== undefined) return stateOfCapture(moved);
  return order.status === 'COMPLETED' ? declinedBecause('order_used') : { kind: 'not_found' };
}

function stateOfCapture({ id, status, status_details: details }: Capture): KnownState {
  switch (status) {
    case 'COMPLETED':
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      return id === undefined ? { kind: 'in_progress' } : { kind: 'approved', reference: id };
    case 'DECLINED':
      return declinedBecause('declined', details?.reason);
    case 'FAILED':
      return { kind: 'failed', cause: 'gateway_error' };
    default:
      return { kind: 'in_progress' };
  }
}

function stateOfRefund({ id, status }: PayPalRefund): KnownState {
  switch (status) {
    case 'COMPLETED':
      return id === undefined ? { kind: 'in_progress' } : { kind: 'approved', reference: id };
    case 'FAILED':
    case 'CANCELLED':
      return declinedBecause('refund_sent_back', status);
    default:
      return { kind: 'in_progress' };
  }
}

/** What was found right after asking for it. */
function asOutcome(state: KnownState): GatewayOutcome {
  if (state.kind !== 'in_progress' && state.kind !== 'not_found') return state;
  return { kind: 'unknown', reason: 'PayPal is still working on it' };
}

function refundsOf(order: Order): PayPalRefund[] {
  return order.purchase_units?.flatMap(({ payments }) => payments?.refunds ?? []) ?? [];
}

/** PayPal's decimals for an amount in minor units; null where PayPal has fewer of them than the amount. */
function paypalValue(amountMinor: number, currency: string): string | null {
  const text = decimalText(amountMinor, currency);
  if (!WITHOUT_DECIMALS.has(currency)) return text;
  const [whole = '', fraction = ''] = text.split('.');
  return /^0*$/.test(fraction) ? whole : null;
}

/** One line, as PayPal shows it to the payer. */
function noteOf(reason: string): { note_to_payer?: string } {
  const note = reason.replace(/\s+/g, ' ').trim().slice(0, NOTE_MAX_LENGTH);
  return note === '' ? {} : { note_to_payer: note };
}

async function ownerOf(
  client: PayPalClient,
  captureId: string,
  signal: AbortSignal,
): Promise<{ transactionId: string | null } | { unreachable: string }> {
  const path = `/v2/payments/captures/${encodeURIComponent(captureId)}`;
  const answer = await client.call({ method: 'GET', path, signal });
  if (isNotFound(answer)) return { transactionId: null };
  if (!isOk(answer)) return { unreachable: paypalReason(answer) };
  const { custom_id: id } = answer.body as Schemas['capture-2'];
  return { transactionId: isIdentifier(id, 'TXN-') ? id : null };
}

/** PayPal says by a link which capture a refund is of. */
function captureIdOf({ links }: PayPalRefund): string | null {
  const up = links?.find(({ rel }) => rel === 'up')?.href;
  return /\/v2\/payments\/captures\/([A-Z0-9]+)$/.exec(up ?? '')?.[1] ?? null;
}

function outsideRefund(refund: PayPalRefund, transactionId: string | null): OutsideRefund | { unreachable: string } {
  const { id, amount, create_time: createdAt, note_to_payer: note } = refund;
  const amountMinor = amount === undefined ? null : minorUnits(amount.value, amount.currency_code);
  const movedAtMs = Date.parse(createdAt ?? '');
  if (id === undefined || amount === undefined || amountMinor === null || Number.isNaN(movedAtMs)) {
    return { unreachable: 'PayPal describes the refund in a way that is not known' };
  }
  const state = stateOfRefund(refund).kind;
  return {
    reference: id,
    transactionId,
    amountMinor,
    currency: amount.currency_code,
    state: state === 'approved' ? 'moved' : state === 'in_progress' ? 'open' : 'never',
    reason: note || 'Refunded at PayPal',
    movedAtMs,
  };
}

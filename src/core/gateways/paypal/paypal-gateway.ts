/**
 * PayPal. A payer has approved an order; it is looked at before it is captured and after, since whoever made it in a browser had
 * a say in its amount and in who is paid. A capture belongs to the transaction whose id the order carried: so an order that
 * two payments were sent with pays for one of them.
 *
 * There is no fence but time: PayPal can cancel a capture by the id of its request, but for few accounts only.
 */
import { decimalText } from '../../domain/money.ts';
import { isIdentifier, type Refund, type Transaction } from '../../domain/transaction.ts';
import {
  type ChargeOwner,
  type ChargeRequest,
  type ExternalRefund,
  type ExternalRefundAnswer,
  type Gateway,
  type GatewayOutcome,
  type Instrument,
  type LookUp,
  type RefundListing,
  type RefundRequest,
  timeIsLeft,
} from '../gateway.ts';
import { declinedBecause } from '../refusal.ts';
import { PayPalClient, type PayPalSettings, paypalWhy, type Schemas } from './paypal-client.ts';
import { isAsAsked, judge, marksFor, refusedForBooking } from './paypal-order.ts';
import {
  asOutcome,
  CAPTURE_UNKNOWN,
  type Capture,
  captureIdIn,
  externalRefund,
  isNotFound,
  isOk,
  noOutcome,
  orderIn,
  type PayPalRefund,
  refundIdOn,
  refundsIn,
  refusedBeforeMoney,
  refusedCapture,
  refusedRefund,
  stateOfCapture,
  stateOfRefund,
} from './paypal-outcomes.ts';
import { readPayPalWebhook } from './paypal-webhook.ts';

/** PayPal keeps the ids of requests for six hours, unless an account was set up otherwise. */
const KEYS_KEPT_FOR_MS = 6 * 60 * 60_000;
/** PayPal documents no time after which a request does not arrive any more; no HTTP connection lives for so long. */
const KNOWN_WITHIN_MS = 10 * 60_000;
const NOTE_MAX_LENGTH = 255;
/** Of an order, a capture or a refund. Any other text in a path could be another address. */
const PAYPAL_ID = /^[A-Z0-9]{1,36}$/;
/** Currencies that PayPal takes without the decimals that ISO 4217 gives them. */
const WITHOUT_DECIMALS = new Set(['HUF', 'TWD']);

/** @param client what PayPal is asked by */
export function createPayPalGateway(settings: PayPalSettings, client = new PayPalClient(settings)): Gateway {
  return {
    name: `paypal:${settings.merchantId}`,
    canBeDown: true,
    methods: ['paypal'],
    knownWithinMs: KNOWN_WITHIN_MS,
    keysKeptForMs: KEYS_KEPT_FOR_MS,
    intentOf: (instrument: Instrument) => (instrument.kind === 'paypal' ? instrument.paymentId : null),

    async charge(request: ChargeRequest): Promise<GatewayOutcome> {
      const { transaction, instrument, signal, deadlineMs } = request;
      if (instrument.kind !== 'paypal') throw new Error(`a ${instrument.kind} was routed to PayPal`);
      if (!PAYPAL_ID.test(instrument.paymentId)) return declinedBecause('order_not_found');
      const startedAtMs = client.nowMs();
      const { transactionId } = transaction;
      const path = orderPath(instrument.paymentId);

      const found = await client.call({ method: 'GET', path, signal });
      const order = orderIn(found, instrument.paymentId);
      if (order === null) return refusedBeforeMoney(found);
      if (!isAsAsked(order, transaction, settings)) return declinedBecause('order_differs');
      if (order.status === 'COMPLETED') {
        return asOutcome(judge(settings, order, transaction, { unmarkedCounts: false }));
      }
      if (order.status === 'VOIDED') return declinedBecause('order_not_found');
      if (order.status !== 'APPROVED') return declinedBecause('order_not_approved');
      const refused = await refusedForBooking(order, request);
      if (refused !== null) return refused;

      const marked = await client.call({ method: 'PATCH', path, body: marksFor(order, transactionId), signal });
      if (marked.kind === 'silent' || marked.status !== 204) return refusedBeforeMoney(marked);
      if (!timeIsLeft(startedAtMs, client.nowMs(), deadlineMs)) {
        return { kind: 'failed', reason: 'PayPal took too long to show the order', silent: true };
      }
      const captured = await client.call({
        method: 'POST',
        path: `${path}/capture`,
        body: {},
        requestId: transactionId,
        signal,
      });
      const completed = orderIn(captured, instrument.paymentId);
      if (completed === null) return refusedCapture(captured);
      return asOutcome(judge(settings, completed, transaction, { unmarkedCounts: true }));
    },

    async refund({ refund, transaction, signal }: RefundRequest): Promise<GatewayOutcome> {
      // Without an amount PayPal refunds all that is left of the capture, whatever its amount and currency are.
      const isWhole = refund.kind === 'late_charge';
      const value = paypalValue(refund.amountMinor, transaction.currency);
      if ((value === null && !isWhole) || transaction.gatewayReference === null)
        return declinedBecause('refund_not_allowed');
      const answer = await client.call({
        method: 'POST',
        path: `${capturePath(transaction.gatewayReference)}/refund`,
        body: {
          ...(value !== null && !isWhole && { amount: { value, currency_code: transaction.currency } }),
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
      const { gatewayIntent: orderId, gatewayReference: captureId } = transaction;
      // Orders go after some time, captures stay.
      if (captureId !== null) {
        const answer = await client.call({ method: 'GET', path: capturePath(captureId), signal });
        return isOk(answer) ? stateOfCapture(answer.body as Capture) : noOutcome(answer);
      }
      // Its row has the order from the first moment on: without a valid one, PayPal was never asked.
      if (orderId === null || !PAYPAL_ID.test(orderId)) return { kind: 'not_found' };
      const answer = await client.call({ method: 'GET', path: orderPath(orderId), signal });
      if (isNotFound(answer)) return { kind: 'not_found' };
      const order = orderIn(answer, orderId);
      if (order === null) return noOutcome(answer);
      // Of one that has ended, it may be a later payment's with the same order.
      return judge(settings, order, transaction, { unmarkedCounts: transaction.status === 'pending' });
    },

    async lookUpRefund(refund: Refund, transaction: Transaction, signal: AbortSignal): Promise<LookUp> {
      if (refund.gatewayReference !== null) {
        const path = `/v2/payments/refunds/${encodeURIComponent(refund.gatewayReference)}`;
        const answer = await client.call({ method: 'GET', path, signal });
        return isOk(answer) ? stateOfRefund(answer.body as PayPalRefund) : noOutcome(answer);
      }
      const orderId = transaction.gatewayIntent;
      if (orderId === null) return { kind: 'undetermined', reason: 'the ledger does not have the PayPal order' };
      const answer = await client.call({ method: 'GET', path: orderPath(orderId), signal });
      const order = orderIn(answer, orderId);
      if (order === null) {
        return isNotFound(answer) ? refundOfCapture(client, transaction, signal) : noOutcome(answer);
      }
      const found = refundsIn(order).find((one) => refundIdOn(one) === refund.refundId);
      return found === undefined ? { kind: 'not_found' } : stateOfRefund(found);
    },

    async findExternalRefund(reference: string, signal: AbortSignal): Promise<ExternalRefundAnswer> {
      if (!PAYPAL_ID.test(reference)) return { kind: 'not_found' };
      const answer = await client.call({ method: 'GET', path: `/v2/payments/refunds/${reference}`, signal });
      if (isNotFound(answer)) return { kind: 'not_found' };
      if (!isOk(answer)) return { kind: 'unreachable', ...paypalWhy(answer) };
      const refund = answer.body as PayPalRefund;
      const captureId = captureIdIn(refund.links);
      const owner = captureId === null ? null : await ownerOf(client, captureId, signal);
      if (owner?.kind === 'unreachable') return owner;
      return externalRefund(refund, owner?.transactionId ?? null);
    },

    async listRefundsOfCharge(transaction: Transaction, signal: AbortSignal): Promise<RefundListing> {
      const { gatewayIntent: orderId, transactionId } = transaction;
      if (orderId === null) return { kind: 'undetermined', reason: 'the ledger does not have the PayPal order' };
      const answer = await client.call({ method: 'GET', path: orderPath(orderId), signal });
      const order = orderIn(answer, orderId);
      if (order === null) return noOutcome(answer);
      const refunds: ExternalRefund[] = [];
      for (const refund of refundsIn(order)) {
        const described = externalRefund(refund, transactionId);
        if (described.kind === 'unreachable') return { kind: 'undetermined', reason: described.reason };
        refunds.push(described.refund);
      }
      return { kind: 'listed', refunds };
    },

    findChargeOwner: (reference: string, signal: AbortSignal) => ownerOf(client, reference, signal),

    readWebhook: (webhook, signal) => readPayPalWebhook(client, settings, webhook, signal),
  };
}

const orderPath = (orderId: string) => `/v2/checkout/orders/${encodeURIComponent(orderId)}`;
const capturePath = (captureId: string) => `/v2/payments/captures/${encodeURIComponent(captureId)}`;

/** PayPal's decimals for an amount in minor units; null where PayPal has fewer of them than the amount. */
function paypalValue(amountMinor: number, currency: string): string | null {
  const text = decimalText(amountMinor, currency);
  if (!WITHOUT_DECIMALS.has(currency)) return text;
  const [whole = '', fraction = ''] = text.split('.');
  return /^0*$/.test(fraction) ? whole : null;
}

/** One line, as PayPal shows it to the payer. A character beyond the sixteenth bit must not be cut in two. */
function noteOf(reason: string): { note_to_payer?: string } {
  const note = reason.replace(/\s+/g, ' ').trim().slice(0, NOTE_MAX_LENGTH).toWellFormed();
  return note === '' ? {} : { note_to_payer: note };
}

/**
 * What the capture says about a refund whose order PayPal no longer has. A capture that is still whole has no refund yet; for any other
 * one, PayPal cannot say which refunds it has. That concerns this row alone: PayPal itself is reachable.
 */
async function refundOfCapture(
  client: PayPalClient,
  { gatewayReference: captureId }: Transaction,
  signal: AbortSignal,
): Promise<LookUp> {
  if (captureId === null) return { kind: 'undetermined', reason: 'the ledger does not have the PayPal capture' };
  const answer = await client.call({ method: 'GET', path: capturePath(captureId), signal });
  if (isNotFound(answer)) return CAPTURE_UNKNOWN;
  if (!isOk(answer)) return noOutcome(answer);
  if ((answer.body as Capture).status === 'COMPLETED') return { kind: 'not_found' };
  return { kind: 'undetermined', reason: 'PayPal no longer has the order, which would list its refunds' };
}

async function ownerOf(client: PayPalClient, captureId: string, signal: AbortSignal): Promise<ChargeOwner> {
  if (!PAYPAL_ID.test(captureId)) return { kind: 'known', transactionId: null };
  const answer = await client.call({ method: 'GET', path: capturePath(captureId), signal });
  if (isNotFound(answer)) return { kind: 'known', transactionId: null };
  if (!isOk(answer)) return { kind: 'unreachable', ...paypalWhy(answer) };
  const { custom_id: id } = answer.body as Capture;
  return { kind: 'known', transactionId: isIdentifier(id, 'TXN-') ? id : null };
}

/**
 * PayPal. A payer has approved an order; it is looked at before it is captured and after, since whoever made it in a browser had
 * a say in its amount and in who is paid. A capture belongs to the transaction whose id the order carried: so an order that
 * two payments were sent with pays for one of them. An order that this service created is checked in the same way.
 *
 * There is no fence but time: PayPal can cancel a capture by the id of its request, but for few accounts only. An order cannot be
 * cancelled at all: one that this service created is completed, or is not.
 */
import type { Refund, Transaction } from '../../domain/transaction.ts';
import type {
  ChargeOwner,
  ChargeRequest,
  ExternalRefund,
  ExternalRefundAnswer,
  Gateway,
  GatewayOutcome,
  Instrument,
  LookUp,
  RefundListing,
  RefundRequest,
  StepRequest,
} from '../gateway.ts';
import { declinedBecause } from '../refusal.ts';
import { paypalMoney } from './paypal-amount.ts';
import { chargeOrder, completeNewOrder } from './paypal-charge.ts';
import { type PayPal, PayPalClient, type PayPalSettings, paypalWhy, type Schemas } from './paypal-client.ts';
import { captureHold, releaseHold } from './paypal-holds.ts';
import { lookUpCharge } from './paypal-look-up.ts';
import { createOrder } from './paypal-new-order.ts';
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
  refusedRefund,
  stateOfRefund,
  transactionIdOn,
} from './paypal-outcomes.ts';
import { capturePath, orderPath, PAYPAL_ID } from './paypal-paths.ts';
import { readPayPalWebhook } from './paypal-webhook.ts';

/** PayPal keeps the ids of requests for six hours, unless an account was set up otherwise. */
const KEYS_KEPT_FOR_MS = 6 * 60 * 60_000;
/** PayPal documents no time after which a request does not arrive any more; no HTTP connection lives for so long. */
const KNOWN_WITHIN_MS = 10 * 60_000;
const NOTE_MAX_LENGTH = 255;

/** @param client what PayPal is asked by */
export function createPayPalGateway(settings: PayPalSettings, client = new PayPalClient(settings)): Gateway {
  const paypal: PayPal = { settings, client };
  return {
    name: `paypal:${settings.merchantId}`,
    canBeDown: true,
    methods: ['paypal'],
    knownWithinMs: KNOWN_WITHIN_MS,
    keysKeptForMs: KEYS_KEPT_FOR_MS,
    createsOrders: true,
    intentOf: (instrument: Instrument) => (instrument.kind === 'paypal' ? instrument.paymentId : null),

    charge(request: ChargeRequest): Promise<GatewayOutcome> {
      const { instrument } = request;
      if (instrument.kind === 'new_paypal_order') return createOrder(paypal, request);
      if (instrument.kind !== 'paypal') throw new Error(`a ${instrument.kind} was routed to PayPal`);
      return chargeOrder(paypal, request, instrument.paymentId);
    },

    completeCharge: (request: StepRequest) => completeNewOrder(paypal, request),

    holds: {
      capture: (request: StepRequest) => captureHold(paypal, request),
      release: (transaction: Transaction, signal: AbortSignal) => releaseHold(paypal, transaction, signal),
    },

    async refund({ refund, transaction, signal }: RefundRequest): Promise<GatewayOutcome> {
      // Without an amount PayPal refunds all that is left of the capture, whatever its amount and currency are.
      const isWhole = refund.kind === 'late_charge';
      const amount = paypalMoney(refund.amountMinor, transaction.currency);
      if ((amount === null && !isWhole) || transaction.gatewayReference === null)
        return declinedBecause('refund_not_allowed');
      const answer = await client.call({
        method: 'POST',
        path: `${capturePath(transaction.gatewayReference)}/refund`,
        body: {
          ...(amount !== null && !isWhole && { amount }),
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

    lookUpCharge: (transaction: Transaction, signal: AbortSignal) => lookUpCharge(paypal, transaction, signal),

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
  return { kind: 'known', transactionId: transactionIdOn(answer.body as Capture) };
}

/** Taking, or holding, the money of an order that a payer has approved: a caller's own, or one that this service created. */
import type { Transaction } from '../../domain/transaction.ts';
import { type ChargeRequest, type GatewayOutcome, type StepRequest, timeIsLeft } from '../gateway.ts';
import type { Answer } from '../json-call.ts';
import { declinedBecause } from '../refusal.ts';
import type { PayPal } from './paypal-client.ts';
import { voidHold } from './paypal-holds.ts';
import { asOfNewOrder } from './paypal-new-order.ts';
import { isAsAsked, judge, marksFor, refusedForBooking } from './paypal-order.ts';
import {
  asOutcome,
  authorizationOf,
  isNotFound,
  orderIn,
  refusedAgain,
  refusedBeforeMoney,
  refusedCapture,
  unknownAfter,
} from './paypal-outcomes.ts';
import { orderPath, PAYPAL_ID } from './paypal-paths.ts';

/** Charges a caller's order. */
export async function chargeOrder(paypal: PayPal, request: ChargeRequest, orderId: string): Promise<GatewayOutcome> {
  if (!PAYPAL_ID.test(orderId)) return declinedBecause('order_not_found');
  const { client, settings } = paypal;
  const { transaction, signal, deadlineMs } = request;
  const startedAtMs = client.nowMs();
  const path = orderPath(orderId);

  const found = await client.call({ method: 'GET', path, signal });
  const order = orderIn(found, orderId);
  if (order === null) return refusedBeforeMoney(found);
  if (!isAsAsked(order, transaction, settings)) return declinedBecause('order_differs');
  if (order.status === 'COMPLETED') {
    return asOutcome(judge(settings, order, transaction, { unmarkedCounts: false, nowMs: client.nowMs() }));
  }
  if (order.status === 'VOIDED') return declinedBecause('order_not_found');
  if (order.status !== 'APPROVED') return declinedBecause('order_not_approved');
  const refused = await refusedForBooking(order, request);
  if (refused !== null) return refused;

  const body = marksFor(order, transaction.transactionId);
  const marked = await client.call({ method: 'PATCH', path, body, signal });
  if (marked.kind === 'silent' || marked.status !== 204) return refusedBeforeMoney(marked);
  if (!timeIsLeft(startedAtMs, client.nowMs(), deadlineMs)) {
    return { kind: 'failed', reason: TOO_SLOW, silent: true };
  }
  return complete(paypal, transaction, orderId, signal, refusedCapture);
}

const TOO_SLOW = 'PayPal took too long to show the order';

/**
 * Completes an order that this service created, once its payer has approved it. It may be the second attempt: so whatever prevents it
 * without an answer of PayPal's about the order leaves the outcome unknown.
 */
export async function completeNewOrder(
  paypal: PayPal,
  { transaction, signal, deadlineMs }: StepRequest,
): Promise<GatewayOutcome> {
  const { gatewayIntent: orderId, transactionId } = transaction;
  if (orderId === null) throw new Error('a payment without an order was to be completed');
  const { client, settings } = paypal;
  const startedAtMs = client.nowMs();
  const found = await client.call({ method: 'GET', path: orderPath(orderId), signal });
  // Asked for all the same: under its key, PayPal itself answers with what an earlier request has done, or refuses it.
  if (isNotFound(found)) return asOfNewOrder(await complete(paypal, transaction, orderId, signal, refusedAgain));
  const order = orderIn(found, orderId);
  if (order === null) return unknownAfter(found);
  const state = judge(settings, order, transaction, { unmarkedCounts: true, nowMs: client.nowMs() });
  if (state.kind === 'cancelled') return declinedBecause('new_order_ended');
  // PayPal itself refuses one that is not approved any more, since its payer has to come back.
  const isToBePaid = state.kind === 'payer_approved' || state.kind === 'challenged';
  if (!isToBePaid) return asOutcome(asOfNewOrder(state));
  const isOurs = order.purchase_units?.[0]?.custom_id === transactionId;
  if (!isOurs || !isAsAsked(order, transaction, settings)) return declinedBecause('new_order_changed');
  if (!timeIsLeft(startedAtMs, client.nowMs(), deadlineMs)) return { kind: 'unknown', reason: TOO_SLOW };
  return asOfNewOrder(await complete(paypal, transaction, orderId, signal, refusedAgain));
}

async function complete(
  paypal: PayPal,
  transaction: Transaction,
  orderId: string,
  signal: AbortSignal,
  refused: (answer: Answer) => GatewayOutcome,
): Promise<GatewayOutcome> {
  const { client, settings } = paypal;
  const action = transaction.captureMethod === 'manual' ? 'authorize' : 'capture';
  const answer = await client.call({
    method: 'POST',
    path: `${orderPath(orderId)}/${action}`,
    body: {},
    requestId: transaction.transactionId,
    signal,
  });
  const completed = orderIn(answer, orderId);
  if (completed === null) return refused(answer);
  const state = judge(settings, completed, transaction, { unmarkedCounts: true, nowMs: client.nowMs() });
  const held = authorizationOf(completed, transaction, true)?.id;
  const isOfAnotherAmount = state.kind === 'declined' && state.cause === 'order_changed';
  // If PayPal does not answer this, a look-up after the failure releases it.
  if (held !== undefined && isOfAnotherAmount) await voidHold(paypal, held, signal);
  return asOutcome(state);
}

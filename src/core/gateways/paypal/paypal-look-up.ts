/** What PayPal says of a payment. Only reads (invariant 9). */
import type { Transaction } from '../../domain/transaction.ts';
import type { LookUp } from '../gateway.ts';
import type { PayPal } from './paypal-client.ts';
import { asOfNewOrder } from './paypal-new-order.ts';
import { judge } from './paypal-order.ts';
import {
  type Authorization,
  type Capture,
  isNotFound,
  isOk,
  noOutcome,
  orderIn,
  stateOfAuthorization,
  stateOfCapture,
} from './paypal-outcomes.ts';
import { authorizationPath, capturePath, orderPath, PAYPAL_ID } from './paypal-paths.ts';

export async function lookUpCharge(paypal: PayPal, transaction: Transaction, signal: AbortSignal): Promise<LookUp> {
  const { client, settings } = paypal;
  const { gatewayIntent: orderId, gatewayReference: captureId, authorizationReference } = transaction;
  // Orders go after some time, captures and authorizations stay.
  if (captureId !== null) {
    const answer = await client.call({ method: 'GET', path: capturePath(captureId), signal });
    return isOk(answer) ? stateOfCapture(answer.body as Capture) : noOutcome(answer);
  }
  // Its row has the order from the first moment on, or from when its address was given away: without a valid one, PayPal takes nothing.
  if (orderId === null || !PAYPAL_ID.test(orderId)) return { kind: 'not_found' };
  const answer = await client.call({ method: 'GET', path: orderPath(orderId), signal });
  if (isNotFound(answer)) {
    return authorizationReference === null
      ? { kind: 'not_found' }
      : lookUpAuthorization(paypal, authorizationReference, signal);
  }
  const order = orderIn(answer, orderId);
  if (order === null) return noOutcome(answer);
  // Of one that has ended, it may be a later payment's with the same order.
  const unmarkedCounts = transaction.status === 'pending';
  const state = judge(settings, order, transaction, { unmarkedCounts, nowMs: client.nowMs() });
  return transaction.substate === null ? state : asOfNewOrder(state);
}

async function lookUpAuthorization({ client }: PayPal, id: string, signal: AbortSignal): Promise<LookUp> {
  const answer = await client.call({ method: 'GET', path: authorizationPath(id), signal });
  if (isNotFound(answer)) {
    const reason = 'PayPal has no such authorization: was it made with another account?';
    return { kind: 'undetermined', cause: 'charge_unknown', reason };
  }
  if (!isOk(answer)) return noOutcome(answer);
  const state = stateOfAuthorization(answer.body as Authorization, client.nowMs());
  if (state.kind !== 'in_progress') return state;
  return { kind: 'undetermined', reason: 'PayPal no longer has the order, which would show what was captured' };
}

/**
 * Money that PayPal holds: authorizations of orders. An authorization is captured once, for the payment's amount; what is left of it
 * is released with that.
 */
import type { Transaction } from '../../domain/transaction.ts';
import type { Fence, GatewayOutcome, LookUp, StepRequest } from '../gateway.ts';
import type { Answer } from '../json-call.ts';
import { declinedBecause } from '../refusal.ts';
import { paypalMoney } from './paypal-amount.ts';
import { issueOf, type PayPal, type Schemas } from './paypal-client.ts';
import { lookUpCharge } from './paypal-look-up.ts';
import { asOfNewOrder } from './paypal-new-order.ts';
import { judgeCapture } from './paypal-order.ts';
import {
  type Authorization,
  asOutcome,
  authorizationIdIn,
  type Capture,
  isOk,
  isRefusal,
  noOutcome,
  refusedBeforeMoney,
  transactionIdOn,
  unknownAfter,
} from './paypal-outcomes.ts';
import { authorizationPath } from './paypal-paths.ts';

/** The authorization has ended, so that PayPal takes nothing of it any more. */
const ENDED: ReadonlySet<string> = new Set(['AUTHORIZATION_VOIDED', 'AUTHORIZATION_EXPIRED', 'AUTHORIZATION_DENIED']);
/** It may have been captured before, by this payment: what is there shows it. */
const TO_BE_LOOKED_UP: ReadonlySet<string> = new Set([
  ...ENDED,
  'AUTHORIZATION_ALREADY_CAPTURED',
  'MAX_CAPTURE_COUNT_EXCEEDED',
  'DUPLICATE_INVOICE_ID',
  'INVALID_RESOURCE_ID',
]);

/** Takes the held money. PayPal refuses a second capture with the same `invoice_id`: the guard behind the request's id. */
export async function captureHold(paypal: PayPal, { transaction, signal }: StepRequest): Promise<GatewayOutcome> {
  const { authorizationReference: id, transactionId } = transaction;
  const amount = paypalMoney(transaction.amountMinor, transaction.currency);
  if (id === null || amount === null) throw new Error('money was to be captured that PayPal does not hold');
  const answer = await paypal.client.call({
    method: 'POST',
    path: `${authorizationPath(id)}/capture`,
    body: { amount, invoice_id: transactionId, final_capture: true } satisfies Schemas['capture_request'],
    requestId: `${transactionId}:capture`,
    signal,
  });
  if (!isOk(answer)) return refusedCaptureOfHold(paypal, answer, transaction, signal);
  const capture = answer.body as Capture;
  const isOurs = transactionIdOn(capture) === transactionId || authorizationIdIn(capture.links) === id;
  if (!isOurs) return unknownAfter(answer);
  const state = judgeCapture(capture, transaction, false);
  if (state.kind !== 'declined' && state.kind !== 'failed') return asOutcome(state);
  return finalAfterRelease(paypal, asOutcome(asOfNewOrder(state)), transaction, signal);
}

/** A capture may be sent again: so a refused token, a missing permission or a rate limit does not determine the first one's outcome. */
async function refusedCaptureOfHold(
  paypal: PayPal,
  answer: Answer,
  transaction: Transaction,
  signal: AbortSignal,
): Promise<GatewayOutcome> {
  const issue = issueOf(answer);
  if (!isRefusal(answer, [400, 404, 422])) return unknownAfter(answer);
  if (issue !== undefined && TO_BE_LOOKED_UP.has(issue)) {
    const found = await lookUpCharge(paypal, transaction, signal);
    const hasEnded = isReleased(found) || (found.kind === 'authorized' && ENDED.has(issue));
    if (hasEnded) return declinedBecause('authorization_ended', issue);
    return found.kind === 'approved' || found.kind === 'mischarged' ? found : unknownAfter(answer);
  }
  return finalAfterRelease(paypal, asOfNewOrder(refusedBeforeMoney(answer)), transaction, signal);
}

/** A capture that was refused has failed once the money is released: until then, an earlier request for it may still be carried out. */
async function finalAfterRelease(
  paypal: PayPal,
  refusal: GatewayOutcome,
  transaction: Transaction,
  signal: AbortSignal,
): Promise<GatewayOutcome> {
  const released = await releaseHold(paypal, transaction, signal);
  if (isReleased(released)) return refusal;
  if (released.kind === 'approved' || released.kind === 'mischarged') return released;
  return { kind: 'unknown', reason: 'PayPal refused the capture, and has not released the money yet', silent: false };
}

function isReleased({ kind }: LookUp): boolean {
  return kind === 'cancelled' || kind === 'declined';
}

/** Releases the held money. Sent again, PayPal refuses it, and what is there shows how it ended. */
export async function releaseHold(paypal: PayPal, transaction: Transaction, signal: AbortSignal): Promise<Fence> {
  const held = await holdOf(paypal, transaction, signal);
  if (held.kind !== 'authorized') return asFence(held);
  const answer = await voidHold(paypal, held.reference, signal);
  if (isVoided(answer, held.reference)) return { kind: 'cancelled' };
  const isEmpty = answer.kind === 'answered' && answer.status === 204;
  if (!isEmpty && !isRefusal(answer, [404, 409, 422])) return noOutcome(answer);
  return asFence(await lookUpCharge(paypal, transaction, signal));
}

/** A status alone may be that of something between us and PayPal: the authorization is asked for with it. */
function isVoided(answer: Answer, reference: string): boolean {
  if (!isOk(answer)) return false;
  const { id, status } = answer.body as Authorization;
  return id === reference && status === 'VOIDED';
}

/** What a payment that has failed holds after all is not on its row: PayPal has to be asked for it. */
async function holdOf(paypal: PayPal, transaction: Transaction, signal: AbortSignal): Promise<LookUp> {
  const { authorizationReference: reference } = transaction;
  if (reference !== null) return { kind: 'authorized', reference, expiresAtMs: null };
  return lookUpCharge(paypal, transaction, signal);
}

function asFence(found: LookUp): Fence {
  return found.kind === 'not_found'
    ? { kind: 'undetermined', reason: 'PayPal shows neither the order nor the authorization' }
    : found;
}

export function voidHold({ client }: PayPal, authorizationId: string, signal: AbortSignal): Promise<Answer> {
  const path = `${authorizationPath(authorizationId)}/void`;
  return client.call({ method: 'POST', path, body: {}, showsResult: true, signal });
}

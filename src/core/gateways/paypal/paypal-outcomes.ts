/** Outcomes from PayPal's answers and errors. Pure functions. */
import { minorUnits } from '../../domain/money.ts';
import { isIdentifier, type Transaction } from '../../domain/transaction.ts';
import {
  type ExternalRefund,
  type GatewayOutcome,
  isGatewayTrouble,
  type LookUp,
  type NoOutcome,
  type Unreachable,
} from '../gateway.ts';
import type { Answer } from '../json-call.ts';
import { declinedBecause, refusedBecause } from '../refusal.ts';
import { issueOf, paypalWhy, type Schemas } from './paypal-client.ts';
import { paypalCause } from './paypal-codes.ts';

export type Order = Schemas['order'];
export type Authorization = Schemas['authorization'];
export type Capture = Schemas['capture'];
export type PayPalRefund = Schemas['refund'];

export type KnownState = Exclude<LookUp, NoOutcome>;

export function isOk(answer: Answer): answer is Answer & { kind: 'answered'; body: object } {
  if (answer.kind === 'silent' || (answer.status !== 200 && answer.status !== 201)) return false;
  return typeof answer.body === 'object' && answer.body !== null;
}

/** The order that was asked for; null where the answer is not an order, or another one. */
export function orderIn(answer: Answer, orderId: string): Order | null {
  return isOk(answer) && (answer.body as Order).id === orderId ? (answer.body as Order) : null;
}

/** A 404 of PayPal's, and not of something between us and PayPal. */
export function isNotFound(answer: Answer): boolean {
  return answer.kind === 'answered' && answer.status === 404 && issueOf(answer) === 'INVALID_RESOURCE_ID';
}

/** Of a call before the capture: whatever the error, nothing was captured or will be. */
export function refusedBeforeMoney(answer: Answer): GatewayOutcome {
  const why = paypalWhy(answer);
  const issue = issueOf(answer);
  const isSaid = answer.kind === 'answered' && [403, 404, 422].includes(answer.status);
  const cause = isSaid ? paypalCause(issue) : null;
  if (cause !== null) return refusedBecause(cause, issue, why.reason);
  return { kind: 'failed', ...why, silent: isSilence(answer) };
}

/** Of the capture or the authorization of an order: only PayPal's own error about this request is certain. */
export function refusedCapture(answer: Answer): GatewayOutcome {
  // The order shows which transaction captured it.
  const isCertain = isRefusal(answer, [400, 401, 403, 404, 422]) && !PAID_BEFORE.has(issueOf(answer) ?? '');
  return isCertain ? refusedBeforeMoney(answer) : unknownAfter(answer);
}

/**
 * The same where the request may have been sent before: then neither a missing permission nor an issue that this service does not know
 * determines the first one's outcome.
 */
export function refusedAgain(answer: Answer): GatewayOutcome {
  const isKnown = isRefusal(answer, [400, 404, 422]) && paypalCause(issueOf(answer)) !== null;
  return isKnown ? refusedCapture(answer) : unknownAfter(answer);
}

/** The order has been paid, or is being paid at this moment. */
const PAID_BEFORE: ReadonlySet<string> = new Set([
  'ORDER_ALREADY_CAPTURED',
  'ORDER_ALREADY_AUTHORIZED',
  'ORDER_ALREADY_COMPLETED',
  'ORDER_COMPLETED_OR_VOIDED',
  'ORDER_COMPLETION_IN_PROGRESS',
  'MAX_AUTHORIZATION_COUNT_EXCEEDED',
  'DUPLICATE_INVOICE_ID',
]);

export function unknownAfter(answer: Answer): GatewayOutcome & { kind: 'unknown' } {
  return { kind: 'unknown', ...paypalWhy(answer), silent: isSilence(answer) };
}

/**
 * A refund can be sent again, and then a refused token, a missing permission or a rate limit does not determine the first request's outcome.
 * An invalid refund is answered the same each time, and so is one of a capture that PayPal does not have; that its
 * invoice is known only says that it has been paid.
 */
export function refusedRefund(answer: Answer): GatewayOutcome {
  const issue = issueOf(answer);
  if (isNotFound(answer)) return CAPTURE_UNKNOWN;
  const isCertain = isRefusal(answer, [400, 422]) && issue !== 'DUPLICATE_INVOICE_ID';
  if (!isCertain) return unknownAfter(answer);
  return refusedBecause(paypalCause(issue) ?? 'refund_not_allowed', issue, paypalWhy(answer).reason);
}

/** Of a refund, or a look-up of one. */
export const CAPTURE_UNKNOWN = {
  kind: 'failed',
  cause: 'charge_unknown',
  providerCode: 'INVALID_RESOURCE_ID',
  reason: 'PayPal has no such capture: was it made with another account?',
} as const;

/** Of an answer to a look-up that holds nothing of what was asked for. */
export function noOutcome(answer: Answer): NoOutcome {
  const isUnreachable = answer.kind === 'silent' || isGatewayTrouble(answer.status);
  return { kind: isUnreachable ? 'unreachable' : 'undetermined', ...paypalWhy(answer) };
}

/**
 * Whether PayPal itself has refused the call with one of these statuses. The error of something in between names no issue, and says
 * nothing of what PayPal did before. A refused token names none either, but then PayPal carries out nothing.
 */
export function isRefusal(answer: Answer, statuses: number[]): boolean {
  if (answer.kind === 'silent' || !statuses.includes(answer.status)) return false;
  return answer.status === 401 || issueOf(answer) !== undefined;
}

function isSilence(answer: Answer): boolean {
  return answer.kind === 'silent' || answer.status >= 500 || answer.status === 429;
}

/**
 * The capture that carries this transaction's id or belongs to its authorization, or, where that counts, carries no transaction's id;
 * the one that moved money first.
 */
export function captureOf(order: Order, transaction: Transaction, unmarkedCounts: boolean): Capture | undefined {
  const { transactionId } = transaction;
  const authorizationId = authorizationOf(order, transaction, unmarkedCounts)?.id;
  const captures = order.purchase_units?.flatMap(({ payments }) => payments?.captures ?? []) ?? [];
  const ours = captures.filter(
    ({ custom_id, links }) =>
      custom_id === transactionId ||
      (unmarkedCounts && !isIdentifier(custom_id, 'TXN-')) ||
      (authorizationId !== undefined && authorizationIdIn(links) === authorizationId),
  );
  return ours.find(({ status }) => status !== 'DECLINED' && status !== 'FAILED') ?? ours[0];
}

/** The same of authorizations. Only an order of intent AUTHORIZE has any. */
export function authorizationOf(
  order: Order,
  { transactionId, authorizationReference }: Transaction,
  unmarkedCounts: boolean,
): Authorization | undefined {
  const authorizations = order.purchase_units?.flatMap(({ payments }) => payments?.authorizations ?? []) ?? [];
  const ours = authorizations.filter(
    ({ id, custom_id }) =>
      custom_id === transactionId ||
      (id !== undefined && id === authorizationReference) ||
      (unmarkedCounts && !isIdentifier(custom_id, 'TXN-')),
  );
  return ours.find(({ status }) => status !== 'DENIED' && status !== 'VOIDED') ?? ours[0];
}

export function refundsIn(order: Order): PayPalRefund[] {
  return order.purchase_units?.flatMap(({ payments }) => payments?.refunds ?? []) ?? [];
}

/** Whether a completed order has paid for nothing, since PayPal declined its only capture. */
export function isDeclined(order: Order): boolean {
  const captures = order.purchase_units?.flatMap(({ payments }) => payments?.captures ?? []) ?? [];
  return captures.length > 0 && captures.every(({ status }) => status === 'DECLINED');
}

export function stateOfCapture({ id, status, status_details: details }: Capture): KnownState {
  switch (status) {
    case 'COMPLETED':
      return id === undefined ? { kind: 'in_progress' } : { kind: 'approved', reference: id };
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      return id === undefined ? { kind: 'in_progress' } : { kind: 'approved', reference: id, hasRefunds: true };
    case 'DECLINED':
      // The order is COMPLETED with it, and PayPal captures no completed order again.
      return declinedBecause('capture_declined', details?.reason);
    case 'FAILED':
      return { kind: 'failed', cause: 'gateway_error' };
    default:
      return { kind: 'in_progress' };
  }
}

/** Until when PayPal holds the money of an authorization. */
function expiryMsOf({ expiration_time: expiresAt }: Authorization): number | null {
  const expiresAtMs = Date.parse(expiresAt ?? '');
  return Number.isNaN(expiresAtMs) ? null : expiresAtMs;
}

export function stateOfAuthorization(authorization: Authorization, nowMs: number): KnownState {
  const { id, status } = authorization;
  const expiresAtMs = expiryMsOf(authorization);
  switch (status) {
    case 'DENIED':
      return declinedBecause('capture_declined', 'AUTHORIZATION_DENIED');
    case 'VOIDED':
      return { kind: 'cancelled' };
    case 'CAPTURED':
    case 'PARTIALLY_CAPTURED':
      return { kind: 'in_progress' }; // the capture says more, where it is shown
    default:
      if (expiresAtMs !== null && expiresAtMs <= nowMs) return { kind: 'cancelled' };
      return status === 'CREATED' && id !== undefined
        ? { kind: 'authorized', reference: id, expiresAtMs }
        : { kind: 'in_progress' };
  }
}

export function stateOfRefund({ id, status }: PayPalRefund): KnownState {
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
export function asOutcome(state: KnownState): GatewayOutcome {
  if (state.kind === 'cancelled') return { kind: 'failed', cause: 'never_happened' };
  if (state.kind !== 'in_progress' && state.kind !== 'not_found' && state.kind !== 'payer_approved') return state;
  const accepted = state.kind === 'in_progress';
  return { kind: 'unknown', reason: 'PayPal is still working on it', silent: false, accepted };
}

/** Our id on a refund: PayPal may name it by either of the two that it was given. */
export function refundIdOn(of: { custom_id?: string | null | undefined; invoice_id?: string | null | undefined }) {
  return [of.custom_id, of.invoice_id].find((id) => isIdentifier(id, 'REF-')) ?? null;
}

/** Our id on an order, an authorization or a capture. The capture of an authorization was given it as `invoice_id`. */
export function transactionIdOn(of: { custom_id?: string | null | undefined; invoice_id?: string | null | undefined }) {
  return [of.custom_id, of.invoice_id].find((id) => isIdentifier(id, 'TXN-')) ?? null;
}

type Links = readonly { href: string; rel: string }[] | undefined;

/** A refund links to its capture. */
export function captureIdIn(links: Links): string | null {
  return idAbove(links, /\/v2\/payments\/captures\/([A-Z0-9]+)$/);
}

/** A capture links to its authorization, if it has one. */
export function authorizationIdIn(links: Links): string | null {
  return idAbove(links, /\/v2\/payments\/authorizations\/([A-Z0-9]+)$/);
}

function idAbove(links: Links, path: RegExp): string | null {
  const above = links?.filter(({ rel }) => rel === 'up').map(({ href }) => path.exec(href)?.[1]);
  return above?.find((id) => id !== undefined) ?? null;
}

/** @param transactionId of the payment that it is of; null where the ledger does not have it */
export function externalRefund(
  refund: PayPalRefund,
  transactionId: string | null,
): { kind: 'found'; refund: ExternalRefund } | Unreachable {
  const { id, amount, create_time: createdAt, note_to_payer: note } = refund;
  const amountMinor = amount === undefined ? null : minorUnits(amount.value, amount.currency_code);
  const movedAtMs = Date.parse(createdAt ?? '');
  if (id === undefined || amount === undefined || amountMinor === null || Number.isNaN(movedAtMs)) {
    return { kind: 'unreachable', reason: 'PayPal describes the refund in a way that is not known' };
  }
  const state = stateOfRefund(refund).kind;
  const found: ExternalRefund = {
    reference: id,
    refundId: refundIdOn(refund),
    chargeReference: captureIdIn(refund.links) ?? '',
    transactionId,
    amountMinor,
    currency: amount.currency_code,
    state: state === 'approved' ? 'moved' : state === 'in_progress' ? 'open' : 'never',
    reason: note || 'Refunded at PayPal',
    movedAtMs,
  };
  return { kind: 'found', refund: found };
}

/**
 * A refund: reserve the amount, pay it back, book it or release the reservation. Each step is durable before the next
 * one begins, and safe to repeat. Where the process dies after one of them, this is in the ledger, and this continues it:
 *
 * 1. `reserveRefund`: a pending row and its amount reserved, with a date for a look-up. Recovery asks the gateway, and
 *    sends the refund again under its id where the gateway does not know it.
 * 2. the gateway's refund: the same, and perhaps money that was paid back under this id. Recovery finds it.
 * 3. `recordRefundOutcome`: the outcome and its event. The sweep sends the event.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { RefundRequest } from '../../contract/requests.ts';
import { askForPermit, type CircuitBreaker, isClosed, type Permit, release } from '../circuit-breaker.ts';
import type { Context } from '../context.ts';
import { minorUnits } from '../domain/money.ts';
import { type Outcome, type Refund, refundableMinor, type Transaction } from '../domain/transaction.ts';
import { LedgerNotAsked, LedgerUnavailable } from '../ledger/database.ts';
import { isFull } from '../ledger/fill-level.ts';
import type { KeyClaim } from '../ledger/idempotency-keys/claim-key.ts';
import { findTransaction } from '../ledger/payments/find-payment.ts';
import { findKeyedRefund, type ReplayedRefund } from '../ledger/refunds/find-refund.ts';
import { type Reservation, reserveRefund } from '../ledger/refunds/reserve-refund.ts';
import { errorFields } from '../log.ts';
import type { DueLookUp } from '../outbox/queue-message.ts';
import { isAccepted, logUnknownAccount, moveMoneyNow } from '../outcomes/ask-gateway.ts';
import { NEVER_HAPPENED, outcomeOfRefund } from '../outcomes/decided-outcome.ts';
import { firstLookUpAtMs } from '../outcomes/look-up-schedule.ts';
import { recordRefund } from '../outcomes/record-refund.ts';
import { type NotFound, notFound } from './not-found.ts';
import { isSameRequest, keyClaim, refundIdentity } from './replay.ts';

/** How a request to refund ended. */
export type RefundAnswer =
  | {
      kind: 'completed';
      refund: Refund;
      transaction: Transaction;
      event: PaymentEvent | null;
      /** Whether this was the answer to an earlier request with the same key. */
      replayed: boolean;
    }
  /** The gateway did not pay it back, or the payer's bank has reversed it since. No event: the contract has none. */
  | { kind: 'failed'; refund: Refund; replayed: boolean; lookUp: DueLookUp | null }
  /** There is no outcome yet, and the amount stays reserved. `accepted`: the provider is processing it; else that is unknown. */
  | { kind: 'pending'; refund: Refund; lookUp: DueLookUp; accepted: boolean }
  /** An earlier request with the same key has no outcome yet. */
  | { kind: 'in_progress'; refund: Refund }
  /** The key belongs to another request. */
  | { kind: 'key_reused' }
  /** `payment`: null where the caller named another booking or user than the payment's, and has no business with its amounts. */
  | { kind: 'not_allowed'; reason: string; payment: Transaction | null }
  | NotFound
  | { kind: 'invalid_amount' }
  | { kind: 'gateway_down'; retryAfterMs: number }
  /** The database takes nothing new. */
  | { kind: 'ledger_full' }
  /**
   * It is unknown whether the reservation was written. If it was, the refund is paid later: a caller who asks again
   * without the same key may be paid twice.
   */
  | { kind: 'not_confirmed'; refundId: string };

/**
 * Processes a refund of the contract's `/payment/refund`.
 *
 * @param amount a decimal literal: the digits as they were sent, without the error of a caller's floating-point arithmetic
 * @param idempotencyKey null where the request came without one
 */
export async function refundPayment(
  context: Context,
  request: RefundRequest,
  amount: string,
  idempotencyKey: string | null = null,
): Promise<RefundAnswer> {
  const { log } = context;
  const key = await keyClaim(context, '/payment/refund', idempotencyKey, refundIdentity(request, amount));
  const isLedgerFull = await isFull(context.db);
  const { breaker, permit } = await permitOf(context, request);
  const reserved = isLedgerFull
    ? await knownOr(context, key, { kind: 'ledger_full' })
    : permit.kind === 'refused'
      ? await knownOr(context, key, { kind: 'gateway_down', retryAfterMs: permit.retryAfterMs })
      : await reserve(context, request, amount, key);
  if (reserved.kind !== 'reserved') {
    if (breaker !== null) release(breaker, permit);
    log('info', 'refund.answered', {
      transaction_id: request.original_transaction_id,
      outcome: reserved.kind,
      ...(reserved.kind === 'not_allowed' && { reason: reserved.reason }),
    });
    return reserved;
  }
  const { refund, transaction } = reserved;
  log('info', 'refund.requested', {
    refund_id: refund.refundId,
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
    amount_minor: refund.amountMinor,
  });

  const { outcome, accepted, gatewayMs } = await payBack(context, refund, transaction);
  if (outcome === null) return pending(context, refund, accepted);
  return recordOutcome(context, refund, outcome, gatewayMs);
}

/** Whether the payment's gateway may be asked. The payment is looked at for that only where some gateway has been failing. */
async function permitOf(
  { db, tenant, gateways, breakersOf, nowMs }: Context,
  request: RefundRequest,
): Promise<{ breaker: CircuitBreaker | null; permit: Permit }> {
  const free = { breaker: null, permit: { kind: 'free' } } as const;
  if (gateways.all.every(({ name }) => isClosed(breakersOf(name).refund))) return free;
  const transaction = await findTransaction(db, tenant, request.original_transaction_id);
  if (transaction === null) return free;
  const named = await gateways.named(transaction.gateway);
  if (named.kind !== 'configured') return free;
  const breaker = breakersOf(named.gateway.name).refund;
  return { breaker, permit: askForPermit(breaker, nowMs()) };
}

/** The answer while no refund can be begun: that of an earlier request with the key, or else why not. */
async function knownOr({ db, nowMs }: Context, key: KeyClaim | null, refused: RefundAnswer): Promise<RefundAnswer> {
  const known = key === null ? null : await findKeyedRefund(db, key, nowMs());
  return known === null ? refused : answerReplay(known, key);
}

type Reserved = Extract<Reservation, { kind: 'reserved' }>;

/**
 * Reserves the amount in the payment's own currency. That is nearly always the configured one, which saves a look at
 * the payment first; where it is not, the payment that came back with the refusal says which one it is.
 */
async function reserve(
  context: Context,
  request: RefundRequest,
  amount: string,
  key: KeyClaim | null,
): Promise<Reserved | RefundAnswer> {
  const { currency } = context.settings;
  const first = await reserveIn(currency, context, request, amount, key);
  if (first.otherCurrency === null) return first.answer;
  return (await reserveIn(first.otherCurrency, context, request, amount, key)).answer;
}

/** Reads the amount in a currency and reserves it. Where it is not the payment's, says which one is. */
async function reserveIn(
  currency: string,
  context: Context,
  request: RefundRequest,
  amount: string,
  key: KeyClaim | null,
): Promise<{ answer: Reserved | RefundAnswer; otherCurrency: string | null }> {
  const { db, tenant } = context;
  const transactionId = request.original_transaction_id;
  const otherThan = (transaction: Transaction | null) =>
    transaction === null || transaction.currency === currency ? null : transaction.currency;

  const amountMinor = minorUnits(amount, currency);
  if (amountMinor === null) {
    const transaction = await findTransaction(db, tenant, transactionId);
    return { answer: { kind: 'invalid_amount' }, otherCurrency: otherThan(transaction) };
  }
  const refundId = context.newId('REF-');
  let reservation: Reservation;
  try {
    reservation = await reserveRefund(
      db,
      {
        refundId,
        tenant,
        transactionId,
        bookingId: request.booking_id,
        userId: request.user_id,
        currency,
        amountMinor,
        reason: request.reason,
        createdAtMs: context.nowMs(),
        nextLookupAtMs: firstLookUpAtMs(context),
      },
      key,
    );
  } catch (error) {
    if (!(error instanceof LedgerUnavailable) || error instanceof LedgerNotAsked) throw error;
    context.log('warn', 'refund.not_confirmed', { refund_id: refundId, ...errorFields(error) });
    return { answer: { kind: 'not_confirmed', refundId }, otherCurrency: null };
  }
  switch (reservation.kind) {
    case 'reserved':
      return { answer: reservation, otherCurrency: null };
    case 'replayed':
      return { answer: answerReplay(reservation, key), otherCurrency: null };
    case 'not_found':
      return { answer: await notFound(context, transactionId), otherCurrency: null };
    case 'refused': {
      const { transaction } = reservation;
      return {
        answer: refusal(request, transaction, amountMinor),
        otherCurrency: otherThan(transaction),
      };
    }
  }
}

/** The answer that an earlier request with this key got, or would get now, rendered from its row. */
function answerReplay(replayed: ReplayedRefund, key: KeyClaim | null): RefundAnswer {
  const { fingerprint, refund, transaction } = replayed;
  if (key === null || !isSameRequest(fingerprint, key.fingerprint)) return { kind: 'key_reused' };
  if (refund.status === 'pending') return { kind: 'in_progress', refund };
  return ended(refund, transaction, { event: null, replayed: true, lookUp: null });
}

/** Why the payment does not allow the refund. */
function refusal(request: RefundRequest, payment: Transaction, amountMinor: number): RefundAnswer {
  const because = (reason: string, shown: Transaction | null = payment): RefundAnswer => ({
    kind: 'not_allowed',
    reason,
    payment: shown,
  });
  if (payment.bookingId !== request.booking_id) return because('The transaction belongs to another booking', null);
  if (payment.userId !== request.user_id) return because('The transaction belongs to another user', null);
  if (payment.status === 'refunded') return because('The payment has been refunded already');
  if (payment.status === 'pending' && payment.substate === 'authorized') {
    return because('The payment is held, and not captured: it can be voided');
  }
  if (payment.status !== 'completed') return because(`The payment is ${payment.status}`);
  return amountMinor <= refundableMinor(payment) + payment.reservedMinor
    ? because('The amount exceeds what is left to refund while another refund is pending')
    : because('The amount exceeds what is left to refund');
}

/**
 * Has the payment's gateway pay the money back, under the refund's id. Without an outcome, says whether the gateway has accepted the
 * refund. One that is no longer configured, or is configured with another account's key, is not asked and certainly pays nothing.
 */
async function payBack(
  context: Context,
  refund: Refund,
  transaction: Transaction,
): Promise<{ outcome: Outcome | null; accepted: boolean; gatewayMs: number | null }> {
  const named = await context.gateways.named(transaction.gateway);
  if (named.kind !== 'configured') {
    const { gateway: name } = transaction;
    if (named.kind === 'unreachable') logUnknownAccount(context, name, named, refund.refundId);
    else context.log('error', 'gateway.not_configured', { gateway: name, id: refund.refundId });
    return { outcome: NEVER_HAPPENED, accepted: false, gatewayMs: null };
  }
  const { gateway } = named;
  const deadlineMs = context.settings.gatewayTimeoutMs;
  const call = { gateway, call: 'refund', id: refund.refundId, deadlineMs } as const;
  const { answer, gatewayMs } = await moveMoneyNow(context, call, (signal) =>
    gateway.refund({ refund, transaction, signal }),
  );
  return { outcome: outcomeOfRefund(answer), accepted: isAccepted(answer), gatewayMs };
}

/** Writes the outcome. Money may have moved, so whatever prevents that leaves the outcome unknown, never an error. */
async function recordOutcome(
  context: Context,
  reserved: Refund,
  result: Outcome,
  gatewayMs: number | null,
): Promise<RefundAnswer> {
  try {
    const { refund, transaction, event, lookUp } = await recordRefund(context, reserved, result, gatewayMs);
    return ended(refund, transaction, { event, replayed: false, lookUp });
  } catch (error) {
    context.log('warn', 'refund.not_recorded', { refund_id: reserved.refundId, ...errorFields(error) });
    return pending(context, reserved, false);
  }
}

/** By the row, and not by the answer of this gateway call: another attempt may have resolved the refund before. */
function ended(
  refund: Refund,
  transaction: Transaction,
  { event, replayed, lookUp }: { event: PaymentEvent | null; replayed: boolean; lookUp: DueLookUp | null },
): RefundAnswer {
  if (refund.status === 'failed' || refund.status === 'reversed') return { kind: 'failed', refund, replayed, lookUp };
  return { kind: 'completed', refund, transaction, event, replayed };
}

function pending(context: Context, refund: Refund, accepted: boolean): RefundAnswer {
  context.log('warn', 'refund.pending', { refund_id: refund.refundId, transaction_id: refund.transactionId });
  const lookUp = { id: refund.refundId, atMs: refund.nextLookupAtMs ?? context.nowMs() };
  return { kind: 'pending', refund, lookUp, accepted };
}

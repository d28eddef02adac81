/**
 * A payment: claim the booking, charge, record what came of it. Each step is durable before the next one begins, and
 * safe to repeat. Where the process dies after one of them, this is in the ledger, and this continues it:
 *
 * 1. `claimBooking`: a pending row, whose look-up has a date. Recovery asks the gateway about it.
 * 2. the gateway's charge: the same row, and perhaps a charge under its id. Recovery finds it.
 * 3. `recordPaymentOutcome`: the outcome and its event. The sweep sends the event.
 *
 * A payment whose payer has to authenticate, or whose money is only held, ends later: its row says in place of an outcome what it waits
 * for, and until when.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { PaymentMethod, PaymentRequest } from '../../contract/requests.ts';
import { askForPermit, type Permit, release } from '../circuit-breaker.ts';
import type { Context } from '../context.ts';
import type { Outcome, Transaction } from '../domain/transaction.ts';
import type { Authorized, Challenged, ChargeRequest, Gateway, Instrument } from '../gateways/gateway.ts';
import { findTransaction } from '../ledger/payments/find-payment.ts';
import { keepIntent } from '../ledger/payments/keep-intent.ts';
import { errorFields } from '../log.ts';
import type { DueLookUp } from '../outbox/queue-message.ts';
import { isAccepted, moveMoneyNow, type TimedAnswer } from '../outcomes/ask-gateway.ts';
import { outcomeOfPayment } from '../outcomes/decided-outcome.ts';
import { loggedPayment } from '../outcomes/logged-payment.ts';
import { type HowPaymentEnded, recordPayment } from '../outcomes/record-payment.ts';
import { recordAuthorization, recordChallenge } from '../outcomes/record-substate.ts';
import { answerByRow, ended } from './answer-by-row.ts';
import { refusedForOrder } from './claim-order.ts';
import { claimPayment } from './claim-payment.ts';
import { passedOn, readInstrument } from './read-instrument.ts';
import { keyClaim, paymentIdentity } from './replay.ts';
import { declinesOf } from './velocity-check.ts';

/** How a request to pay ended. */
export type PaymentAnswer =
  /** What is recorded comes with its row, an outcome with the event that is to be sent. */
  | {
      kind: 'completed' | 'failed';
      transaction: Transaction;
      event: PaymentEvent | null;
      /** Whether this was the answer to an earlier request with the same key. */
      replayed: boolean;
      /** The refund of a charge that turned up late: it is to be sent at once. */
      lookUp: DueLookUp | null;
    }
  /** The payer has to authenticate or approve at `actionUrl`, which is relative where it is a page of this service. */
  | ({ kind: 'challenged'; actionUrl: string } & Waiting)
  /** The money is held, and not yet taken. */
  | ({ kind: 'authorized' } & Waiting)
  /** There is no outcome yet. `accepted`: the provider is processing the payment; else that is unknown. */
  | { kind: 'pending'; transaction: Transaction; lookUp: DueLookUp; accepted: boolean }
  /** The booking has a pending or completed payment, or the PayPal order has paid for something else: `standing`, null where it is another tenant's. */
  | { kind: 'duplicate'; standing: Transaction | null; isOfSameUser: boolean }
  /** The booking was paid by a payment that has left for the archive. */
  | { kind: 'paid_by_archived' }
  /** An earlier request with the same key has no outcome yet. */
  | { kind: 'in_progress'; transaction: Transaction }
  /** The key belongs to another request. */
  | { kind: 'key_reused' }
  /** Nothing was recorded. */
  | { kind: 'invalid_amount' }
  | { kind: 'raw_card' }
  | { kind: 'method_disabled' | 'holds_not_supported'; method: PaymentMethod }
  | { kind: 'gateway_down'; retryAfterMs: number }
  /** The database takes nothing new. */
  | { kind: 'ledger_full' }
  /** The gateway does not accept the configured key. */
  | { kind: 'gateway_not_configured' }
  /** A card, a user or a place has tried too often. */
  | { kind: 'too_many'; retryAfterMs: number };

/** Of a payment that waits: no event reports it, and the cron looks it up when its time is over. */
interface Waiting {
  transaction: Transaction;
  event: null;
  lookUp: null;
  replayed: boolean;
}

/**
 * Processes a payment of the contract's `/payment/process`.
 *
 * @param amount a decimal literal: the digits as they were sent, without the error of a caller's floating-point arithmetic
 * @param idempotencyKey null where the request came without one
 * @throws LedgerUnavailable where not even the claim could be written: the gateway has not been called
 */
export async function processPayment(
  context: Context,
  request: PaymentRequest,
  amount: string,
  idempotencyKey: string | null = null,
): Promise<PaymentAnswer> {
  const gateway = context.gateways.forMethod(request.payment_method);
  const instrument = readInstrument(request, gateway);
  const key = await keyClaim(context, '/payment/process', idempotencyKey, paymentIdentity(request, amount));
  // Where there is nothing to charge, the gateway is not asked.
  const isCharged = gateway !== null && instrument.kind !== 'invalid';
  const breaker = isCharged ? context.breakersOf(gateway.name).charge : null;
  const permit: Permit = breaker === null ? { kind: 'free' } : askForPermit(breaker, context.nowMs());
  // Released where it leads to no call.
  const releasePermit = () => breaker !== null && release(breaker, permit);

  const claimed = await claimPayment(context, { request, amount, gateway, permit, instrument, key }).catch(
    (error: unknown) => {
      releasePermit();
      throw error;
    },
  );
  if (claimed.kind !== 'claimed') {
    releasePermit();
    return claimed;
  }
  const { transaction, returnUrl, counts } = claimed;
  if (instrument.kind === 'invalid') {
    return recordOutcome(context, transaction, { status: 'failed', failure: instrument.failure });
  }
  const passed = { ...passedOn(request), returnUrl };
  const refusal = await refusedForOrder(context, transaction);
  const { answer, gatewayMs } =
    refusal === null
      ? await charge(context, claimed.gateway, transaction, instrument, passed)
      : { answer: refusal, gatewayMs: null };
  const outcome = outcomeOfPayment(transaction, answer);
  if (outcome !== null) {
    const declineOf = answer.kind === 'declined' ? declinesOf(counts) : [];
    return recordOutcome(context, transaction, outcome, { declineOf, gatewayMs });
  }
  const isOptedIn = transaction.captureMethod === 'manual' || returnUrl !== null;
  if (isOptedIn && (answer.kind === 'challenged' || answer.kind === 'authorized')) {
    return recordWait(context, transaction, answer, gatewayMs);
  }
  if (answer.kind === 'unknown' && answer.intent !== undefined) await keep(context, transaction, answer.intent);
  return pending(context, transaction, isAccepted(answer));
}

/** Writes the outcome. Money may have moved, so whatever prevents that leaves the outcome unknown, never an error. */
async function recordOutcome(
  context: Context,
  claimed: Transaction,
  result: Outcome,
  how: HowPaymentEnded = {},
): Promise<PaymentAnswer> {
  try {
    const { transaction, event, lateRefund } = await recordPayment(context, claimed, result, how);
    if (transaction.status === 'pending') return pending(context, transaction, false);
    const lookUp = lateRefund && { id: lateRefund.refundId, atMs: context.nowMs() };
    return { ...ended(transaction), event, replayed: false, lookUp };
  } catch (error) {
    context.log('warn', 'payment.not_recorded', { transaction_id: claimed.transactionId, ...errorFields(error) });
    return pending(context, claimed, false);
  }
}

/** Writes that the payment waits. What prevents that leaves the outcome unknown, and the look-up finds what it waits for. */
async function recordWait(
  context: Context,
  claimed: Transaction,
  answer: Authorized | Challenged,
  gatewayMs: number | null,
): Promise<PaymentAnswer> {
  try {
    const transaction =
      answer.kind === 'authorized'
        ? await recordAuthorization(context, claimed, answer, gatewayMs)
        : await recordChallenge(context, claimed, answer, gatewayMs);
    const byRow = await answerByRow(context, transaction, false);
    return byRow.kind === 'in_progress' ? pending(context, transaction, false) : byRow;
  } catch (error) {
    context.log('warn', 'payment.not_recorded', { transaction_id: claimed.transactionId, ...errorFields(error) });
    return pending(context, claimed, false);
  }
}

function pending(context: Context, transaction: Transaction, accepted: boolean): PaymentAnswer {
  context.log('warn', 'payment.pending', loggedPayment(transaction));
  const atMs = transaction.nextLookupAtMs ?? context.nowMs();
  return { kind: 'pending', transaction, lookUp: { id: transaction.transactionId, atMs }, accepted };
}

function charge(
  context: Context,
  gateway: Gateway,
  transaction: Transaction,
  instrument: Instrument,
  passedOn: Pick<ChargeRequest, 'returnUrl' | 'statementDescriptorSuffix' | 'receiptEmail'>,
): Promise<TimedAnswer> {
  const { transactionId: id } = transaction;
  const deadlineMs = context.settings.gatewayTimeoutMs;
  const call = { gateway, call: 'charge', id, deadlineMs } as const;
  const isOfSameBooking = (otherId: string) => isAttemptOf(context, transaction, otherId);
  return moveMoneyNow(context, call, (signal) =>
    gateway.charge({ transaction, instrument, ...passedOn, signal, deadlineMs, isOfSameBooking }),
  );
}

/** Whether another transaction is an attempt to pay the same booking; null where the ledger does not answer. */
async function isAttemptOf(
  { db, log }: Context,
  { tenant, bookingId, transactionId }: Transaction,
  otherId: string,
): Promise<boolean | null> {
  try {
    return (await findTransaction(db, tenant, otherId))?.bookingId === bookingId;
  } catch (error) {
    log('warn', 'payment.attempt_not_found', {
      transaction_id: transactionId,
      other_id: otherId,
      ...errorFields(error),
    });
    return null;
  }
}

/** So that the look-up need not search. Without it, the look-up finds the charge by the transaction's id. */
async function keep({ db, log }: Context, { transactionId }: Transaction, intent: string): Promise<void> {
  try {
    await keepIntent(db, transactionId, intent);
  } catch (error) {
    log('warn', 'payment.intent_not_kept', { transaction_id: transactionId, ...errorFields(error) });
  }
}

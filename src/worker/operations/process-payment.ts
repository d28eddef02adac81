/**
 * A payment: claim the booking, charge, record what came of it. Each step is durable before the next one begins, and
 * safe to repeat. Where the process dies after one of them, this is what stands, and who goes on:
 *
 * 1. `claimBooking`: a pending row, whose look-up has a date. `settle` asks the gateway about it.
 * 2. the gateway's charge: the same row, and perhaps a charge under its id. `settle` finds it.
 * 3. `recordPaymentOutcome`: the outcome and its event. The sweep sends the event.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { PaymentMethod, PaymentRequest } from '../../contract/requests.ts';
import { type Card, readCard } from '../../payments/card.ts';
import { type Failure, failure } from '../../payments/failure.ts';
import { minorUnits } from '../../payments/money.ts';
import type { Outcome, Transaction } from '../../payments/transaction.ts';
import { askForPassage, giveBack, type Passage } from '../gateways/circuit-breaker.ts';
import type { Instrument } from '../gateways/gateway.ts';
import type { KeyClaim } from '../ledger/idempotency.ts';
import { type Claim, claimBooking, findKeyedTransaction } from '../ledger/transactions.ts';
import { errorFields } from '../log.ts';
import { moveMoneyNow, outcomeOf } from './ask-gateway.ts';
import type { OperationContext } from './context.ts';
import { isSameRequest, keyClaim, paymentIdentity } from './idempotency.ts';
import { firstLookUpAtMs, type Settle } from './look-up-schedule.ts';
import { recordPayment } from './record-payment.ts';

/** How a request to pay ended. */
export type PaymentAnswer =
  /** What is recorded comes with its row, an outcome with the event that is to be sent. */
  | {
      kind: 'completed' | 'failed';
      transaction: Transaction;
      event: PaymentEvent | null;
      /** Whether this was the answer to an earlier request with the same key. */
      replayed: boolean;
      /** The refund of a charge that turned up late: it is to be settled at once. */
      settle: Settle | null;
    }
  /** The outcome is not known yet. */
  | { kind: 'pending'; transaction: Transaction; settle: Settle }
  /** The booking has a payment that is under way or stands: this one. */
  | { kind: 'duplicate'; standing: Transaction }
  /** An earlier request with the same key has no outcome yet. */
  | { kind: 'in_progress'; transaction: Transaction }
  /** The key stands for another request. */
  | { kind: 'key_reused' }
  /** Nothing was recorded. */
  | { kind: 'invalid_amount' }
  | { kind: 'method_disabled'; method: PaymentMethod }
  | { kind: 'gateway_down'; retryAfterMs: number };

/**
 * Processes a payment of the contract's `/payment/process`.
 *
 * @param amount the digits of the amount as they were sent
 * @param idempotencyKey null where the request came without one
 * @throws LedgerUnavailable where not even the claim could be written: the gateway has not been called
 */
export async function processPayment(
  context: OperationContext,
  request: PaymentRequest,
  amount: string,
  idempotencyKey: string | null = null,
): Promise<PaymentAnswer> {
  const { settings, gateway, log } = context;
  const amountMinor = minorUnits(amount, settings.currency);
  const instrument = readInstrument(request);
  const key = await keyClaim(context, '/payment/process', idempotencyKey, paymentIdentity(request, amount));
  // Where there is nothing to charge, nobody is asked.
  const passage: Passage =
    'code' in instrument ? { kind: 'free' } : askForPassage(context.breakers.charge, context.nowMs());

  const refusal = refusalOf(context, request, amountMinor, passage);
  if (refusal !== null || amountMinor === null) {
    // What stands under the key outranks all that settings and the gateway's health say by now.
    const known = key === null ? null : await findKeyedTransaction(context.db, key, context.nowMs());
    giveBack(context.breakers.charge, passage);
    if (known !== null) return answerReplay(context, known, key);
    log('info', 'payment.refused', { booking_id: request.booking_id, reason: refusal?.kind });
    return refusal ?? { kind: 'invalid_amount' };
  }

  const transactionId = context.newId('TXN-');
  const claim = await claimBooking(
    context.db,
    {
      transactionId,
      tenant: context.tenant,
      bookingId: request.booking_id,
      userId: request.user_id,
      userEmail: request.user_email || request.paypal_details?.email || null,
      currency: settings.currency,
      amountMinor,
      paymentMethod: request.payment_method,
      ...keptOfCard(instrument),
      gateway: gateway.name,
      createdAtMs: context.nowMs(),
      nextLookupAtMs: firstLookUpAtMs(context),
    },
    key,
  );
  if (claim.kind !== 'claimed') giveBack(context.breakers.charge, passage);
  if (claim.kind === 'replayed') return answerReplay(context, claim, key);
  if (claim.kind === 'duplicate') {
    log('info', 'payment.duplicate', { booking_id: request.booking_id, transaction_id: claim.standing.transactionId });
    return claim;
  }
  const { transaction } = claim;
  log('info', 'payment.attempted', {
    transaction_id: transactionId,
    booking_id: request.booking_id,
    amount_minor: amountMinor,
    currency: settings.currency,
    payment_method: request.payment_method,
  });

  const outcome = await charge(context, transaction, instrument);
  if (outcome === null) return pending(context, transaction);
  return recordOutcome(context, transaction, outcome);
}

/** Why nothing is claimed, or null. */
function refusalOf(
  { settings, gateway }: OperationContext,
  { payment_method: method }: PaymentRequest,
  amountMinor: number | null,
  passage: Passage,
): Extract<PaymentAnswer, { kind: 'invalid_amount' | 'method_disabled' | 'gateway_down' }> | null {
  if (amountMinor === null || amountMinor > settings.maxAmountMinor) return { kind: 'invalid_amount' };
  if (!gateway.methods.includes(method)) return { kind: 'method_disabled', method };
  return passage.kind === 'refused' ? { kind: 'gateway_down', retryAfterMs: passage.retryAfterMs } : null;
}

/** The answer that an earlier request with this key got, or would get now, rendered from its row. */
function answerReplay(
  { log }: OperationContext,
  { fingerprint, transaction }: Extract<Claim, { kind: 'replayed' }>,
  key: KeyClaim | null,
): PaymentAnswer {
  log('info', 'payment.replayed', { transaction_id: transaction.transactionId, status: transaction.status });
  if (key === null || !isSameRequest(fingerprint, key.fingerprint)) return { kind: 'key_reused' };
  if (transaction.status === 'pending') return { kind: 'in_progress', transaction };
  return { ...ended(transaction), event: null, replayed: true, settle: null };
}

/** Writes the outcome. Money may have moved, so whatever prevents that leaves the outcome unknown, never an error. */
async function recordOutcome(context: OperationContext, claimed: Transaction, result: Outcome): Promise<PaymentAnswer> {
  try {
    const { transaction, event, lateRefund } = await recordPayment(context, claimed, result);
    const settle = lateRefund && { id: lateRefund.refundId, atMs: context.nowMs() };
    return { ...ended(transaction), event, replayed: false, settle };
  } catch (error) {
    context.log('warn', 'payment.not_recorded', { transaction_id: claimed.transactionId, ...errorFields(error) });
    return pending(context, claimed);
  }
}

function ended(transaction: Transaction) {
  return { kind: transaction.errorCode === null ? ('completed' as const) : ('failed' as const), transaction };
}

function pending(context: OperationContext, transaction: Transaction): PaymentAnswer {
  context.log('warn', 'payment.pending', {
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
  });
  const atMs = transaction.nextLookupAtMs ?? context.nowMs();
  return { kind: 'pending', transaction, settle: { id: transaction.transactionId, atMs } };
}

/** Asks the gateway, unless it is plain that there is nothing to charge; null is an unknown outcome. */
async function charge(
  context: OperationContext,
  transaction: Transaction,
  instrument: Instrument | Failure,
): Promise<Outcome | null> {
  if ('code' in instrument) return { status: 'failed', failure: instrument };
  const { gateway, settings } = context;
  const { transactionId: id } = transaction;
  const call = { gateway, call: 'charge', id, deadlineMs: settings.gatewayTimeoutMs } as const;
  const answer = await moveMoneyNow(context, call, (signal) => gateway.charge({ transaction, instrument, signal }));
  return outcomeOf('charge', answer);
}

/** What there is to charge, or why there is nothing. The contract's schema lets the details be left out. */
function readInstrument(request: PaymentRequest): Instrument | Failure {
  if (request.payment_method === 'paypal') {
    const paypal = request.paypal_details;
    if (!paypal) return failure('PAYMENT_FAILED', 'PayPal details are required');
    return { kind: 'paypal', email: paypal.email, paymentId: paypal.payment_id };
  }
  const card = request.card_details ? readCard(request.card_details) : null;
  return card === null ? failure('INVALID_CARD') : { kind: 'card', card };
}

/** All of a card that is ever written down (invariant 5). */
function keptOfCard(instrument: Instrument | Failure): { cardBrand: string | null; cardLast4: string | null } {
  const card: Card | null = 'card' in instrument ? instrument.card : null;
  return { cardBrand: card?.brand ?? null, cardLast4: card?.last4 ?? null };
}

/**
 * A payment: claim the booking, charge, record what came of it. Each step is durable before the next one begins, and
 * safe to repeat. Where the process dies after one of them, this is in the ledger, and this continues it:
 *
 * 1. `claimBooking`: a pending row, whose look-up has a date. Recovery asks the gateway about it.
 * 2. the gateway's charge: the same row, and perhaps a charge under its id. Recovery finds it.
 * 3. `recordPaymentOutcome`: the outcome and its event. The sweep sends the event.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { PaymentMethod, PaymentRequest } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import { minorUnits } from '../domain/money.ts';
import type { Outcome, Transaction } from '../domain/transaction.ts';
import { askForPermit, type Permit, release } from '../gateways/circuit-breaker.ts';
import type { Gateway, GatewayOutcome, Instrument } from '../gateways/gateway.ts';
import type { KeyClaim } from '../ledger/idempotency-keys/claim-key.ts';
import { claimBooking } from '../ledger/payments/claim-booking.ts';
import { findKeyedTransaction, findTransaction, type ReplayedPayment } from '../ledger/payments/find-payment.ts';
import { keepIntent } from '../ledger/payments/keep-intent.ts';
import type { VelocityCount } from '../ledger/velocity/count-attempt.ts';
import { errorFields } from '../log.ts';
import type { DueLookUp } from '../outbox/queue-message.ts';
import { isAccepted, logUnknownAccount, moveMoneyNow } from '../outcomes/ask-gateway.ts';
import { outcomeOf } from '../outcomes/decided-outcome.ts';
import { firstLookUpAtMs } from '../outcomes/look-up-schedule.ts';
import { recordPayment } from '../outcomes/record-payment.ts';
import { type InvalidInstrument, keptOfCard, passedOn, readInstrument } from './read-instrument.ts';
import { isSameRequest, keyClaim, paymentIdentity } from './replay.ts';
import { countsOf, declinesOf } from './velocity-check.ts';

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
  /** There is no outcome yet. `accepted`: the provider is processing the payment; else that is unknown. */
  | { kind: 'pending'; transaction: Transaction; lookUp: DueLookUp; accepted: boolean }
  /** The booking has a pending or completed payment, or the PayPal order has paid for something else: `standing`, null where it is another tenant's. */
  | { kind: 'duplicate'; standing: Transaction | null }
  /** An earlier request with the same key has no outcome yet. */
  | { kind: 'in_progress'; transaction: Transaction }
  /** The key belongs to another request. */
  | { kind: 'key_reused' }
  /** Nothing was recorded. */
  | { kind: 'invalid_amount' }
  | { kind: 'raw_card' }
  | { kind: 'method_disabled'; method: PaymentMethod }
  | { kind: 'gateway_down'; retryAfterMs: number }
  /** The gateway does not accept the configured key. */
  | { kind: 'gateway_not_configured' }
  /** A card, a user or a place has tried too often. */
  | { kind: 'too_many'; retryAfterMs: number };

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
  const instrument = readInstrument(request);
  const key = await keyClaim(context, '/payment/process', idempotencyKey, paymentIdentity(request, amount));
  // Where there is nothing to charge, the gateway is not asked.
  const isCharged = gateway !== null && instrument.kind !== 'invalid';
  const breaker = isCharged ? context.breakersOf(gateway.name).charge : null;
  const permit: Permit = breaker === null ? { kind: 'free' } : askForPermit(breaker, context.nowMs());
  // Released where it leads to no call.
  const releasePermit = () => breaker !== null && release(breaker, permit);

  const claimed = await claim(context, { request, amount, gateway, permit, instrument, key }).catch(
    (error: unknown) => {
      releasePermit();
      throw error;
    },
  );
  if (claimed.kind !== 'claimed') {
    releasePermit();
    return claimed;
  }
  const { transaction, counts } = claimed;
  if (instrument.kind === 'invalid') {
    return recordOutcome(context, transaction, { status: 'failed', failure: instrument.failure });
  }
  const answer = await charge(context, claimed.gateway, transaction, instrument, request);
  const outcome = outcomeOf('charge', answer);
  if (outcome !== null) {
    return recordOutcome(context, transaction, outcome, answer.kind === 'declined' ? declinesOf(counts) : []);
  }
  if (answer.kind === 'unknown' && answer.intent !== undefined) await keep(context, transaction, answer.intent);
  return pending(context, transaction, isAccepted(answer));
}

interface Attempt {
  request: PaymentRequest;
  /** As it was sent. */
  amount: string;
  gateway: Gateway | null;
  permit: Permit;
  instrument: Instrument | InvalidInstrument;
  key: KeyClaim | null;
}

interface Claimed {
  kind: 'claimed';
  transaction: Transaction;
  gateway: Gateway;
  /** What the attempt counts towards. */
  counts: VelocityCount[];
}

/** Makes the booking's live payment this attempt, or answers why not. */
async function claim(context: Context, attempt: Attempt): Promise<Claimed | PaymentAnswer> {
  const { request, instrument, key } = attempt;
  const { settings, log, db } = context;
  const ready = await readyToClaim(context, attempt);
  if (ready.kind !== 'ready') {
    // An earlier answer under the key outranks the settings and the gateway's health of now.
    const known = key === null ? null : await findKeyedTransaction(db, key, context.nowMs());
    if (known !== null) return answerReplay(context, known, key);
    log('info', 'payment.refused', { booking_id: request.booking_id, reason: ready.kind });
    return ready;
  }
  const { gateway, amountMinor } = ready;
  // Without a card there is nothing to try out, and such attempts must not lock anybody out.
  const counts = instrument.kind === 'invalid' ? [] : await countsOf(context, request, instrument);
  const claimed = await claimBooking(
    db,
    {
      transactionId: context.newId('TXN-'),
      tenant: context.tenant,
      bookingId: request.booking_id,
      userId: request.user_id,
      userEmail: request.user_email || request.paypal_details?.email || null,
      currency: settings.currency,
      amountMinor,
      paymentMethod: request.payment_method,
      ...keptOfCard(instrument),
      gateway: ready.gatewayName,
      gatewayIntent: instrument.kind === 'invalid' ? null : (gateway.intentOf?.(instrument) ?? null),
      createdAtMs: context.nowMs(),
      nextLookupAtMs: firstLookUpAtMs(context),
    },
    key,
    counts,
  );
  switch (claimed.kind) {
    case 'replayed':
      return answerReplay(context, claimed, key);
    case 'duplicate': {
      const { standing } = claimed;
      log('info', 'payment.duplicate', { booking_id: request.booking_id, transaction_id: standing?.transactionId });
      return claimed;
    }
    case 'too_many':
      log('warn', 'payment.too_many', { booking_id: request.booking_id, of: claimed.subject.split(':')[0] });
      return { kind: 'too_many', retryAfterMs: claimed.untilMs - context.nowMs() };
    case 'claimed': {
      const { transaction } = claimed;
      log('info', 'payment.attempted', {
        transaction_id: transaction.transactionId,
        booking_id: request.booking_id,
        amount_minor: transaction.amountMinor,
        currency: settings.currency,
        payment_method: request.payment_method,
        gateway: transaction.gateway,
      });
      return { kind: 'claimed', transaction, gateway, counts };
    }
  }
}

/** After a provider could not say whose account its key is of. */
const ACCOUNT_RETRY_MS = 5_000;

/** What a claim needs, or why nothing is claimed. */
async function readyToClaim(
  context: Context,
  { request, amount, gateway, permit }: Attempt,
): Promise<
  | { kind: 'ready'; amountMinor: number; gateway: Gateway; gatewayName: string }
  | Extract<
      PaymentAnswer,
      { kind: 'raw_card' | 'invalid_amount' | 'method_disabled' | 'gateway_down' | 'gateway_not_configured' }
    >
> {
  const { settings, gateways } = context;
  if (request.card_details && !settings.rawCardsAllowed) return { kind: 'raw_card' };
  const amountMinor = minorUnits(amount, settings.currency);
  if (amountMinor === null || amountMinor > settings.maxAmountMinor) return { kind: 'invalid_amount' };
  if (gateway === null) return { kind: 'method_disabled', method: request.payment_method };
  if (permit.kind === 'refused') return { kind: 'gateway_down', retryAfterMs: permit.retryAfterMs };
  const named = await gateways.nameInLedger(gateway);
  if (named.kind === 'named') return { kind: 'ready', amountMinor, gateway, gatewayName: named.name };
  logUnknownAccount(context, gateway.name, named);
  return named.cause === 'gateway_not_configured'
    ? { kind: 'gateway_not_configured' }
    : { kind: 'gateway_down', retryAfterMs: ACCOUNT_RETRY_MS };
}

/** The answer that an earlier request with this key got, or would get now, rendered from its row. */
function answerReplay(
  { log }: Context,
  { fingerprint, transaction }: ReplayedPayment,
  key: KeyClaim | null,
): PaymentAnswer {
  log('info', 'payment.replayed', { transaction_id: transaction.transactionId, status: transaction.status });
  if (key === null || !isSameRequest(fingerprint, key.fingerprint)) return { kind: 'key_reused' };
  if (transaction.status === 'pending') return { kind: 'in_progress', transaction };
  return { ...ended(transaction), event: null, replayed: true, lookUp: null };
}

/** Writes the outcome. Money may have moved, so whatever prevents that leaves the outcome unknown, never an error. */
async function recordOutcome(
  context: Context,
  claimed: Transaction,
  result: Outcome,
  declineOf: readonly VelocityCount[] = [],
): Promise<PaymentAnswer> {
  try {
    const { transaction, event, lateRefund } = await recordPayment(context, claimed, result, declineOf);
    const lookUp = lateRefund && { id: lateRefund.refundId, atMs: context.nowMs() };
    return { ...ended(transaction), event, replayed: false, lookUp };
  } catch (error) {
    context.log('warn', 'payment.not_recorded', { transaction_id: claimed.transactionId, ...errorFields(error) });
    return pending(context, claimed, false);
  }
}

function ended(transaction: Transaction) {
  return { kind: transaction.errorCode === null ? ('completed' as const) : ('failed' as const), transaction };
}

function pending(context: Context, transaction: Transaction, accepted: boolean): PaymentAnswer {
  context.log('warn', 'payment.pending', {
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
  });
  const atMs = transaction.nextLookupAtMs ?? context.nowMs();
  return { kind: 'pending', transaction, lookUp: { id: transaction.transactionId, atMs }, accepted };
}

function charge(
  context: Context,
  gateway: Gateway,
  transaction: Transaction,
  instrument: Instrument,
  request: PaymentRequest,
): Promise<GatewayOutcome> {
  const { transactionId: id } = transaction;
  const deadlineMs = context.settings.gatewayTimeoutMs;
  const call = { gateway, call: 'charge', id, deadlineMs } as const;
  const isOfSameBooking = (otherId: string) => isAttemptOf(context, transaction, otherId);
  return moveMoneyNow(context, call, (signal) =>
    gateway.charge({ transaction, instrument, ...passedOn(request), signal, deadlineMs, isOfSameBooking }),
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

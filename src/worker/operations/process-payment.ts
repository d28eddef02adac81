/**
 * A payment: claim the booking, charge, record what came of it. Each step is durable before the next one begins, and
 * safe to repeat.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { PaymentMethod, PaymentRequest } from '../../contract/requests.ts';
import { type Card, readCard } from '../../payments/card.ts';
import { paymentEvent } from '../../payments/event.ts';
import { type Failure, failure } from '../../payments/failure.ts';
import { minorUnits } from '../../payments/money.ts';
import type { Outcome, Transaction } from '../../payments/transaction.ts';
import type { Instrument } from '../gateways/gateway.ts';
import { claimBooking, recordPaymentOutcome } from '../ledger/transactions.ts';
import { errorFields } from '../log.ts';
import { askGateway, firstLookupAtMs } from './ask-gateway.ts';
import type { OperationContext } from './context.ts';

/** How a request to pay ended. What is recorded comes with its row, and an outcome with the event that is to be sent. */
export type PaymentAnswer =
  | { kind: 'completed' | 'failed'; transaction: Transaction; event: PaymentEvent | null }
  /** The outcome is not known yet. */
  | { kind: 'pending'; transaction: Transaction }
  /** The booking has a payment that is under way or stands: this one. */
  | { kind: 'duplicate'; standing: Transaction }
  /** Nothing was recorded. */
  | { kind: 'invalid_amount' }
  | { kind: 'method_disabled'; method: PaymentMethod };

/**
 * Processes a payment of the contract's `/payment/process`.
 *
 * @param amount the digits of the amount as they were sent
 * @throws LedgerUnavailable where not even the claim could be written: the gateway has not been called
 */
export async function processPayment(
  context: OperationContext,
  request: PaymentRequest,
  amount: string,
): Promise<PaymentAnswer> {
  const { settings, gateway, log } = context;
  const amountMinor = minorUnits(amount, settings.currency);
  if (amountMinor === null || amountMinor > settings.maxAmountMinor) {
    log('info', 'payment.refused', { booking_id: request.booking_id, reason: 'invalid_amount' });
    return { kind: 'invalid_amount' };
  }
  if (!gateway.methods.includes(request.payment_method)) {
    log('info', 'payment.refused', { booking_id: request.booking_id, reason: 'method_disabled' });
    return { kind: 'method_disabled', method: request.payment_method };
  }
  const instrument = readInstrument(request);

  const transactionId = context.newId('TXN-');
  const standing = await claimBooking(context.db, {
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
    nextLookupAtMs: firstLookupAtMs(context),
  });
  if (standing.transactionId !== transactionId) {
    log('info', 'payment.duplicate', { booking_id: request.booking_id, transaction_id: standing.transactionId });
    return { kind: 'duplicate', standing };
  }
  log('info', 'payment.attempted', {
    transaction_id: transactionId,
    booking_id: request.booking_id,
    amount_minor: amountMinor,
    currency: settings.currency,
    payment_method: request.payment_method,
  });

  const result = await charge(context, standing, instrument);
  if (result === null) return pending(context, standing);
  return settlePayment(context, standing, result);
}

/** Writes the outcome. Money may have moved, so whatever prevents that leaves the outcome unknown, never an error. */
async function settlePayment(context: OperationContext, claimed: Transaction, result: Outcome): Promise<PaymentAnswer> {
  const eventId = context.newId('evt_');
  const processedAtMs = context.nowMs();
  let recorded: { transaction: Transaction; told: boolean };
  try {
    recorded = await recordPaymentOutcome(context.db, {
      transactionId: claimed.transactionId,
      eventId,
      result,
      processedAtMs,
    });
  } catch (error) {
    context.log('error', 'payment.not_recorded', { transaction_id: claimed.transactionId, ...errorFields(error) });
    return pending(context, claimed);
  }

  const { transaction, told } = recorded;
  context.log('info', transaction.errorCode === null ? 'payment.completed' : 'payment.failed', {
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
    error_code: transaction.errorCode,
    duration_ms: processedAtMs - transaction.createdAtMs,
  });
  const event = told ? paymentEvent(eventId, processedAtMs, transaction) : null;
  return { kind: transaction.errorCode === null ? 'completed' : 'failed', transaction, event };
}

function pending(context: OperationContext, transaction: Transaction): PaymentAnswer {
  context.log('warn', 'payment.pending', {
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
  });
  return { kind: 'pending', transaction };
}

/** Asks the gateway, unless it is plain that there is nothing to charge; null is an unknown outcome. */
async function charge(
  context: OperationContext,
  transaction: Transaction,
  instrument: Instrument | Failure,
): Promise<Outcome | null> {
  if ('code' in instrument) return { status: 'failed', failure: instrument };
  return askGateway(context, 'charge', transaction.transactionId, (signal) =>
    context.gateway.charge({ transaction, instrument, signal }),
  );
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

/**
 * A refund: reserve the amount, pay it back, book it or give the reservation back. Each step is durable before the next
 * one begins, and safe to repeat.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { RefundRequest } from '../../contract/requests.ts';
import { refundEvent } from '../../payments/event.ts';
import { minorUnits } from '../../payments/money.ts';
import type { Outcome, Refund, Transaction } from '../../payments/transaction.ts';
import { recordRefundOutcome, reserveRefund } from '../ledger/refunds.ts';
import { findTransaction } from '../ledger/transactions.ts';
import { errorFields } from '../log.ts';
import { askGateway, firstLookupAtMs } from './ask-gateway.ts';
import type { OperationContext } from './context.ts';

/** How a request to refund ended. */
export type RefundAnswer =
  | { kind: 'completed'; refund: Refund; transaction: Transaction; event: PaymentEvent | null }
  /** The gateway did not pay it back; the amount can be refunded again. No event: the contract has none. */
  | { kind: 'failed'; refund: Refund }
  /** The outcome is not known yet; the amount stays reserved. */
  | { kind: 'pending'; refund: Refund }
  | { kind: 'not_allowed'; reason: string }
  | { kind: 'not_found' }
  | { kind: 'invalid_amount' };

/**
 * Processes a refund of the contract's `/payment/refund`.
 *
 * @param amount the digits of the amount as they were sent
 * @throws LedgerUnavailable where not even the reservation could be written: the gateway has not been called
 */
export async function refundPayment(
  context: OperationContext,
  request: RefundRequest,
  amount: string,
): Promise<RefundAnswer> {
  const { log } = context;
  const reserved = await reserve(context, request, amount);
  if (!('refund' in reserved)) {
    log('info', 'refund.refused', { transaction_id: request.original_transaction_id, outcome: reserved.kind });
    return reserved;
  }
  const { refund, transaction } = reserved;
  log('info', 'refund.requested', {
    refund_id: refund.refundId,
    transaction_id: transaction.transactionId,
    booking_id: transaction.bookingId,
    amount_minor: refund.amountMinor,
  });

  const outcome = await askGateway(context, 'refund', refund.refundId, (signal) =>
    context.gateway.refund({ refund, transaction, signal }),
  );
  if (outcome === null) return pending(context, refund);
  return settleRefund(context, refund, outcome);
}

type Refusal = Exclude<RefundAnswer, { refund: Refund }>;
type Reservation = { refund: Refund; transaction: Transaction };

/**
 * Reserves the amount in the payment's own currency. That is nearly always the configured one, which saves a look at
 * the payment first; where it is not, the payment that came back with the refusal says which one it is.
 */
async function reserve(
  context: OperationContext,
  request: RefundRequest,
  amount: string,
): Promise<Reservation | Refusal> {
  const { currency } = context.settings;
  const { transaction, ...first } = await reserveIn(currency, context, request, amount);
  if (transaction === null || transaction.currency === currency) return first.answer;
  return (await reserveIn(transaction.currency, context, request, amount)).answer;
}

/** Reads the amount in a currency and reserves it, if that is the payment's. */
async function reserveIn(
  currency: string,
  context: OperationContext,
  request: RefundRequest,
  amount: string,
): Promise<{ answer: Reservation | Refusal; transaction: Transaction | null }> {
  const { db, tenant } = context;
  const transactionId = request.original_transaction_id;
  const amountMinor = minorUnits(amount, currency);
  if (amountMinor === null) {
    return { answer: { kind: 'invalid_amount' }, transaction: await findTransaction(db, tenant, transactionId) };
  }
  const { refund, transaction } = await reserveRefund(db, {
    refundId: context.newId('REF-'),
    tenant,
    transactionId,
    bookingId: request.booking_id,
    userId: request.user_id,
    currency,
    amountMinor,
    reason: request.reason,
    createdAtMs: context.nowMs(),
    nextLookupAtMs: firstLookupAtMs(context),
  });
  if (transaction === null) return { answer: { kind: 'not_found' }, transaction };
  if (refund === null) return { answer: { kind: 'not_allowed', reason: refusal(request, transaction) }, transaction };
  return { answer: { refund, transaction }, transaction };
}

/** Why the payment as it stands does not allow the refund. */
function refusal(request: RefundRequest, transaction: Transaction): string {
  if (transaction.bookingId !== request.booking_id) return 'The transaction belongs to another booking';
  if (transaction.userId !== request.user_id) return 'The transaction belongs to another user';
  if (transaction.status === 'refunded') return 'The payment has been refunded already';
  if (transaction.status !== 'completed') return `The payment is ${transaction.status}`;
  return 'The amount exceeds what is left to refund';
}

/** Writes the outcome. Money may have moved, so whatever prevents that leaves the outcome unknown, never an error. */
async function settleRefund(context: OperationContext, reserved: Refund, result: Outcome): Promise<RefundAnswer> {
  const eventId = context.newId('evt_');
  const processedAtMs = context.nowMs();
  let recorded: { refund: Refund; transaction: Transaction; told: boolean };
  try {
    recorded = await recordRefundOutcome(context.db, { refund: reserved, eventId, result, processedAtMs });
  } catch (error) {
    context.log('error', 'refund.not_recorded', { refund_id: reserved.refundId, ...errorFields(error) });
    return pending(context, reserved);
  }

  const { refund, transaction, told } = recorded;
  context.log('info', `refund.${refund.status}`, {
    refund_id: refund.refundId,
    transaction_id: transaction.transactionId,
    error_code: refund.errorCode,
    duration_ms: processedAtMs - refund.createdAtMs,
  });
  // The row that stands, and not what this gateway call said: another one may have settled the refund before.
  if (refund.status === 'failed') return { kind: 'failed', refund };
  const event = told ? refundEvent(eventId, processedAtMs, transaction, refund) : null;
  return { kind: 'completed', refund, transaction, event };
}

function pending(context: OperationContext, refund: Refund): RefundAnswer {
  context.log('warn', 'refund.pending', { refund_id: refund.refundId, transaction_id: refund.transactionId });
  return { kind: 'pending', refund };
}

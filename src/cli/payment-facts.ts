/** What a person should see of a payment before its money moves. */
import { isoSeconds } from '../core/domain/timestamp.ts';
import { isAuthorized, refundableMinor, type Transaction } from '../core/domain/transaction.ts';
import { DEFAULT_TENANT } from '../core/security/credential.ts';
import { moneyText } from './output-of-payments.ts';

export function paymentFacts(transaction: Transaction): (readonly [string, string])[] {
  const { transactionId, bookingId, tenant, paymentMethod, cardBrand, cardLast4, gateway } = transaction;
  const card = cardLast4 === null ? '' : `, ${[cardBrand, cardLast4].filter(Boolean).join(' ')}`;
  return [
    ['payment', transactionId],
    ['booking', bookingId],
    ...(tenant === DEFAULT_TENANT ? [] : [['organisation', tenant] as const]),
    ['amount', amountText(transaction)],
    ['method', `${paymentMethod}${card}`],
    ['gateway', gateway],
    ['status', statusText(transaction)],
  ];
}

function amountText(transaction: Transaction): string {
  const { amountMinor, currency, refundedMinor, reservedMinor } = transaction;
  const amount = moneyText(amountMinor, currency);
  if (refundedMinor + reservedMinor === 0) return amount;
  const reserved = reservedMinor > 0 ? `, ${moneyText(reservedMinor, currency)} in pending refunds` : '';
  return `${amount}: ${moneyText(refundedMinor, currency)} refunded${reserved}, ${moneyText(refundableMinor(transaction), currency)} left`;
}

function statusText(transaction: Transaction): string {
  const { status, substate, expiresAtMs, processedAtMs, errorCode, step } = transaction;
  if (status !== 'pending') {
    const when = processedAtMs === null ? '' : ` at ${isoSeconds(processedAtMs)}`;
    return `${status}${when}${errorCode === null ? '' : ` (${errorCode})`}`;
  }
  const until = expiresAtMs === null ? '' : ` until ${isoSeconds(expiresAtMs)}`;
  if (isAuthorized(transaction)) return `held${until}, and not captured`;
  if (step !== null) return `pending: ${STEPS[step]}`;
  return substate === 'challenged' ? `waits for its payer${until}` : 'pending';
}

const STEPS = {
  authorize: 'its money is being held',
  capture: 'it is being captured',
  void: 'it is being voided',
  expire: 'its time is over, and it is being ended',
} as const;

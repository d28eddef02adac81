/** How commands print a payment. */
import { decimalText } from '../core/domain/money.ts';
import { shownStatus, type Transaction } from '../core/domain/transaction.ts';
import { inSnakeCase } from './output.ts';

export function moneyText(amountMinor: number, currency: string): string {
  return `${decimalText(amountMinor, currency)} ${currency}`;
}

export function shownAmount({ amountMinor, refundedMinor, currency }: Transaction): string {
  const amount = moneyText(amountMinor, currency);
  return refundedMinor === 0 ? amount : `${amount}, ${decimalText(refundedMinor, currency)} refunded`;
}

/** Without what is stored encrypted. */
export function forPrograms(payment: Transaction): unknown {
  const { sealedEmail, sealedActionUrl, sealedReturnUrl, status, ...rest } = payment;
  return inSnakeCase({ status: shownStatus(payment), ...rest });
}

/** Amounts as PayPal writes them. */
import { decimalText, minorUnits } from '../../domain/money.ts';
import type { Transaction } from '../../domain/transaction.ts';
import type { Schemas } from './paypal-client.ts';

/** Currencies that PayPal takes without the decimals that ISO 4217 gives them. */
const WITHOUT_DECIMALS = new Set(['HUF', 'TWD']);

/** PayPal's money for an amount in minor units; null where PayPal has fewer decimals than the amount. */
export function paypalMoney(amountMinor: number, currency: string): Schemas['money'] | null {
  const text = decimalText(amountMinor, currency);
  if (!WITHOUT_DECIMALS.has(currency)) return { currency_code: currency, value: text };
  const [whole = '', fraction = ''] = text.split('.');
  return /^0*$/.test(fraction) ? { currency_code: currency, value: whole } : null;
}

export function isAmountOf(money: Schemas['money'] | undefined, { amountMinor, currency }: Transaction): boolean {
  return money?.currency_code === currency && minorUnits(money.value, currency) === amountMinor;
}

/** Amounts as people read and type them. Decimals are the service's, because browsers leave out those of some currencies. */
import { UNUSUAL_EXPONENTS } from '../../contract/currency.ts';
import { LOCALE } from './format.ts';

function decimalsOf(currency: string): number {
  return UNUSUAL_EXPONENTS.get(currency) ?? 2;
}

/** With the currency: `$25.50`. */
export function amountText(amount: number, currency: string): string {
  const digits = decimalsOf(currency);
  try {
    return new Intl.NumberFormat(LOCALE, {
      style: 'currency',
      currency,
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(amount);
  } catch {
    return `${amount.toFixed(digits)} ${currency}`;
  }
}

export type TypedAmount = { kind: 'amount'; amount: number } | { kind: 'wrong'; why: string };

const DECIMAL = /^(\d{1,12})(?:\.(\d*))?$/;

/**
 * An amount as it was typed, in the major unit.
 *
 * @param max the most that it may be, in the same unit
 */
export function readAmount(typed: string, currency: string, max: number): TypedAmount {
  const text = typed.trim();
  const decimals = decimalsOf(currency);
  const wrong = (why: string): TypedAmount => ({ kind: 'wrong', why });
  if (text === '') return wrong('Enter an amount.');
  if (text.includes(',')) return wrong(`Write the amount without commas, with a point before the decimals: 1234.50.`);
  const [, whole, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (whole === undefined) return wrong('Enter an amount such as 12.50, without a currency sign.');
  if (fraction.length > decimals) {
    return wrong(decimals === 0 ? `${currency} has no decimals.` : `${currency} has ${decimals} decimals at most.`);
  }
  const minor = Number(whole + fraction.padEnd(decimals, '0'));
  if (minor === 0) return wrong('Enter an amount above zero.');
  if (minor > Math.round(max * 10 ** decimals)) {
    return wrong(`At most ${amountText(max, currency)} can be refunded.`);
  }
  return { kind: 'amount', amount: Number(text) };
}

/** For an amount field: `25.50`. */
export function plainAmount(amount: number, currency: string): string {
  return amount.toFixed(decimalsOf(currency));
}

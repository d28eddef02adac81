/** PayPal's amounts: decimal strings, of the currencies that it has. */

const CURRENCIES = new Set(
  'AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD'.split(' '),
);
const WITHOUT_DECIMALS = new Set(['HUF', 'JPY', 'TWD']);
const LARGEST_MINOR = 99_999_999_999_999;

export interface Money {
  currency_code: string;
  value: string;
}

export type MoneyProblem =
  | 'INVALID_CURRENCY_CODE'
  | 'DECIMALS_NOT_SUPPORTED'
  | 'DECIMAL_PRECISION'
  | 'CANNOT_BE_ZERO_OR_NEGATIVE'
  | 'MAX_VALUE_EXCEEDED';

export type MoneyReading = { kind: 'valid'; minor: number } | { kind: 'invalid'; problem: MoneyProblem };

/** In the currency's smallest unit. */
export function readMoney({ currency_code: currency, value }: Money): MoneyReading {
  if (!CURRENCIES.has(currency)) return invalid('INVALID_CURRENCY_CODE');
  const [whole = '', decimals = ''] = value.split('.');
  const most = decimalsOf(currency);
  if (decimals.length > most) return invalid(most === 0 ? 'DECIMALS_NOT_SUPPORTED' : 'DECIMAL_PRECISION');
  const minor = Number(`${whole}${decimals.padEnd(most, '0')}`);
  if (minor <= 0) return invalid('CANNOT_BE_ZERO_OR_NEGATIVE');
  return minor > LARGEST_MINOR ? invalid('MAX_VALUE_EXCEEDED') : { kind: 'valid', minor };
}

function invalid(problem: MoneyProblem): MoneyReading {
  return { kind: 'invalid', problem };
}

export function showMoney(minor: number, currency: string): Money {
  const decimals = decimalsOf(currency);
  return { currency_code: currency, value: (minor / 10 ** decimals).toFixed(decimals) };
}

function decimalsOf(currency: string): number {
  return WITHOUT_DECIMALS.has(currency) ? 0 : 2;
}

/**
 * Money is integers in the currency's minor unit (invariant 7). A caller's amount is judged on the digits that were
 * sent, never on a rounded number: 25.505 dollars are refused, 25.500 dollars are 2550 cents. Only the error of a caller's
 * own floating-point arithmetic is taken off: see `withoutFloatError`.
 */
import { UNUSUAL_EXPONENTS } from '../../contract/currency.ts';

const HUNDREDTH_CURRENCIES = new Set(
  `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE
   CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
   KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB
   PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY
   TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`.split(/\s+/),
);

/** Decimals of a currency, or null for a code that is not an ISO 4217 currency in use. */
export function currencyExponent(currency: string): number | null {
  return UNUSUAL_EXPONENTS.get(currency) ?? (HUNDREDTH_CURRENCIES.has(currency) ? 2 : null);
}

/** A double, and with it a JSON number, holds every integer of so many digits exactly. */
const SAFE_DIGITS = 15;

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/**
 * The minor units of a decimal literal, or null where it is not a payable amount: zero, negative, finer
 * than the currency's minor unit, beyond 15 digits, or no number at all. Exact: no value is ever rounded.
 */
export function minorUnits(literal: string, currency: string): number | null {
  const exponent = currencyExponent(currency);
  const match = DECIMAL.exec(literal.trim());
  if (exponent === null || match === null) return null;
  const [, sign, whole = '', fraction = '', power = '0'] = match;

  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = withoutTrailingZeros(digits);
  if (sign === '-' || significant === '') return null;

  // The amount is `significant` × 10^scale minor units.
  const scale = digits.length - significant.length - fraction.length + Number(power) + exponent;
  if (scale < 0 || significant.length + scale > SAFE_DIGITS) return null;
  return Number(significant + '0'.repeat(scale));
}

/** The finest minor unit of any currency here is a thousandth. */
const MAX_EXPONENT = 3;
/** Results of floating-point arithmetic print at least so many significant digits. What people type has fewer. */
const FLOAT_MIN_DIGITS = 15;
/** A billionth of a major unit. It is less than a hundredth of every currency's minor unit. */
const FLOAT_ERROR_DECIMALS = 9;

/**
 * The amount that a caller meant who computes in floating point: `3 * 8.1` arrives as 24.299999999999997 and is 24.3. A literal
 * of 15 or more significant digits within 1e-9 of an exact amount above 0 becomes that amount. Every other literal is
 * returned as it is, for `minorUnits` to judge.
 *
 * Only for amounts that callers send: settings and providers write exact decimals.
 */
export function withoutFloatError(literal: string): string {
  const match = DECIMAL.exec(literal.trim());
  if (match === null) return literal;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = withoutTrailingZeros(digits);
  if (sign === '-' || significant.length < FLOAT_MIN_DIGITS) return literal;

  // So many of the significant digits are thousandths, and the rest is what has to be close to 0 or to 1.
  const pointAt = digits.length - fraction.length + Number(power) + MAX_EXPONENT;
  if (!(pointAt >= 0 && pointAt < significant.length && pointAt <= SAFE_DIGITS + MAX_EXPONENT)) return literal;
  const rest = significant.slice(pointAt);
  const decimals = FLOAT_ERROR_DECIMALS - MAX_EXPONENT;
  const isJustBelow = rest.startsWith('9'.repeat(decimals));
  const isJustAbove = rest.startsWith('0'.repeat(decimals)) || rest === '1'.padStart(decimals, '0');
  if (!isJustBelow && !isJustAbove) return literal;
  const thousandths = BigInt(significant.slice(0, pointAt)) + (isJustBelow ? 1n : 0n);
  return thousandths === 0n ? literal : `${thousandths}e-${MAX_EXPONENT}`;
}

/** Not by an expression, which would take quadratic time over zeros that are not at the end. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}

/** The contract's decimal number for an amount in minor units: the double nearest to it, which prints its digits. */
export function decimalAmount(amountMinor: number, currency: string): number {
  const exponent = currencyExponent(currency);
  if (exponent === null) throw new Error(`an amount was recorded in ${currency}, which is not a currency`);
  return amountMinor / 10 ** exponent;
}

/** The same as text with all the decimals that the currency has: `25.50`. */
export function decimalText(amountMinor: number, currency: string): string {
  const exponent = currencyExponent(currency);
  if (exponent === null) throw new Error(`an amount was recorded in ${currency}, which is not a currency`);
  if (exponent === 0) return String(amountMinor);
  const digits = String(amountMinor).padStart(exponent + 1, '0');
  return `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

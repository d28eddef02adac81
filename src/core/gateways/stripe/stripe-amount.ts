/**
 * Stripe counts in a currency's smallest unit as ISO 4217 has it, with exceptions (docs.stripe.com/currencies): two currencies
 * without decimals are counted in hundredths all the same, one with decimals is not, and thousandths end in a zero.
 */
import { currencyExponent } from '../../domain/money.ts';

/** Of Stripe's unit, where that is not the currency's own. */
const STRIPE_EXPONENTS: ReadonlyMap<string, number> = new Map([
  ['ISK', 2],
  ['UGX', 2],
  ['MGA', 0],
]);

/** Stripe's integer for an amount in minor units; null where Stripe can't charge it to the last digit. */
export function stripeAmount(amountMinor: number, currency: string): number | null {
  const shift = shiftOf(currency);
  if (shift === null) return null;
  const amount = shift >= 0 ? amountMinor * 10 ** shift : amountMinor / 10 ** -shift;
  const thousandths = currencyExponent(currency) === 3;
  if (!Number.isSafeInteger(amount) || (thousandths && amount % 10 !== 0)) return null;
  return amount;
}

/** The minor units of Stripe's integer; null where the currency is unknown here. */
export function minorUnitsOfStripe(amount: number, currency: string): number | null {
  const shift = shiftOf(currency.toUpperCase());
  if (shift === null) return null;
  const amountMinor = shift >= 0 ? amount / 10 ** shift : amount * 10 ** -shift;
  return Number.isSafeInteger(amountMinor) ? amountMinor : null;
}

/** Decimal places by which Stripe's number is longer than ours. */
function shiftOf(currency: string): number | null {
  const exponent = currencyExponent(currency);
  return exponent === null ? null : (STRIPE_EXPONENTS.get(currency) ?? exponent) - exponent;
}

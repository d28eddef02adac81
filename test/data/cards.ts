import { Redacted } from '../../src/contract/redacted.ts';
import type { CardDetails } from '../../src/core/domain/card.ts';
import type { CardData } from './card-search.ts';

/** Every card number that a test sends. None of them may be found in what the service keeps (invariant 5). */
export const TEST_CARDS = {
  visa: '4111111111111111',
  visaDeclined: '4000000000000002',
  mastercard: '5555555555554444',
  amex: '378282246310005',
  insufficientFunds: '4000000000009995',
  expired: '4000000000000069',
  invalid: '4000000000000127',
  gatewayFails: '4000000000000119',
  answersLate: '4000000000000408',
  neverArrives: '4000000000000507',
  discover: '6011111111111117',
  badCheckDigit: '4111111111111112',
} as const;

/** The security code of `CARD` in test/worker/request.ts: three digits that no other value of a test has. */
/** Of these the bank wants the payer to authenticate, in the sandbox as at Stripe. */
export const AUTHENTICATION_CARDS = ['4000002500003155', '4000000000003220'] as const;

export const TEST_CVV = '739';

/** The year in which it expires. */
export const TEST_EXPIRY_YEAR = '2047';

/** What no test may leave behind. */
export const FIXED_CARDS: CardData = {
  numbers: [...Object.values(TEST_CARDS), ...AUTHENTICATION_CARDS],
  cvvs: [TEST_CVV],
  expiryYears: [TEST_EXPIRY_YEAR],
  words: [],
};

/** White space and dashes as people type and paste them, and characters that nobody sees. */
export const SEPARATORS = [
  ...[' ', '-', '\n', '\t', '\r\n', '\u0085', '\u00a0', '\u2003', '\u2007', '\u2009', '\u2028', '\u202f', '\u3000'],
  ...['\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2015', '\u2212', '\ufe63', '\uff0d'],
  ...['\u00ad', '\u200b', '\u200e', '\u2060', '\ufeff'],
];

export function fullWidth(digits: string): string {
  return digits.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));
}

/** The number in groups of four and as American Express prints it, with each separator and without, also in full width. */
export function spellings(number: string): string[] {
  const groups = [number.match(/.{1,4}/g) ?? [], [number.slice(0, 4), number.slice(4, 10), number.slice(10)]];
  const spelled = [number, ...groups.flatMap((parts) => SEPARATORS.map((separator) => parts.join(separator)))];
  return [...spelled, `\n ${number}\u00a0`, ...spelled.map(fullWidth)];
}

export type PlainDetails = Record<keyof CardDetails, string>;

/** Card details as validation hands them on. */
export function redactedDetails(details: PlainDetails): CardDetails {
  return {
    card_number: new Redacted(details.card_number),
    expiry_month: new Redacted(details.expiry_month),
    expiry_year: new Redacted(details.expiry_year),
    cvv: new Redacted(details.cvv),
    cardholder_name: new Redacted(details.cardholder_name),
  };
}

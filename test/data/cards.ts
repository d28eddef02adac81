import { Redacted } from '../../src/contract/redacted.ts';
import type { CardDetails } from '../../src/payments/card.ts';
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
export const TEST_CVV = '739';

/** The year in which it expires. */
export const TEST_EXPIRY_YEAR = '2047';

/** What no test may leave behind. */
export const FIXED_CARDS: CardData = {
  numbers: Object.values(TEST_CARDS),
  cvvs: [TEST_CVV],
  expiryYears: [TEST_EXPIRY_YEAR],
  words: [],
};

/** The number as it stands, and in groups of four and as American Express prints it, with spaces and with dashes. */
export function spellings(number: string): string[] {
  const groups = [number.match(/.{1,4}/g) ?? [], [number.slice(0, 4), number.slice(4, 10), number.slice(10)]];
  return [number, ...groups.flatMap((parts) => [parts.join(' '), parts.join('-')])];
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

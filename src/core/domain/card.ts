/**
 * What can be said of a card without asking anybody: whether it is a card at all, its brand and its last four digits.
 * Whether it has expired is the gateway's to say, by the gateway's date.
 */
import { Redacted } from '../../contract/redacted.ts';
import { trimmed } from '../../contract/typed-text.ts';
import { brandOf } from './card-brand.ts';

/** Card details as the contract has them, in a caller's spelling. */
export interface CardDetails {
  card_number: Redacted<string>;
  expiry_month: Redacted<string>;
  expiry_year: Redacted<string>;
  cvv: Redacted<string>;
  cardholder_name: Redacted<string>;
}

/** A card that may be sent to a gateway. Never stored, logged or queued (invariant 5). */
export interface Card {
  /** Digits only. */
  number: Redacted<string>;
  /** 1 to 12. */
  expiryMonth: Redacted<number>;
  /** Four digits. */
  expiryYear: Redacted<number>;
  cvv: Redacted<string>;
  cardholderName: Redacted<string>;
  /** `visa`, `mastercard`, `american-express`, … or `unknown`. */
  brand: string;
  last4: string;
}

const CARDHOLDER_MAX_LENGTH = 255;
/** ISO/IEC 7812: at most 19 digits; shorter ones than 12, and such that begin with 0, are not issued. */
const CARD_NUMBER = /^[1-9]\d{11,18}$/;

/**
 * The card that the details describe, or null where they describe none: wrong length, bad check digit, a CVV that the
 * brand does not have, or a date that is not one. Blanks around a field, spaces and dashes of any kind between the digits of the
 * number, and full-width digits are a habit, not an error.
 */
export function readCard(details: CardDetails): Card | null {
  const number = cardNumber(details.card_number.reveal());
  if (!CARD_NUMBER.test(number) || !passesLuhn(number)) return null;
  // Half of a surrogate pair can't be sent to anybody, and no card has so long a name on it.
  const name = trimmed(details.cardholder_name.reveal());
  if (!name.isWellFormed() || name.length > CARDHOLDER_MAX_LENGTH) return null;

  const brand = brandOf(number);
  // American Express prints four digits on the front and three on the back; callers send either.
  const cvvPattern = brand === 'american-express' ? /^\d{3,4}$/ : /^\d{3}$/;
  const cvv = typedDigits(details.cvv.reveal());
  if (!cvvPattern.test(cvv)) return null;

  const month = readMonth(details.expiry_month.reveal());
  const year = readYear(details.expiry_year.reveal());
  if (month === null || year === null) return null;

  return {
    number: new Redacted(number),
    expiryMonth: new Redacted(month),
    expiryYear: new Redacted(year),
    cvv: new Redacted(cvv),
    cardholderName: new Redacted(name),
    brand,
    last4: number.slice(-4),
  };
}

/**
 * What makes it the same card, however it is spelled, and also where the details describe none. The spelling is the contract's:
 * digits only, two for the month and four for the year.
 */
export function cardIdentity(details: CardDetails): Redacted<string>[] {
  const [writtenMonth, writtenYear] = [details.expiry_month.reveal(), details.expiry_year.reveal()];
  const [month, year] = [readMonth(writtenMonth), readYear(writtenYear)];
  return [
    cardNumber(details.card_number.reveal()),
    month === null ? trimmed(writtenMonth) : String(month).padStart(2, '0'),
    year === null ? trimmed(writtenYear) : String(year),
    trimmed(details.cardholder_name.reveal()),
  ].map((part) => new Redacted(part));
}

/** Whether the card had expired in that month, 1 to 12, of that year: it is good to the end of the month that is printed on it. */
export function hasExpired(card: Card, { year, month }: { year: number; month: number }): boolean {
  return card.expiryYear.reveal() * 12 + card.expiryMonth.reveal() < year * 12 + month;
}

/** 1 to 12, from `1`, `01` or `12`. */
function readMonth(written: string): number | null {
  const month = /^(0?[1-9]|1[0-2])$/.exec(typedDigits(written));
  return month === null ? null : Number(month[1]);
}

/** 2000 to 2099, from `26` or `2026`. */
function readYear(written: string): number | null {
  const year = /^(?:20)?(\d{2})$/.exec(typedDigits(written));
  return year === null ? null : 2000 + Number(year[1]);
}

/** Without what groups the digits: white space and dashes of any kind, and what nobody sees. */
function cardNumber(written: string): string {
  return asciiDigits(written.replace(/[\p{White_Space}\p{Dash}\p{Format}]/gu, ''));
}

function typedDigits(written: string): string {
  return asciiDigits(trimmed(written));
}

/** Full-width digits are those of Chinese, Japanese and Korean keyboards. */
function asciiDigits(text: string): string {
  const offset = '０'.charCodeAt(0) - '0'.charCodeAt(0);
  return text.replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - offset));
}

/** ISO/IEC 7812-1 annex B, the check digit of card numbers. */
export function passesLuhn(number: string): boolean {
  let sum = 0;
  for (let position = 0; position < number.length; position += 1) {
    const digit = Number(number[number.length - 1 - position]);
    const weighted = position % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

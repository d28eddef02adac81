/**
 * What can be said of a card without asking anybody: whether it is a card at all, its brand and its last four digits.
 * Whether it has expired is the gateway's to say, by the gateway's date.
 */
import creditCardType from 'credit-card-type';

/** Card details as the contract has them, in a caller's spelling. */
export interface CardDetails {
  card_number: string;
  expiry_month: string;
  expiry_year: string;
  cvv: string;
  cardholder_name: string;
}

/** A card that may be sent to a gateway. Never stored, logged or queued (invariant 5). */
export interface Card {
  number: string;
  /** 1 to 12. */
  expiryMonth: number;
  /** Four digits. */
  expiryYear: number;
  cvv: string;
  cardholderName: string;
  /** `visa`, `mastercard`, `american-express`, … or `unknown`. */
  brand: string;
  last4: string;
}

const CARDHOLDER_MAX_LENGTH = 255;
/** ISO/IEC 7812: at most 19 digits; shorter numbers than 12 are not issued. */
const CARD_NUMBER = /^\d{12,19}$/;

/**
 * The card that the details describe, or null where they describe none: wrong length, bad check digit, a CVV that the
 * brand does not have, or a date that is not one. Spaces and dashes between digits are a habit, not an error.
 */
export function readCard(details: CardDetails): Card | null {
  const number = details.card_number.replace(/[ -]/g, '');
  if (!CARD_NUMBER.test(number) || !passesLuhn(number)) return null;
  // Half of a surrogate pair can't be sent to anybody, and no card has so long a name on it.
  const { cardholder_name: name } = details;
  if (!name.isWellFormed() || name.length > CARDHOLDER_MAX_LENGTH) return null;

  const brand = creditCardType(number)[0]?.type ?? 'unknown';
  // American Express prints four digits on the front and three on the back; callers send either.
  const cvvPattern = brand === 'american-express' ? /^\d{3,4}$/ : /^\d{3}$/;
  if (!cvvPattern.test(details.cvv)) return null;

  const month = /^(0?[1-9]|1[0-2])$/.exec(details.expiry_month);
  const year = /^(?:20)?(\d{2})$/.exec(details.expiry_year);
  if (month === null || year === null) return null;

  return {
    number,
    expiryMonth: Number(month[1]),
    expiryYear: 2000 + Number(year[1]),
    cvv: details.cvv,
    cardholderName: name,
    brand,
    last4: number.slice(-4),
  };
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

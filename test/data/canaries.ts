/** Cards that nobody has: each is random, so that it stands for itself wherever it turns up. */
import { passesLuhn } from '../../src/core/domain/card.ts';
import type { CardData } from './card-search.ts';
import { type PlainDetails, TEST_CARDS } from './cards.ts';

/** How the numbers of the brands begin, how long they are, and how long their security codes are. */
const BRANDS = [
  { prefixes: ['4'], lengths: [13, 16, 19], cvvLength: 3 }, // Visa
  { prefixes: ['51', '55', '2221', '2720'], lengths: [16], cvvLength: 3 }, // Mastercard
  { prefixes: ['34', '37'], lengths: [15], cvvLength: 4 }, // American Express
  { prefixes: ['6011', '65'], lengths: [16, 19], cvvLength: 3 }, // Discover
  { prefixes: ['300', '305', '36', '38'], lengths: [14], cvvLength: 3 }, // Diners Club
  { prefixes: ['3528', '3589'], lengths: [16, 17, 18, 19], cvvLength: 3 }, // JCB
  { prefixes: ['6223', '6250'], lengths: [16, 17, 18, 19], cvvLength: 3 }, // UnionPay
  { prefixes: ['5018', '6304'], lengths: [13, 14, 15, 16, 17, 18, 19], cvvLength: 3 }, // Maestro
];

/** Nobody's clock, no amount and no page has them: 2040 to 2099. */
const FIRST_EXPIRY_YEAR = 2040;
const EXPIRY_YEARS = 60;
/** What a caller is told in three digits, statuses and limits; and four digits begin as no last four of these cards do. */
const NO_CVV = /^[1-5]0\d$|^[^9]...$/;
const NO_LAST_FOUR = /[29]...$/;
const WORD_LENGTH = 10;

export interface Canaries {
  /** Card details that a gateway could charge, with a name that has the word in it. */
  next(): PlainDetails;
  /** In all names of these cards, and nowhere else. */
  readonly word: string;
  /** All that `next` has given so far, for a search. */
  sent(): CardData;
}

export function createCanaries(): Canaries {
  const word = randomText('bcdfghjklmnpqrstvwxz', WORD_LENGTH);
  const given: PlainDetails[] = [];
  return {
    word,
    next() {
      const { prefixes, lengths, cvvLength } = randomOf(BRANDS);
      const card = {
        card_number: newNumber(randomOf(prefixes), randomOf(lengths)),
        expiry_month: String(1 + randomBelow(12)).padStart(2, '0'),
        expiry_year: String(FIRST_EXPIRY_YEAR + randomBelow(EXPIRY_YEARS)),
        cvv: newCvv(cvvLength),
        cardholder_name: `${word} ${randomText('AEIOU', 6)}`,
      };
      given.push(card);
      return card;
    },
    sent: () => ({
      // Who takes a number for a number may round it.
      numbers: [...new Set(given.flatMap((card) => [card.card_number, String(Number(card.card_number))]))],
      cvvs: given.map(({ cvv }) => cvv),
      expiryYears: given.map(({ expiry_year }) => expiry_year),
      words: [word],
    }),
  };
}

/** Valid by its check digit, and never one that a provider knows as a test's. */
function newNumber(prefix: string, length: number): string {
  const digits = prefix + randomText('0123456789', length - prefix.length - 1);
  const number = [...'0123456789'].map((check) => digits + check).find(passesLuhn);
  if (number === undefined) throw new Error('no check digit fits');
  const isUsable = !Object.values<string>(TEST_CARDS).includes(number) && !NO_LAST_FOUR.test(number);
  return isUsable ? number : newNumber(prefix, length);
}

function newCvv(length: number): string {
  const cvv = randomText('0123456789', length);
  return NO_CVV.test(cvv) ? newCvv(length) : cvv;
}

function randomText(alphabet: string, length: number): string {
  return Array.from({ length }, () => randomOf([...alphabet])).join('');
}

function randomOf<T>(choices: readonly T[]): T {
  return choices[randomBelow(choices.length)] as T;
}

function randomBelow(limit: number): number {
  return Math.floor(Math.random() * limit);
}

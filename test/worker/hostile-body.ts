/** Bodies around those that the service takes: whole, with fields that can't be, and damaged on the way. */
import fc from 'fast-check';
import { BODY_MAX_BYTES } from '../../src/worker/http/middleware/json-body.ts';
import { spellings, TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';
import { MARKER } from './bad-bodies.ts';
import { anyAmount, anyJson, anyText } from './hostile-text.ts';

/** How it is sent: chunks come one after the other, and `broken` are those after which the connection breaks. */
export type Body = { text: string } | { bytes: number[] } | { chunks: string[] } | { broken: string[] };

export interface Written {
  text: string;
  /** What of it no answer and no log line may repeat. */
  secrets: string[];
}

export interface KnownPayment {
  transaction_id: string;
  booking_id: string;
}

/** The sandbox never answers for the others, or answers 502 as it should. */
const CARD_NUMBERS = [
  ...[TEST_CARDS.visa, TEST_CARDS.mastercard, TEST_CARDS.amex, TEST_CARDS.visaDeclined, TEST_CARDS.insufficientFunds],
  ...[TEST_CARDS.expired, TEST_CARDS.invalid, TEST_CARDS.discover, TEST_CARDS.badCheckDigit],
];

const quoted = (text: string) => JSON.stringify(text);
const anyOf = (...texts: string[]) => fc.constantFrom(...texts.map(quoted));

/** Mostly as it should be, at times of another type, and at times not there. */
const field = (usual: fc.Arbitrary<string | null>): fc.Arbitrary<string | null> =>
  fc.oneof(
    { weight: 50, arbitrary: usual },
    { weight: 3, arbitrary: anyJson },
    { weight: 1, arbitrary: fc.constant(null) },
  );

const seldom = (usual: fc.Arbitrary<string>): fc.Arbitrary<string | null> =>
  fc.oneof({ withCrossShrink: true }, { weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: usual });

/** As deep as a body can be: deeper than the stack of whatever looks into it once more. */
const DEEP = `"deep":${'['.repeat(7000)}${']'.repeat(7000)}`;

/** Members that any body may have beside its own. */
const anyStrays = fc.oneof(
  { weight: 40, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.constant([DEEP]) },
  {
    weight: 8,
    arbitrary: fc.subarray([
      ...['"__proto__":{"amount":1}', '"__proto__":null', '"constructor":{"prototype":{"amount":1}}', '"toString":1'],
      ...[
        '"hasOwnProperty":null',
        '"":0',
        '"\\u0000":0',
        '"\\ud800":[]',
        '"transaction_id":"TXN-1"',
        '"status":"completed"',
      ],
    ]),
  },
);

function written(members: Record<string, string | null>, strays: readonly string[] = []): string {
  const present = Object.entries(members).filter(([, json]) => json !== null);
  return `{${[...present.map(([name, json]) => `${quoted(name)}:${json}`), ...strays].join(',')}}`;
}

const oddlySpelled = (number: string) => [
  ...spellings(number),
  ...[` ${number}`, `${number}\u00a0`, [...number].join('\u200b'), number.replaceAll('1', '１'), `${number}\0`],
];

const anyCard = fc.record({
  card_number: field(
    fc.oneof(
      { weight: 8, arbitrary: anyOf(TEST_CARDS.visa, TEST_CARDS.mastercard, TEST_CARDS.amex) },
      { weight: 2, arbitrary: anyOf(...CARD_NUMBERS) },
      { weight: 2, arbitrary: fc.constantFrom(...CARD_NUMBERS).chain((number) => anyOf(...oddlySpelled(number))) },
      { weight: 1, arbitrary: fc.constantFrom(...CARD_NUMBERS) },
    ),
  ),
  expiry_month: field(anyOf('12', '01', '1')),
  expiry_year: field(anyOf(TEST_EXPIRY_YEAR)),
  cvv: field(fc.oneof({ weight: 9, arbitrary: anyOf(TEST_CVV) }, { weight: 1, arbitrary: fc.constant(TEST_CVV) })),
  cardholder_name: field(anyText.map((text) => quoted(MARKER + text))),
});

/** Whatever of a card could be recognized: its holder, and digits that stand for nothing else. */
function secretsOf(card: Record<string, string | null>): string[] {
  return Object.values(card).flatMap((json) => {
    if (json === null) return [];
    if (json.includes(MARKER)) return [MARKER];
    const digits = json.replace(/\D/g, '');
    if (digits.length >= 12 && digits.length <= 19) return [json.replace(/^"|"$/g, ''), digits];
    return digits.length >= 3 && json === quoted(digits) ? [json] : [];
  });
}

const aUser = anyOf(...Array.from({ length: 40 }, (_, number) => `user_${number}`));
const aBooking = fc.oneof(
  { weight: 9, arbitrary: fc.nat(10 ** 9).map((number) => quoted(`BOOK-H${number}`)) },
  { weight: 1, arbitrary: anyText.map(quoted) },
);

function payments(known: readonly KnownPayment[]): fc.Arbitrary<Written> {
  const rest = fc.record({
    user_id: field(aUser),
    booking_id: field(
      fc.oneof(
        { weight: 9, arbitrary: aBooking },
        { weight: 2, arbitrary: fc.constantFrom(...known).map(({ booking_id }) => quoted(booking_id)) },
      ),
    ),
    amount: field(anyAmount),
    payment_method: field(anyOf(...Array(6).fill('credit_card'), 'debit_card', 'debit_card', 'paypal', 'stripe')),
    payment_method_token: seldom(anyOf('tok_visa', 'tok_card_declined', '', '__proto__')),
    paypal_details: seldom(
      fc.record({ email: field(anyText.map(quoted)), payment_id: field(anyText.map(quoted)) }).map(written),
    ),
    user_email: seldom(fc.oneof(anyOf('user@example.com'), anyText.map(quoted))),
  });
  const details = anyCard.map((card) => ({ json: written(card), secrets: secretsOf(card) }));
  const noDetails = field(fc.constant(null)).map((json) => ({ json, secrets: [] }));
  const anyDetails = fc.oneof({ weight: 12, arbitrary: details }, { weight: 1, arbitrary: noDetails });
  return fc.tuple(rest, anyDetails, anyStrays).map(([members, { json, secrets }, strays]) => ({
    text: written({ ...members, card_details: json }, strays),
    secrets,
  }));
}

function refunds(known: readonly KnownPayment[]): fc.Arbitrary<Written> {
  return fc.constantFrom(...known).chain(({ transaction_id, booking_id }) =>
    fc
      .record({
        booking_id: field(fc.oneof({ weight: 9, arbitrary: anyOf(booking_id) }, { weight: 1, arbitrary: aBooking })),
        original_transaction_id: field(
          anyOf(...Array(9).fill(transaction_id), transaction_id.toLowerCase(), `${transaction_id}0`, 'TXN-456789'),
        ),
        refund_amount: field(
          fc.oneof({ weight: 12, arbitrary: fc.constant('0.01') }, { weight: 1, arbitrary: anyAmount }),
        ),
        reason: field(fc.oneof(anyOf('Customer cancellation', 'a\n\tb'), anyText.map(quoted))),
        user_id: field(aUser),
      })
      .chain((members) => anyStrays.map((strays) => ({ text: written(members, strays), secrets: [] }))),
  );
}

const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const utf16 = (text: string) =>
  [...`\ufeff${text}`].flatMap((character) => [character.charCodeAt(0) & 255, character.charCodeAt(0) >> 8]);

/** Blanks are no part of JSON, so the body stays what it was, and is just as large as may be, or a byte larger or smaller. */
const padded = (text: string, offset: number) =>
  text + ' '.repeat(Math.max(0, BODY_MAX_BYTES + offset - utf8(text).length));

const inChunks = (text: string, size: number) =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size));

/** What becomes of a body on its way. */
const anyDamage: fc.Arbitrary<(text: string) => Body> = fc.oneof(
  { weight: 40, arbitrary: fc.constant((text: string) => ({ text })) },
  {
    weight: 10,
    arbitrary: fc.oneof(
      fc.nat(400).map((length) => (text: string) => ({ text: text.slice(0, length) })),
      fc.constantFrom(-1, 0, 1, 700).map((offset) => (text: string) => ({ text: padded(text, offset) })),
      fc
        .constantFrom('\ufeff', ' ', '\0', '[', '//', ")]}',\n")
        .map((before) => (text: string) => ({ text: before + text })),
      fc.constantFrom('\0', '}', ',', ' {}', '\ufeff').map((behind) => (text: string) => ({ text: text + behind })),
      // The same key twice: the last one counts, and the first one may be what a filter has looked at.
      anyJson.map((json) => (text: string) => ({ text: text.replace('{', `{"amount":${json},"user_id":${json},`) })),
      fc.constant((text: string) => ({ bytes: utf16(text) })),
      fc.tuple(fc.nat(300), fc.constantFrom(0xff, 0xc0, 0xed, 0x00, 0x80)).map(([at, byte]) => (text: string) => {
        const bytes = utf8(text);
        return { bytes: [...bytes.slice(0, at), byte, ...bytes.slice(at)] };
      }),
      fc.integer({ min: 1, max: 200 }).map((size) => (text: string) => ({ chunks: inChunks(text, size) })),
      fc.integer({ min: 1, max: 200 }).map((size) => (text: string) => ({ broken: inChunks(text, size).slice(0, 2) })),
      anyJson.map((json) => () => ({ text: json })),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => () => ({ bytes: [...bytes] })),
      fc.constantFrom(17_000, 300_000).map((length) => () => ({ text: `"${'x'.repeat(length)}"` })),
    ),
  },
);

export interface Sent {
  body: Body;
  secrets: string[];
}

const damaged = (whole: fc.Arbitrary<Written>): fc.Arbitrary<Sent> =>
  fc.tuple(whole, anyDamage).map(([{ text, secrets }, damage]) => ({ body: damage(text), secrets }));

export const anyPayment = (known: readonly KnownPayment[]) => damaged(payments(known));
export const anyRefund = (known: readonly KnownPayment[]) => damaged(refunds(known));
export const anyOtherBody = damaged(anyJson.map((text) => ({ text, secrets: [] })));

/** As a request takes it. */
export function streamed(body: Body): string | Uint8Array | ReadableStream {
  if ('text' in body) return body.text;
  if ('bytes' in body) return new Uint8Array(body.bytes);
  const chunks = 'chunks' in body ? body.chunks : body.broken;
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      if ('chunks' in body) controller.close();
      else controller.error(new Error('the connection broke, as the test wants it'));
    },
  });
}

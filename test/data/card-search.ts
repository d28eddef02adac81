/**
 * Looks for cards in a text, however somebody has spelled or encoded them (invariant 5). A brand and the last four digits are no
 * card. The text is decoded, and not the cards encoded: so thousands of cards take no longer than one.
 */

/** What was sent, and must not be found. */
export interface CardData {
  readonly numbers: readonly string[];
  readonly cvvs: readonly string[];
  /** Four digits each. */
  readonly expiryYears: readonly string[];
  /** Words that stand in these cards and nowhere else. */
  readonly words: readonly string[];
}

export interface CardSearch {
  /** What stands in a text, each with the encoding in which it does. */
  inText(text: string): string[];
  /** The same in a value of a database: whatever is short counts if it is all of it. */
  inCell(value: unknown): string[];
  /** Numbers alone: of what has so few letters that anything short would turn up by chance. */
  numbersIn(text: string): string[];
}

/** Digits, with up to three characters between two of them: `4111 1111`, `4111","1111`, and UTF-16. */
const DIGITS = /\d(?:[^0-9A-Za-z]{0,3}\d){11,}/g;
const NO_DIGITS = /\D+/g;
/** Numbers that begin alike are found together. */
const PREFIX_LENGTH = 6;
const PREFIX_WRAP = 10 ** (PREFIX_LENGTH - 1);
const ZERO = '0'.charCodeAt(0);

/** No field of ours has such a name wherever it is stored, logged or sent. */
const CARD_FIELD = /\\?"(?:cvv|card_number|expiry_month|expiry_year)\\?"\s*:/g;
/**
 * Three or four digits stand in every time of day, so they count behind their name, and where they are a JSON value. Something
 * separates them from the name: `CVN393` stands in a random identifier now and then.
 */
const NAMED_CVV = /(?:cvv|cvc|cvn|security.?code)\d?\W{1,8}(\d{3,4})(?!\d)/gi;
const JSON_VALUE = /"(\d{3,4})\\?"/g;
const EXPIRY_DATE = /(?<![\w/+-])(?:0[1-9]|1[0-2])[/-](?:20)?(\d\d)(?![\w/+-])/g;

/** Also their three bytes of UTF-8, where those were read as Latin-1. */
const FULL_WIDTH_DIGIT = /[\uff10-\uff19]|\u00ef\u00bc[\u0090-\u0099]/g;
/** `%34`, `\u0034`, `\x34` and `&#x34;`. */
const ESCAPE = /(?:%|\\u00|\\x|&#x)([0-9a-f]{2});?/gi;
/** The codes of digits, as in `[52,49]`, `{"0":52,"1":49}` and `&#52;&#49;`. */
const CODES = /(?:4[89]|5[0-7])(?:(?:,"\d+":|\D{1,3})(?:4[89]|5[0-7])){11,}/g;
/** Of printable characters, also of UTF-16; with what may be left of a byte before them. */
const HEX = /[0-9a-f]?(?:(?:0x|\\x)?[2-7][0-9a-f](?:00)?[ :,-]{0,2}){12,}[0-9a-f]?/gi;
const BASE64 = /[A-Za-z0-9+/_-]{18,}/g;
const BASE64_ALIGNMENTS = [0, 1, 2, 3];
const LATIN_1 = new TextDecoder('latin1');
/** Base64 of a JSON text with escapes in it, and the like. */
const ENCODED_TIMES = 2;

const DECODINGS: Record<string, (text: string) => string> = {
  escaped: (text) =>
    text.search(ESCAPE) < 0 ? '' : text.replace(ESCAPE, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
  'in full width': (text) =>
    text.search(FULL_WIDTH_DIGIT) < 0
      ? ''
      : text.replace(FULL_WIDTH_DIGIT, (digit) => String(digit.charCodeAt(digit.length - 1) & 0xf)),
  'as codes': (text) =>
    decodedRuns(text, CODES, ([run]) => [
      run.replace(/"\d+":/g, '').replace(/(\d\d)\D*/g, (_, code) => String.fromCharCode(Number(code))),
    ]),
  'in hex': (text) =>
    decodedRuns(text, HEX, ([run]) => {
      const digits = run.replace(/0x|[^0-9a-f]/gi, '');
      return [fromHex(digits), fromHex(digits.slice(1))];
    }),
  'in base64': (text) =>
    decodedRuns(text, BASE64, ([run]) => BASE64_ALIGNMENTS.map((alignment) => fromBase64(run.slice(alignment)))),
};

export function createCardSearch({ numbers, cvvs, expiryYears, words }: CardData): CardSearch {
  const numbersIn = numberFinder(numbers);
  const short = new Set([...cvvs, ...expiryYears]);
  const codes = new Set(cvvs);
  const years = new Set(expiryYears.map((year) => year.slice(-2)));
  const spelledWords = words.flatMap((word) => [word.toLowerCase(), reversed(word.toLowerCase())]);

  function inReading(text: string): string[] {
    const lowerCase = spelledWords.length > 0 ? text.toLowerCase() : '';
    return [
      ...numbersIn(text),
      ...spelledWords.filter((word) => lowerCase.includes(word)),
      ...(text.match(CARD_FIELD) ?? []),
      ...matches(text, NAMED_CVV, codes),
    ];
  }

  function inText(text: string): string[] {
    const found = [...matches(text, JSON_VALUE, short), ...matches(text, EXPIRY_DATE, years)];
    for (const { how, reading } of readings(text)) {
      for (const hit of inReading(reading)) found.push(how === '' ? hit : `${hit} ${how}`);
    }
    return [...new Set(found)];
  }

  return {
    inText,
    numbersIn,
    inCell(value) {
      if (value === null || value === undefined) return [];
      if (value instanceof ArrayBuffer || Array.isArray(value)) return this.inCell(new Uint8Array(value));
      if (value instanceof Uint8Array) {
        const hex = [...value].map((byte) => byte.toString(16).padStart(2, '0')).join('');
        return [...inText(LATIN_1.decode(value)), ...numbersIn(hex)];
      }
      if (typeof value !== 'string') return numbersIn(String(value));
      return [...(short.has(value) ? [value] : []), ...inText(value)];
    },
  };
}

/** Whole numbers in whatever grouping, forwards and backwards. */
function numberFinder(numbers: readonly string[]): (text: string) => string[] {
  const byPrefix: (string[] | undefined)[] = [];
  for (const number of numbers.flatMap((digits) => [digits, reversed(digits)])) {
    const prefix = Number(number.slice(0, PREFIX_LENGTH));
    byPrefix[prefix] = [...(byPrefix[prefix] ?? []), number];
  }
  return function numbersIn(text) {
    const found: string[] = [];
    for (const [run] of text.matchAll(DIGITS)) {
      const digits = run.replace(NO_DIGITS, '');
      let prefix = 0;
      for (let end = 0; end < digits.length; end += 1) {
        prefix = (prefix % PREFIX_WRAP) * 10 + digits.charCodeAt(end) - ZERO;
        const candidates = byPrefix[prefix];
        if (candidates === undefined) continue;
        found.push(...candidates.filter((number) => digits.startsWith(number, end + 1 - PREFIX_LENGTH)));
      }
    }
    return found;
  };
}

/** The text, and what it says where it is decoded. */
function* readings(text: string, how = '', times = ENCODED_TIMES): Generator<{ how: string; reading: string }> {
  if (text === '') return;
  yield { how, reading: text };
  if (times === 0) return;
  for (const [name, decode] of Object.entries(DECODINGS))
    yield* readings(decode(text), `${how} ${name}`.trim(), times - 1);
}

function decodedRuns(text: string, runs: RegExp, decode: (run: RegExpExecArray) => string[]): string {
  return [...text.matchAll(runs)].flatMap(decode).join('\n');
}

function matches(text: string, pattern: RegExp, wanted: ReadonlySet<string>): string[] {
  return [...text.matchAll(pattern)].filter(([, digits = '']) => wanted.has(digits)).map(([whole]) => whole);
}

function fromHex(digits: string): string {
  return digits.replace(/(..)|./g, (_, pair) => (pair ? String.fromCharCode(Number.parseInt(pair, 16)) : ''));
}

function fromBase64(run: string): string {
  const whole = run.slice(0, run.length - (run.length % 4));
  const rest = run.slice(whole.length);
  // Of a single character at the end nothing can be said.
  return atob((whole + (rest.length > 1 ? rest : '')).replaceAll('-', '+').replaceAll('_', '/'));
}

function reversed(text: string): string {
  return [...text].reverse().join('');
}

/** Texts and JSON that break parsers, and what is built on them. JSON is text here: `1e400` and two keys of one name are no values. */
import fc from 'fast-check';

const lengthened = fc
  .constantFrom(1, 36, 254, 255, 256, 320, 321, 1000, 1001, 5000)
  .map((length) => 'x'.repeat(length));

const NASTY = [
  '',
  ' ',
  '\0',
  '\t',
  'a\r\nX-Injected: yes',
  '\ud800',
  '\udfffx',
  '\u202e',
  '\ufeff',
  '\u2028',
  '٢٥',
  '２５.５',
  '𝟚𝟝',
  'é\u0301',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  '-0',
  "' OR '1'='1",
  "'; DROP TABLE transactions; --",
  '{{7*7}}',
  '<script>alert(1)</script>',
  '../../etc/passwd',
  '%00%0d%0a',
  '%s%n%x',
  '\\"',
  '"',
];

export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme' }) },
  { weight: 1, arbitrary: lengthened },
);

/** As a header can carry it: what no Request takes has no way into the service, and workerd warns of what is not ASCII. */
export const anyHeaderText = anyText.map((text) => text.replace(/[\0\r\n]|[^\0-\x7f]/g, ''));

const nested = (opening: string, inside: string, closing: string) =>
  fc.constantFrom(2, 50, 900, 2500).map((depth) => opening.repeat(depth) + inside + closing.repeat(depth));

const anyNumber = fc.oneof(
  fc.constantFrom(
    ...['0', '-0', '-1', '1e400', '-1e400', '0.1e-300', '1e-7', '1E+2', '25.500', '25.505', '25.500000000000000001'],
    ...['9007199254740993', '100000', '100000.01', '0.01', '0.009', '1e308', '9'.repeat(400), `0.${'0'.repeat(400)}1`],
  ),
  fc.double().map((number) => JSON.stringify(number)),
);

/** A number as a string, in the spellings that Python's `float()` takes and in some that it does not. */
const anyNumericText = fc.oneof(
  fc.constantFrom(
    ...['25.5', ' 25.5 ', '+25.5', '25.', '.5', '2.55e1', '255E-1', '25_5', '25,5', '0x19', '1e', 'Infinity', '-inf'],
    ...[
      'nan',
      '٢٥',
      '２５',
      '25.5\u0000',
      '\u00a025.5',
      '1e999999999999',
      `${'0'.repeat(5000)}1`,
      `1${'0'.repeat(5000)}`,
    ],
  ),
  fc.mixedCase(fc.constant('1e2')),
);

const anyLiteral = fc.constantFrom('null', 'true', 'false', '[]', '{}', '""', '[[]]', '{"":{}}');
const anyString = anyText.map((text) => JSON.stringify(text));
const anyKey = fc.oneof(anyString, fc.constantFrom('"__proto__"', '"constructor"', '"toString"', '"amount"'));
const anyObject = fc
  .array(fc.tuple(anyKey, fc.oneof(anyLiteral, anyNumber, anyString)), { maxLength: 6 })
  .map((members) => `{${members.map((member) => member.join(':')).join(',')}}`);

/** Of any type, as it stands in a body. */
export const anyJson: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: anyLiteral },
  { weight: 3, arbitrary: anyNumber },
  { weight: 4, arbitrary: anyString },
  { weight: 2, arbitrary: anyObject },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.oneof(nested('[', '', ']'), nested('{"a":', '1', '}')) },
  { weight: 1, arbitrary: fc.constantFrom(100, 4000).map((length) => `[${Array(length).fill('1').join(',')}]`) },
);

export const anyAmount: fc.Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 50 }).map(String) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 5000 }).map((cents) => String(cents / 100)) },
  { weight: 1, arbitrary: anyNumber },
  { weight: 1, arbitrary: anyNumericText.map((text) => JSON.stringify(text)) },
);

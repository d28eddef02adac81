/** Objects with a field that can't be: for each the field at fault, which `details.issues` is to name. */
import { MARKER } from './bad-bodies.ts';
import { CARD } from './request.ts';

export interface BadField {
  /** As in `details.issues[].path`. */
  path: string;
  name: string;
  /** The top-level field to replace, and its value as JSON text; null leaves the field out. */
  field: string;
  json: string | null;
}

const cases = (field: string, values: Record<string, string | null>, path = field): BadField[] =>
  Object.entries(values).map(([name, json]) => ({ path, name, field, json }));

/** What no identifier may be. */
const NO_TEXT = {
  missing: null,
  null: 'null',
  'a number': '7301',
  true: 'true',
  'an array': `["${MARKER}"]`,
  'an object': `{"${MARKER}":1}`,
  empty: '""',
  '256 characters': JSON.stringify(MARKER + 'x'.repeat(256 - MARKER.length)),
  'a NUL': `"${MARKER}\\u0000"`,
  'a line feed': `"${MARKER}\\n"`,
  DEL: `"${MARKER}\\u007f"`,
  'half a surrogate pair': `"${MARKER}\\ud800"`,
};

const NO_NUMBER = {
  missing: null,
  null: 'null',
  true: 'true',
  false: 'false',
  'an array': '[]',
  'a number in an array': '[25.5]',
  'an object': `{"${MARKER}":25.5}`,
  'no number': '"abc"',
  marked: `"${MARKER}"`,
  empty: '""',
  'white space': '" "',
  'the name of NaN': '"NaN"',
  'the name of infinity': '"Infinity"',
  'negative infinity': '"-inf"',
  'a decimal comma': '"25,50"',
  'a currency': '"$25.50"',
  hexadecimal: '"0x19"',
  'a lonely point': '"."',
  'an exponent without digits': '"1e"',
  'two signs': '"--25"',
  'digits of another script': '"٢٥"',
  'a NUL behind it': '"25.5\\u0000"',
  '12,000 blanks and a letter': JSON.stringify(`${' '.repeat(12_000)}x`),
};

/** A card in which one field is `value`, or is left out. */
const card = (field: string, value: unknown) => JSON.stringify({ ...CARD, cardholder_name: MARKER, [field]: value });
const NO_STRING = {
  missing: undefined,
  null: null,
  'a number': 7301,
  'an array': [MARKER],
  'an object': { [MARKER]: 1 },
};

const cardFields = Object.keys(CARD).flatMap((field) =>
  Object.entries(NO_STRING).map(([name, value]) => ({
    path: `card_details.${field}`,
    name,
    field: 'card_details',
    json: card(field, value),
  })),
);

const payPal = (details: unknown) => JSON.stringify(details);

export const BAD_PAYMENT_FIELDS: BadField[] = [
  ...cases('user_id', NO_TEXT),
  ...cases('booking_id', NO_TEXT),
  ...cases('amount', NO_NUMBER),
  ...cases('payment_method', {
    missing: null,
    null: 'null',
    empty: '""',
    'an unknown one': `"${MARKER}"`,
    'in capitals': '"CREDIT_CARD"',
    'a number': '1',
    'an array': '["credit_card"]',
    'a name that every object knows': '"constructor"',
    'the name of the prototype': '"__proto__"',
  }),
  ...cases('card_details', { 'a string': `"${MARKER}"`, 'an array': `["${MARKER}"]`, 'a number': '1', false: 'false' }),
  ...cardFields,
  ...cases('paypal_details', { 'a string': `"${MARKER}"`, 'an array': '[]' }),
  ...cases(
    'paypal_details',
    { missing: payPal({ payment_id: MARKER }), 'a number': payPal({ email: 1, payment_id: MARKER }) },
    'paypal_details.email',
  ),
  ...cases(
    'paypal_details',
    { missing: payPal({ email: MARKER }), empty: payPal({ email: MARKER, payment_id: '' }) },
    'paypal_details.payment_id',
  ),
  ...cases('user_email', {
    'a number': '1',
    '321 characters': JSON.stringify(MARKER.padEnd(321, 'x')),
    'a NUL': `"${MARKER}\\u0000"`,
  }),
  ...cases('receipt_email', { 'a number': '1', '321 characters': JSON.stringify(MARKER.padEnd(321, 'x')) }),
  ...cases('statement_descriptor_suffix', {
    'a number': '1',
    empty: '""',
    '23 characters': JSON.stringify('x'.repeat(23)),
    'no letter': '"2026-11-28"',
    'a letter beyond ASCII': '"SEAT Ä"',
    'a line feed in it': '"SEAT\\n12"',
    ...Object.fromEntries([...`<>\\'"*`].map((sign) => [sign, JSON.stringify(`SEAT ${sign}`)])),
  }),
];

const { empty: _, 'a line feed': __, '256 characters': ___, ...NO_REASON } = NO_TEXT;

export const BAD_REFUND_FIELDS: BadField[] = [
  ...cases('booking_id', NO_TEXT),
  ...cases('original_transaction_id', NO_TEXT),
  ...cases('user_id', NO_TEXT),
  ...cases('refund_amount', NO_NUMBER),
  ...cases('reason', { ...NO_REASON, '1,001 characters': JSON.stringify(MARKER.padEnd(1001, 'x')) }),
];

/** JSON text of `request` with the bad field in place, digit for digit. */
export function withField(request: Record<string, unknown>, field: string, json: string | null): string {
  const others = Object.entries(request).filter(([key, value]) => key !== field && value !== undefined);
  const members = others.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  if (json !== null) members.push(`${JSON.stringify(field)}:${json}`);
  return `{${members.join(',')}}`;
}

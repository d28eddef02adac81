/** Bodies that are no request of either POST route, and what is to be answered. */
import type { RequestOptions } from './request.ts';

/** In everything bad that is sent, so that a test can see whether any of it comes back. */
export const MARKER = 'ECHO-zq7x';

export interface BadRequest {
  name: string;
  options: RequestOptions;
  status: number;
  code: string;
}

const bytes = (...values: number[]) => new Uint8Array(values);
const utf8 = (text: string) => new TextEncoder().encode(text);

function utf16(text: string, byteOrderMark: boolean): Uint8Array {
  const units = [...(byteOrderMark ? '\ufeff' : ''), ...text].map((character) => character.charCodeAt(0));
  return new Uint8Array(units.flatMap((unit) => [unit & 255, unit >> 8]));
}

function chunked(text: string, chunks = 4): ReadableStream {
  const all = utf8(text);
  const size = Math.ceil(all.length / chunks);
  return new ReadableStream({
    start(controller) {
      for (let from = 0; from < all.length; from += size) controller.enqueue(all.slice(from, from + size));
      controller.close();
    },
  });
}

const TOO_LARGE = JSON.stringify({ user_id: MARKER, padding: 'x'.repeat(17 * 1024) });
const malformed = (name: string, body: unknown): BadRequest => ({
  name,
  options: { body },
  status: 400,
  code: 'INVALID_REQUEST',
});
const invalid = (name: string, body: unknown): BadRequest => ({
  name,
  options: { body },
  status: 422,
  code: 'VALIDATION_ERROR',
});
const unsupported = (name: string, headers: Record<string, string>): BadRequest => ({
  name,
  options: { body: JSON.stringify({ user_id: MARKER }), headers },
  status: 415,
  code: 'UNSUPPORTED_MEDIA_TYPE',
});

export const BAD_BODIES: BadRequest[] = [
  malformed('no body at all', undefined),
  malformed('an empty body', ''),
  malformed('white space', ' \n\t '),
  malformed('a word', MARKER),
  malformed('an object that does not end', `{"user_id":"${MARKER}"`),
  malformed('a string that does not end', `{"user_id":"${MARKER}`),
  malformed('single quotes', `{'user_id':'${MARKER}'}`),
  malformed('a trailing comma', `{"user_id":"${MARKER}",}`),
  malformed('a comment', `{"user_id":"${MARKER}" /* why */}`),
  malformed('garbage after the object', `{"user_id":"${MARKER}"} ${MARKER}`),
  malformed('two objects', `{"user_id":"${MARKER}"}{}`),
  malformed('a raw control character in a string', `{"user_id":"${MARKER}\u0001"}`),
  malformed('a raw NUL', `{"user_id":"${MARKER}"}\0`),
  malformed('NaN', `{"user_id":"${MARKER}","amount":NaN,"refund_amount":NaN}`),
  malformed('Infinity', `{"user_id":"${MARKER}","amount":Infinity,"refund_amount":Infinity}`),
  malformed('a number with a leading zero', `{"user_id":"${MARKER}","amount":025.5}`),
  malformed('a number in hexadecimal', `{"user_id":"${MARKER}","amount":0x19}`),
  malformed('8,000 opening brackets', '['.repeat(8000)),
  malformed('2,500 opening objects', '{"a":'.repeat(2500)),
  malformed('a form in spite of its media type', `user_id=${MARKER}&amount=25.5`),
  malformed('bytes that are not UTF-8', bytes(0x7b, 0x22, 0xff, 0xfe, 0xc3, 0x28, 0x22, 0x7d)),
  malformed('an overlong encoding', bytes(0x22, 0xc0, 0xaf, 0x22)),
  malformed('half a surrogate pair in UTF-8', bytes(0x22, 0xed, 0xa0, 0x80, 0x22)),
  malformed('a truncated character', utf8(`{"user_id":"${MARKER}é"}`).slice(0, -3)),
  malformed('UTF-16 with a byte order mark', utf16(`{"user_id":"${MARKER}"}`, true)),
  malformed('UTF-16 without one', utf16(`{"user_id":"${MARKER}"}`, false)),

  invalid('an array', `["${MARKER}"]`),
  invalid('a string', `"${MARKER}"`),
  invalid('a number', '25.5'),
  invalid('true', 'true'),
  invalid('null', 'null'),
  invalid('an empty object', '{}'),
  invalid('an object in an array', `[{"user_id":"${MARKER}"}]`),
  invalid('7,000 arrays in one another', '['.repeat(7000) + ']'.repeat(7000)),
  invalid(
    'all fields in __proto__',
    `{"__proto__":{"user_id":"${MARKER}","booking_id":"B","amount":1,"refund_amount":1}}`,
  ),
  invalid('all fields in constructor', `{"constructor":{"prototype":{"user_id":"${MARKER}","booking_id":"B"}}}`),

  unsupported('text/plain', { 'Content-Type': 'text/plain' }),
  unsupported('a form', { 'Content-Type': 'application/x-www-form-urlencoded' }),
  unsupported('a multipart form', { 'Content-Type': `multipart/form-data; boundary=${MARKER}` }),
  unsupported('XML', { 'Content-Type': 'application/xml' }),
  unsupported('what only begins like JSON', { 'Content-Type': 'application/jsonp' }),
  unsupported('a media type that is none', { 'Content-Type': MARKER }),
  unsupported('gzip', { 'Content-Encoding': 'gzip' }),
  unsupported('an encoding that nobody knows', { 'Content-Encoding': MARKER }),

  {
    name: '17 KiB with a Content-Length',
    options: { body: TOO_LARGE, headers: { 'Content-Length': String(TOO_LARGE.length) } },
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
  },
  {
    name: '17 KiB in chunks',
    get options() {
      return { body: chunked(TOO_LARGE) };
    },
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
  },
  {
    name: '17 KiB that are not JSON either',
    options: { body: MARKER.repeat(2000) },
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
  },
  {
    name: 'malformed JSON in chunks',
    get options() {
      return { body: chunked(`{"user_id":"${MARKER}"`) };
    },
    status: 400,
    code: 'INVALID_REQUEST',
  },
];

/** Requests to be recorded that cannot be read, or that do not fit their schema. */
import type { Recorder, RecordOptions } from './recorder.ts';
import { CARD, payment, refundOf } from './request.ts';

const PATHS = ['/payment/process', '/payment/refund'] as const;

export async function askInvalid(recorder: Recorder): Promise<void> {
  await askUnreadably(recorder);
  await askWithMediaTypes(recorder);
  await payWithBadFields(recorder);
  await refundWithBadFields(recorder);
}

async function askUnreadably({ ask }: Recorder): Promise<void> {
  const bodies: [string, unknown][] = [
    ['no body', undefined],
    ['an empty body', ''],
    ['an object that does not end', '{"user_id":"user_123"'],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    ['an array', '[]'],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['17 KiB', JSON.stringify({ user_id: 'x'.repeat(17 * 1024) })],
  ];
  for (const path of PATHS) {
    for (const [name, body] of bodies) await ask(`${path}: ${name}`, 'POST', path, { body });
  }
}

async function askWithMediaTypes({ ask }: Recorder): Promise<void> {
  const requests: [string, RecordOptions['headers']][] = [
    ['text', { 'Content-Type': 'text/plain' }],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['what begins like JSON', { 'Content-Type': 'application/jsonp' }],
    ['compressed', { 'Content-Encoding': 'gzip' }],
  ];
  for (const path of PATHS) {
    for (const [name, headers] of requests)
      await ask(`${path}: ${name}`, 'POST', path, { body: '{}', headers: headers ?? {} });
  }
  const accepted = [null, 'application/json; charset=utf-8', 'application/vnd.api+json', 'APPLICATION/JSON'];
  for (const type of accepted) {
    await ask(`paid with the media type ${type}`, 'POST', '/payment/process', {
      body: JSON.stringify(payment({ booking_id: `BOOK-${type}` })),
      headers: { 'Content-Type': type },
    });
  }
  await ask('paid with a byte order mark', 'POST', '/payment/process', {
    body: `\ufeff${JSON.stringify(payment({ booking_id: 'BOOK-mark' }))}`,
  });
}

/** Of all fields at once; `details.issues` names each. */
const BAD_VALUES: Record<string, unknown> = {
  null: null,
  'a number': 1,
  true: true,
  'an array': [],
  'an empty object': {},
  'an empty text': '',
  'a long text': 'x'.repeat(1001),
  'a control character': 'a\u0000',
  'half a surrogate pair': 'a\ud800',
};
const BAD_NUMBERS = ['abc', ' ', 'NaN', 'Infinity', '25,50', '0x19', [25.5]];

async function payWithBadFields({ ask }: Recorder): Promise<void> {
  const process = (name: string, overrides: Record<string, unknown>) =>
    ask(`payment with ${name}`, 'POST', '/payment/process', {
      body: payment({ booking_id: 'BOOK-bad-field', ...overrides }),
    });
  const all = [...Object.keys(payment()), 'paypal_details', 'payment_method_token', 'user_email'];
  const payPal = ['email', 'payment_id'];
  for (const [name, value] of Object.entries(BAD_VALUES)) {
    await process(`${name} in each field`, inEach(all, value));
    const details = { card_details: inEach(Object.keys(CARD), value), paypal_details: inEach(payPal, value) };
    await process(`${name} in each field of its details`, details);
  }
  for (const amount of BAD_NUMBERS) await process(`the amount ${JSON.stringify(amount)}`, { amount });
  for (const method of ['cash', 'CREDIT_CARD', 'constructor']) await process(method, { payment_method: method });
  for (const field of ['user_id', 'booking_id', 'amount', 'payment_method']) {
    await process(`no ${field}`, { [field]: undefined });
  }
}

async function refundWithBadFields({ ask }: Recorder): Promise<void> {
  const paid = { transaction_id: 'TXN-01J00000000000000000000000', booking_id: 'BOOK-bad-field' };
  const refund = (name: string, overrides: Record<string, unknown>) =>
    ask(`refund with ${name}`, 'POST', '/payment/refund', { body: refundOf(paid, overrides) });
  const all = Object.keys(refundOf(paid));
  for (const [name, value] of Object.entries(BAD_VALUES)) await refund(`${name} in each field`, inEach(all, value));
  for (const refund_amount of BAD_NUMBERS)
    await refund(`the amount ${JSON.stringify(refund_amount)}`, { refund_amount });
  for (const field of all) await refund(`no ${field}`, { [field]: undefined });
}

const inEach = (fields: string[], value: unknown) => Object.fromEntries(fields.map((field) => [field, value]));

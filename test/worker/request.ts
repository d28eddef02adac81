/** Requests as callers send them, each from an address of its own, so that the rate limit of one spares the others. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import type { Bindings } from '../../src/worker/bindings.ts';
import { createApp } from '../../src/worker/http/app.ts';
import { TEST_CARDS, TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';
import { mustBeDocumented } from '../data/documented.ts';

let lastAddress = 0;

/** An address that no other call of this gets, from the network that RFC 2544 keeps for benchmarks. */
export function newAddress(): string {
  lastAddress += 1;
  return `198.18.${lastAddress >> 8}.${lastAddress & 255}`;
}

let lastBooking = 0;

export function newBooking(): string {
  lastBooking += 1;
  return `BOOK-${lastBooking}`;
}

export const CARD = {
  card_number: TEST_CARDS.visa,
  expiry_month: '12',
  expiry_year: TEST_EXPIRY_YEAR,
  cvv: TEST_CVV,
  cardholder_name: 'John Doe',
} as const;

export const cardNumbered = (card_number: string) => ({ ...CARD, card_number });

/** A request that is paid for; `overrides` replace its fields, and remove those that are undefined. */
export function payment(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    user_id: 'user_123',
    booking_id: newBooking(),
    amount: 25.5,
    payment_method: 'credit_card',
    card_details: CARD,
    ...overrides,
  };
}

/** A refund of all of `payment()`. */
export function refundOf(
  paid: { transaction_id: string; booking_id: string },
  overrides: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    booking_id: paid.booking_id,
    original_transaction_id: paid.transaction_id,
    refund_amount: 25.5,
    reason: 'Customer cancellation',
    user_id: 'user_123',
    ...overrides,
  };
}

export interface Answer {
  status: number;
  headers: Headers;
  /** The body as it came. */
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever came back; tests say what it should be
  body: any;
}

export interface RequestOptions {
  /** Sent as it is where it is text, bytes or a stream, else as JSON. */
  body?: unknown;
  /** Null: the request does not say where it comes from. */
  address?: string | null;
  /** Beside or instead of `Content-Type: application/json`; null leaves a header out. */
  headers?: Record<string, string | null>;
  scheme?: 'http' | 'https';
}

function newRequest(method: string, path: string, options: RequestOptions): Request {
  const { body, address = newAddress(), scheme = 'https' } = options;
  const headers = new Headers();
  const wanted = { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...options.headers };
  for (const [name, value] of Object.entries(wanted)) if (value !== null) headers.set(name, value);
  if (address !== null) headers.set('CF-Connecting-IP', address);
  const asItIs = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
  const request = new Request(`${scheme}://payments.example${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: asItIs ? body : JSON.stringify(body) }),
  });
  // A text body brings a media type of its own.
  if (wanted['Content-Type'] === null) request.headers.delete('Content-Type');
  return request;
}

/** Each test holds the service to its document. */
async function read(method: string, path: string, response: Response): Promise<Answer> {
  const { status, headers } = response;
  // A body that is not text as workerd knows it would be warned of.
  const text = new TextDecoder().decode(await response.arrayBuffer());
  const isText = headers.get('Content-Type')?.startsWith('application/openmetrics-text') === true;
  const body = text === '' || isText ? null : JSON.parse(text);
  mustBeDocumented({ method, path, status, headers, body });
  return { status, headers, text, body };
}

/** Sends a request through the front door. */
export async function send(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  return read(method, path, await exports.default.fetch(newRequest(method, path, options)));
}

const app = createApp();

/** The environments of isolates, by the bindings that tests give them: an isolate remembers what it knows of its databases. */
const environments = new WeakMap<object, Bindings>();

/**
 * Sends a request to the same service with other bindings or variables. Its background work is done afterwards. The same object is the
 * same isolate.
 */
export async function sendWith(
  bindings: Record<string, unknown>,
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const ctx = createExecutionContext();
  const environment = environments.get(bindings) ?? ({ ...env, ...bindings } as unknown as Bindings);
  environments.set(bindings, environment);
  const answer = await read(method, path, await app.fetch(newRequest(method, path, options), environment, ctx));
  await waitOnExecutionContext(ctx);
  return answer;
}

export const pay = (body: Record<string, unknown> = payment()) => send('POST', '/payment/process', { body });
export const refund = (body: Record<string, unknown>) => send('POST', '/payment/refund', { body });
export const status = (id: string) => send('GET', `/payment/status/${id}`);

/** A payment that was paid. */
export async function paid(
  overrides: Record<string, unknown> = {},
): Promise<{ transaction_id: string; booking_id: string }> {
  const answer = await pay(payment(overrides));
  if (answer.status !== 200) throw new Error(`the payment of a test failed: ${answer.text}`);
  return answer.body;
}

/** A payment that was declined. */
export async function declined(): Promise<{ transaction_id: string; booking_id: string }> {
  const answer = await pay(payment({ card_details: cardNumbered(TEST_CARDS.visaDeclined) }));
  if (answer.status !== 400) throw new Error(`the payment of a test was not declined: ${answer.text}`);
  return answer.body;
}

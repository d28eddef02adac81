/** Requests as callers send them, each test from an address of its own, so that the rate limit of one spares the others. */
import { exports } from 'cloudflare:workers';

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
  card_number: '4111111111111111',
  expiry_month: '12',
  expiry_year: '2025',
  cvv: '739',
  cardholder_name: 'John Doe',
} as const;

/** A request that is paid for; `overrides` replace its fields. */
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

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever came back; tests say what it should be
  body: any;
}

/** Sends a request through the front door. A body that is no string is sent as JSON. */
export async function send(
  method: string,
  path: string,
  options: { body?: unknown; address?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { body, address = newAddress(), headers = {} } = options;
  const response = await exports.default.fetch(`https://payments.example${path}`, {
    method,
    headers: {
      'CF-Connecting-IP': address,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

export const pay = (body: Record<string, unknown> = payment()) => send('POST', '/payment/process', { body });
export const refund = (body: Record<string, unknown>) => send('POST', '/payment/refund', { body });
export const status = (id: string) => send('GET', `/payment/status/${id}`);

/** PayPal's side of webhooks: whether a notification was its own, and which there were. */
import { type ApiAnswer, json } from './api.ts';
import type { PayPalBooks } from './paypal-books.ts';
import { isSignedByPayPal, memberText, type PayPalSignature, type PayPalSigner } from './webhooks.ts';

const SIGNATURE = [
  ...(['auth_algo', 'cert_url', 'transmission_id', 'transmission_sig', 'transmission_time', 'webhook_id'] as const),
];
const DEFAULT_PAGE = 10;
const LARGEST_PAGE = 300;

export function verifySignature(
  { text, body }: { text: string; body: unknown },
  webhookId: string,
  signer: PayPalSigner,
  books: PayPalBooks,
): ApiAnswer {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return invalid('webhook_event');
  const given = body as Partial<Record<keyof PayPalSignature | 'webhook_event', unknown>>;
  const missing = SIGNATURE.find((name) => typeof given[name] !== 'string');
  if (missing !== undefined || typeof given.webhook_event !== 'object') return invalid(missing ?? 'webhook_event');
  const event = memberText(text, 'webhook_event') ?? '';
  const isSigned = isSignedByPayPal(given as PayPalSignature, event, webhookId, signer, books.baseUrl());
  return json(200, { verification_status: isSigned ? 'SUCCESS' : 'FAILURE' });
}

export function listEvents(query: URLSearchParams, books: PayPalBooks): ApiAnswer {
  const size = Number(query.get('page_size') ?? DEFAULT_PAGE);
  if (!Number.isInteger(size) || size < 1 || size > LARGEST_PAGE) return invalid('page_size');
  const from = timeIn(query, 'start_time', -Infinity);
  const to = timeIn(query, 'end_time', Infinity);
  if (Number.isNaN(from) || Number.isNaN(to)) return invalid(Number.isNaN(from) ? 'start_time' : 'end_time');
  const wanted = books.events.filter(
    ({ event, resourceId, createdAtMs }) =>
      from <= createdAtMs &&
      createdAtMs <= to &&
      (query.get('event_type') ?? event.type) === event.type &&
      (query.get('transaction_id') ?? resourceId) === resourceId,
  );
  const newestFirst = wanted.reverse();
  const after = query.get('next_page_token');
  const start = after === null ? 0 : newestFirst.findIndex(({ event }) => event.id === after) + 1;
  const page = newestFirst.slice(start, start + size);
  const address = (more: Record<string, string>) =>
    `${books.baseUrl()}/v1/notifications/webhooks-events?${new URLSearchParams({ ...Object.fromEntries(query), ...more })}`;
  const links = [{ href: address({}), rel: 'self', method: 'GET' }];
  const last = page.at(-1);
  if (last !== undefined && newestFirst.at(-1) !== last) {
    links.push({ href: address({ next_page_token: last.event.id }), rel: 'next', method: 'GET' });
  }
  return json(200, { events: page.map(({ event }) => JSON.parse(event.body)), count: page.length, links });
}

function timeIn(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  return text === null ? otherwise : Date.parse(text);
}

function invalid(field: string): ApiAnswer {
  const details = [
    { field, location: 'body', issue: 'VALIDATION_ERROR', description: `${field} is missing or invalid` },
  ];
  return json(400, { name: 'VALIDATION_ERROR', message: 'Invalid data provided', details, links: [] });
}

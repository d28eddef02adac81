/** Reads requests to Stripe: the key, the form or query, and whether they fit the published description. */
import { parse } from 'qs';
import type { ApiRequest, RefusedRequest } from './api.ts';
import { keyOf, type Operation, operationOf, pathOf, queryOf } from './operations.ts';
import { type Misfit, stripeMisfit } from './published-apis.ts';
import { errorAnswer, wrongKey } from './stripe-errors.ts';

const LONGEST_KEY = 255;
const MOST_METADATA = 50;
const LONGEST_METADATA_NAME = 40;
const LONGEST_METADATA_VALUE = 500;

/** What would change what a call does, and is not emulated: refused rather than passed over. */
const NOT_EMULATED: Readonly<Record<string, readonly string[]>> = {
  'payment_methods.create': ['customer', 'payment_method'],
  'payment_intents.create': [
    ...['application_fee_amount', 'customer', 'mandate', 'mandate_data', 'off_session', 'on_behalf_of'],
    ...['payment_method_data', 'payment_method_options', 'setup_future_usage', 'transfer_data'],
  ],
  'payment_intents.update': [
    ...[
      'amount',
      'application_fee_amount',
      'currency',
      'customer',
      'metadata',
      'payment_method',
      'payment_method_data',
    ],
    ...['payment_method_options', 'setup_future_usage', 'shipping', 'transfer_data', 'transfer_group'],
  ],
  'payment_intents.confirm': [
    ...[
      'mandate',
      'mandate_data',
      'off_session',
      'payment_method_data',
      'payment_method_options',
      'setup_future_usage',
    ],
  ],
  'payment_intents.capture': ['application_fee_amount', 'final_capture', 'transfer_data'],
  'payment_intents.list': ['customer'],
  'refunds.create': ['refund_application_fee', 'reverse_transfer'],
  'events.list': ['delivery_success'],
};

export interface StripeCall {
  operation: Operation;
  params: Record<string, unknown>;
  key: string | null;
  path: string;
  apiVersion: string;
}

/** `misfit`: the operation and the difference, where that is the reason. */
type Read = { kind: 'accepted'; call: StripeCall } | (RefusedRequest & { misfit?: string });

export function readStripeRequest(request: ApiRequest, secretKey: string, apiVersion: string): Read {
  const given = secretOf(request);
  if (given !== secretKey) return { kind: 'refused', refusal: wrongKey(given), because: 'wrong key' };
  const operation = operationOf(request);
  const path = pathOf(request);
  const misfit = (because: string, more: { code?: string; param?: string } = {}, status = 400): Read => {
    const refusal = errorAnswer(status, { type: 'invalid_request_error', message: because, ...more });
    return {
      kind: 'refused',
      refusal,
      because,
      misfit: `${operation?.name ?? `${request.method} ${path}`}: ${because}`,
    };
  };
  if (operation === null) return misfit(`Unrecognized request URL (${request.method}: ${path})`, {}, 404);
  const isRead = request.method === 'GET';
  const type = request.headers['content-type'] ?? '';
  if (!isRead && request.body !== '' && !type.startsWith('application/x-www-form-urlencoded')) {
    return misfit(`a body of ${type || 'no type'} where a form is expected`);
  }
  if (isRead && request.body !== '') return misfit('a body where none is expected');

  const text = isRead ? queryOf(request) : request.body;
  const params = parse(text, { depth: 10, arrayLimit: 100 }) as Record<string, unknown>;
  const difference = stripeMisfit(operation, params);
  if (difference !== null) {
    return misfit(messageOf(difference), { code: codeOf(difference.keyword), param: asStripeNames(difference.field) });
  }
  const ignored = notEmulated(operation.name, params);
  if (ignored !== null) return misfit(`${ignored} is Stripe's, but not emulated here`, { param: ignored });
  const metadata = tooMuchMetadata(params.metadata);
  if (metadata !== null) return misfit(metadata, { param: 'metadata' });
  const key = isRead ? null : keyOf(request);
  if (key !== null && (key === '' || key.length > LONGEST_KEY)) {
    return misfit(`an idempotency key has 1 to ${LONGEST_KEY} characters`);
  }
  return { kind: 'accepted', call: { operation, params, key, path, apiVersion } };
}

function secretOf({ headers }: ApiRequest): string {
  const [scheme = '', value = ''] = (headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return '';
  return Buffer.from(value, 'base64').toString().split(':', 1)[0] ?? '';
}

function messageOf({ keyword, field, difference }: Misfit): string {
  const name = asStripeNames(field);
  if (keyword === 'additionalProperties') return `Received unknown parameter: ${name}`;
  if (keyword === 'required') return `Missing required param: ${name}.`;
  return `Invalid ${name}: ${difference}`;
}

function codeOf(keyword: string): string {
  if (keyword === 'additionalProperties') return 'parameter_unknown';
  return keyword === 'required' ? 'parameter_missing' : 'parameter_invalid';
}

/** "card.exp_month" as Stripe writes it: card[exp_month]. */
function asStripeNames(field: string): string {
  const [first = '', ...rest] = field.split('.');
  return first + rest.map((name) => `[${name}]`).join('');
}

function notEmulated(operation: string, params: Record<string, unknown>): string | null {
  if (params.confirmation_method === 'manual') return 'confirmation_method=manual';
  return (NOT_EMULATED[operation] ?? []).find((name) => name in params) ?? null;
}

function tooMuchMetadata(metadata: unknown): string | null {
  const entries = typeof metadata === 'object' && metadata !== null ? Object.entries(metadata) : [];
  if (entries.length > MOST_METADATA) return `Metadata can have at most ${MOST_METADATA} keys`;
  const long = entries.find(
    ([name, value]) => name.length > LONGEST_METADATA_NAME || value.length > LONGEST_METADATA_VALUE,
  );
  if (long === undefined) return null;
  return `Metadata: ${long[0]} is longer than ${LONGEST_METADATA_NAME}, or its value than ${LONGEST_METADATA_VALUE} characters`;
}

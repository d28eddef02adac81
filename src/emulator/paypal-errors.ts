/** PayPal's error answers: a name for the status, and issues that identify the cause. */
import { type ApiAnswer, type EmulatorClock, HEX_DIGITS, json, Refused, randomText } from './api.ts';
import type { Operation } from './operations.ts';
import { paypalIssue } from './published-apis.ts';

const NAMES: Readonly<Record<number, readonly [name: string, message: string]>> = {
  400: ['INVALID_REQUEST', 'Request is not well-formed, syntactically incorrect, or violates schema.'],
  401: [
    'AUTHENTICATION_FAILURE',
    'Authentication failed due to missing authorization header, or invalid authentication credentials.',
  ],
  403: ['NOT_AUTHORIZED', 'Authorization failed due to insufficient permissions.'],
  404: ['RESOURCE_NOT_FOUND', 'The specified resource does not exist.'],
  409: ['RESOURCE_CONFLICT', 'The server has detected a conflict while processing this request.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'The server does not support the request payload’s media type.'],
  422: [
    'UNPROCESSABLE_ENTITY',
    'The requested action could not be performed, semantically incorrect, or failed business validation.',
  ],
  429: ['RATE_LIMIT_REACHED', 'Too many requests. Blocked due to rate limiting.'],
  500: ['INTERNAL_SERVER_ERROR', 'An internal server error occurred.'],
  503: ['SERVICE_UNAVAILABLE', 'Service Unavailable.'],
};

const WITHOUT_DETAILS = [401, 429, 500, 503];

export interface Issue {
  issue: string;
  description?: string;
  field?: string;
}

export function errorAnswer(
  clock: EmulatorClock,
  status: number,
  issue?: Issue,
  more: { name?: string; links?: unknown[] } = {},
): ApiAnswer {
  const [name, message] = NAMES[status] ?? ['UNKNOWN', ''];
  const debugId = randomText(clock, HEX_DIGITS, 13);
  const details = issue === undefined || WITHOUT_DETAILS.includes(status) ? {} : { details: [issue] };
  const information = {
    href: `https://developer.paypal.com/docs/api/orders/v2/#error-${issue?.issue ?? name}`,
    rel: 'information_link',
    method: 'GET',
  };
  const links = [information, ...(more.links ?? [])];
  const body = { name: more.name ?? name, ...details, message, debug_id: debugId, links };
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer realm="Service"' } : {};
  return json(status, body, { 'paypal-debug-id': debugId, ...challenge });
}

/** Refuses with an issue that the operation's description has, in its words. */
export function refusal(
  clock: EmulatorClock,
  operation: Operation,
  method: string,
  status: number,
  issue: string,
  more: { field?: string; description?: string; links?: unknown[] } = {},
): Refused {
  const published = paypalIssue(operation, method, status, issue);
  const { field, description = published, links = [] } = more;
  return new Refused(
    errorAnswer(
      clock,
      status,
      { issue, description: description ?? issue, ...(field !== undefined && { field }) },
      { links },
    ),
  );
}

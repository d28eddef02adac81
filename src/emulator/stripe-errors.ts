/** Stripe's error answers. */
import { type ApiAnswer, type Decline, json, Refused } from './api.ts';
import type { CardDecline } from './instruments.ts';

export interface StripeError {
  type: 'card_error' | 'invalid_request_error' | 'idempotency_error' | 'api_error';
  code?: string;
  decline_code?: string;
  param?: string;
  message: string;
  [more: string]: unknown;
}

export function errorAnswer(status: number, error: StripeError): ApiAnswer {
  const { code } = error;
  const docs =
    code === undefined ? {} : { doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}` };
  return json(status, { error: { ...docs, ...error } }, advice(status));
}

/** Whether a repetition can end otherwise. */
function advice(status: number): Record<string, string> {
  if (status === 409) return { 'stripe-should-retry': 'true' };
  return status >= 400 && status < 500 && status !== 402 && status !== 429 ? { 'stripe-should-retry': 'false' } : {};
}

export function invalid(
  message: string,
  more: { code?: string; param?: string; [more: string]: unknown } = {},
): Refused {
  return new Refused(errorAnswer(400, { type: 'invalid_request_error', message, ...more }));
}

export function missing(object: string, id: string, param: string, status = 404): Refused {
  return new Refused(
    errorAnswer(status, {
      type: 'invalid_request_error',
      code: 'resource_missing',
      param,
      message: `No such ${object}: '${id}'`,
    }),
  );
}

export function wrongKey(key: string): ApiAnswer {
  const shown = key.length <= 12 ? '*'.repeat(key.length) : `${key.slice(0, 8)}${'*'.repeat(10)}${key.slice(-4)}`;
  const message = key === '' ? 'You did not provide an API key.' : `Invalid API Key provided: ${shown}`;
  return errorAnswer(401, { type: 'invalid_request_error', message });
}

export function keyInUse(key: string | null): ApiAnswer {
  return errorAnswer(409, {
    type: 'idempotency_error',
    code: 'idempotency_key_in_use',
    message:
      'There is currently another in-progress request using this Idempotent Key (that probably means you submitted ' +
      `twice, and the other request is still going through): ${key}. Please try again later.`,
  });
}

export function keyReused(key: string, ofEndpoint?: { first: string; now: string }): ApiAnswer {
  const same = ofEndpoint
    ? `for the same endpoint they were first used for ('${ofEndpoint.first}' vs '${ofEndpoint.now}')`
    : 'with the same parameters they were first used with';
  return errorAnswer(400, {
    type: 'idempotency_error',
    message:
      `Keys for idempotent requests can only be used ${same}. Try using a key other than '${key}' if you meant to ` +
      'execute a different request.',
  });
}

export function rateLimited(retryAfterSeconds: number): ApiAnswer {
  const { status, headers, body } = errorAnswer(429, {
    type: 'invalid_request_error',
    code: 'rate_limit',
    message:
      'Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.',
  });
  return { status, headers: { ...headers, 'retry-after': String(retryAfterSeconds) }, body };
}

export function crashed(): ApiAnswer {
  return errorAnswer(500, { type: 'api_error', message: 'An unknown error occurred' });
}

export type Declined = Decline | CardDecline;

/** What the card's issuer does not allow. */
export function cardError(declined: Declined, more: Record<string, unknown>): Refused {
  return new Refused(errorAnswer(402, { ...declineBody(declined), ...more }));
}

export function declineBody({ code, declineCode, message = 'Your card was declined.' }: Declined) {
  return {
    type: 'card_error',
    code,
    ...(declineCode !== undefined && { decline_code: declineCode }),
    message,
  } as const;
}

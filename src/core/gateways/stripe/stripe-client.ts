/**
 * Stripe's own SDK, over `fetch`. It is loaded with the first call that needs it, so that a Worker which does not charge
 * with Stripe has no work with it when it starts.
 */
import type { Stripe } from 'stripe';
import { parsedJson } from '../../response-body.ts';
import { codeOrNone, type Fetch } from '../json-call.ts';

/** Of all requests, whatever the account's own is. A webhook has the version that its endpoint was set up with. */
export const STRIPE_API_VERSION = '2026-10-28.endive';

export interface StripeSettings {
  /** `sk_…`, or a restricted key `rk_…`. */
  secretKey: string;
  /** `acct_…`: the account of the key, which Stripe does not name to a restricted one. Null: Stripe is asked. */
  accountId: string | null;
  /** `whsec_…`; null where Stripe sends no webhooks. */
  webhookSecret: string | null;
  /** https://api.stripe.com, or a substitute for it. */
  apiUrl: string;
}

export interface ClientOptions {
  /** Aborted at the deadline of all calls together; null: each has one of its own. */
  signal: AbortSignal | null;
  /** How often a call is sent again, under its key, where the connection broke or Stripe was at fault. */
  retries: number;
}

/** What of the SDK is called here. */
export type StripeClient = Pick<
  Stripe,
  'events' | 'paymentIntents' | 'paymentMethods' | 'rawRequest' | 'refunds' | 'webhooks'
>;

/** Milliseconds of a single call that has no deadline from outside. */
const CALL_DEADLINE_MS = 10_000;

export async function stripeClient(
  { secretKey, apiUrl }: StripeSettings,
  { signal, retries }: ClientOptions,
  send: Fetch,
): Promise<StripeClient> {
  const { Stripe } = await import('stripe');
  const { protocol, hostname, port } = new URL(apiUrl);
  const sendInTime = async (url: unknown, init: RequestInit = {}) => {
    const signals = [signal, init.signal].filter((one) => one !== null && one !== undefined);
    // Card data and the key go to the configured address only.
    return ownAnswer(await send(String(url), { ...init, redirect: 'manual', signal: AbortSignal.any(signals) }));
  };
  return new Stripe(secretKey, {
    apiVersion: STRIPE_API_VERSION,
    httpClient: Stripe.createFetchHttpClient(sendInTime as typeof fetch),
    host: hostname,
    ...(port !== '' && { port }),
    protocol: protocol === 'http:' ? 'http' : 'https',
    maxNetworkRetries: retries,
    timeout: CALL_DEADLINE_MS,
    telemetry: false,
  });
}

/**
 * The response, which can only be read if it is Stripe's own. The SDK returns any JSON without an `error` as the requested
 * object, whatever the status: a proxy's `{"message": …}` would be an intent without an id. Such an answer is treated as a broken
 * connection.
 */
function ownAnswer(response: Response): Response {
  const { status, text: read } = response;
  const text = async () => {
    const body = await read.call(response);
    const { object, error } = (parsedJson(body) ?? {}) as { object?: unknown; error?: { type?: unknown } | null };
    if (typeof (status < 300 ? object : error?.type) !== 'string') throw new Error('the answer is not from Stripe');
    return body;
  };
  return Object.assign(response, { text });
}

/** The relevant fields of an SDK error. Its message can quote the request and is never used. */
export interface StripeFailure {
  /** Undefined if there was no answer from Stripe. */
  status: number | undefined;
  /** `card_error`, `invalid_request_error`, … */
  type: string | undefined;
  code: string | undefined;
  declineCode: string | undefined;
  param: string | undefined;
  /** Whether it is the answer to an earlier request with the same key. */
  replayed: boolean;
  /** Whether Stripe was asked and gave no usable answer. */
  silent: boolean;
}

/** The code with which Stripe refuses a call for the state that an intent is in. */
export const UNEXPECTED_STATE = 'payment_intent_unexpected_state';

/** As the SDK calls its errors. An error of another kind comes from before anything was sent. */
const NO_ANSWER = ['StripeConnectionError', 'StripeAPIError'];

export function stripeFailure(error: unknown): StripeFailure {
  const failed = error as Partial<Stripe.errors.StripeError>;
  const { statusCode: status, rawType: type, code, decline_code, param, headers } = failed;
  const isUnanswered = error instanceof DeadlinePassed || NO_ANSWER.includes(String(failed.type));
  return {
    status,
    type,
    code: status === undefined ? undefined : code,
    // The SDK makes an empty text of one that is missing.
    declineCode: decline_code || undefined,
    param,
    replayed: headers?.['idempotent-replayed'] === 'true',
    silent: status === undefined ? isUnanswered : status >= 500 || status === 429,
  };
}

/** Codes by which Stripe refuses every request of an account or a key until its settings are changed. */
const ACCOUNT_CODES = [
  'account_invalid',
  'api_key_expired',
  'platform_api_key_expired',
  'secret_key_required',
  'testmode_charges_only',
];

/** For the log and for operators, in fixed words; an error if retrying does not help. */
export function stripeWhy(failed: StripeFailure): { reason: string; cause?: 'gateway_not_configured' } {
  const { status, code, type, silent } = failed;
  const cause = 'gateway_not_configured';
  switch (status) {
    case undefined:
      return { reason: silent ? 'Stripe did not answer' : 'the request to Stripe could not be made' };
    case 401:
      return { reason: 'Stripe does not accept STRIPE_SECRET_KEY (401): it is wrong, or has been revoked', cause };
    case 403:
      return { reason: 'Stripe does not allow this with STRIPE_SECRET_KEY (403): see its permissions', cause };
    default: {
      const reason = `Stripe answered ${status} (${codeOrNone(code) ?? codeOrNone(type) ?? 'no code'})`;
      return code !== undefined && ACCOUNT_CODES.includes(code) ? { reason, cause } : { reason };
    }
  }
}

/** The work's result, or a rejection when the signal is aborted: the SDK does not abort its own pauses. */
export async function beforeDeadline<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {}); // a later result is ignored
  if (signal.aborted) throw new DeadlinePassed();
  let stop = () => {};
  const passed = new Promise<never>((_, reject) => {
    stop = () => reject(new DeadlinePassed());
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, passed]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

class DeadlinePassed extends Error {
  override name = 'DeadlinePassed';
}

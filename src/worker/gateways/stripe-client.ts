/**
 * Stripe's own SDK, over `fetch`. It is loaded with the first call that needs it, so that a Worker which does not charge
 * with Stripe has no work with it when it starts.
 */
import type { Stripe } from 'stripe';
import type { Fetch } from './json-call.ts';

/** All requests and webhooks are of this version, whatever the account's own is. */
export const STRIPE_API_VERSION = '2026-10-28.endive';

export interface StripeSettings {
  /** `sk_…`, or a restricted key `rk_…`. */
  secretKey: string;
  /** `whsec_…`; null where Stripe sends no webhooks. */
  webhookSecret: string | null;
  /** https://api.stripe.com, or what stands for it. */
  apiUrl: string;
}

export interface ClientOptions {
  /** Aborted at the deadline of all calls together; null: each has one of its own. */
  signal: AbortSignal | null;
  /** How often a call is sent again, under its key, where the connection broke or Stripe was at fault. */
  retries: number;
}

/** Milliseconds of a single call that has no deadline from outside. */
const CALL_DEADLINE_MS = 10_000;

export async function stripeClient(
  { secretKey, apiUrl }: StripeSettings,
  { signal, retries }: ClientOptions,
  send: Fetch,
): Promise<Stripe> {
  const { Stripe } = await import('stripe');
  const { protocol, hostname, port } = new URL(apiUrl);
  const sendInTime = (url: unknown, init: RequestInit = {}) => {
    const signals = [signal, init.signal].filter((one) => one !== null && one !== undefined);
    // Card data and the key go to the configured address only.
    return send(String(url), { ...init, redirect: 'manual', signal: AbortSignal.any(signals) });
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

/** What is known of an error of the SDK's. Its message can repeat what was sent, and is never looked at. */
export interface StripeFailure {
  /** Undefined where there was no answer. */
  status: number | undefined;
  /** `card_error`, `invalid_request_error`, … */
  type: string | undefined;
  code: string | undefined;
  declineCode: string | undefined;
  param: string | undefined;
  /** Whether it is the answer to an earlier request with the same key. */
  replayed: boolean;
}

export function stripeFailure(error: unknown): StripeFailure {
  const { statusCode, rawType, code, decline_code, param, headers } = error as Partial<Stripe.errors.StripeError>;
  return {
    status: statusCode,
    type: rawType,
    code: statusCode === undefined ? undefined : code,
    declineCode: decline_code,
    param,
    replayed: headers?.['idempotent-replayed'] === 'true',
  };
}

/** For the log and for operators, in fixed words. */
export function stripeReason({ status, code, type }: StripeFailure): string {
  if (status === undefined) return 'Stripe did not answer';
  if (status === 401) return 'Stripe does not accept STRIPE_SECRET_KEY (401): it is wrong, or has been revoked';
  if (status === 403) return 'Stripe does not allow this with STRIPE_SECRET_KEY (403): see the permissions of the key';
  return `Stripe answered ${status} (${code ?? type ?? 'no code'})`;
}

/** The work's result, or a rejection when the signal is aborted: the SDK's own pauses do not end with it. */
export async function beforeDeadline<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
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

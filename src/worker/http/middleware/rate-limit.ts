/**
 * Middleware: exact sliding windows for each client address, checked before anything else of a request is read, and reported
 * on every answer in the contract's `X-RateLimit-*` headers and in the IETF's (draft-ietf-httpapi-ratelimit-headers).
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { DeadlineExceeded, within } from '../../../core/deadline.ts';
import { errorFields } from '../../../core/log.ts';
import type { RateLimitSettings } from '../../../core/settings/settings.ts';
import type { Bindings } from '../../bindings.ts';
import { readClient } from '../../rate-limit/client-address.ts';
import { type KnownRefusals, knownRefusals } from '../../rate-limit/known-refusals.ts';
import { countRefused, writeRefused } from '../../rate-limit/refused-requests.ts';
import type { Admission, Window } from '../../rate-limit/sliding-window.ts';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';

const BURST_WINDOW_MS = 10_000;
const MINUTE_WINDOW_MS = 60_000;
const LIMITER_DEADLINE_MS = 2_000;
const RETRY_AFTER_MS = 1_000;

/** Of one address, in any minute and in any ten seconds. */
export interface Limits {
  perMinute: number;
  burst: number;
}

/** @param own for paths that are counted by themselves, under this name */
export function rateLimit(own?: Limits & { name: string }) {
  return createMiddleware<HttpEnv>(async function rateLimit(c, next) {
    const limits = { ...c.get('settings').rateLimit, ...own };
    const { countable, ...admission } = await admissionOf(c, limits, own?.name);

    const nowMs = Date.now();
    for (const [name, value] of rateLimitHeaders(limits, admission, nowMs)) c.header(name, value);
    if (admission.admitted) return next();
    const retryAfterSeconds = secondsUntil(admission.resetAtMs, nowMs);
    c.header('Retry-After', String(retryAfterSeconds));
    if (!countable) {
      return errorResponse(c, 503, 'SERVICE_UNAVAILABLE', 'Requests cannot be counted right now. Please try again.');
    }
    c.get('log')('info', 'rate_limit.exceeded', { retry_after_seconds: retryAfterSeconds });
    countRefused(c.env);
    const written = writeRefused(c.env, c.get('settings'), c.get('log'), nowMs);
    if (written !== null) c.executionCtx.waitUntil(written);
    return errorResponse(
      c,
      429,
      'RATE_LIMIT_EXCEEDED',
      `Too many requests: ${limits.perMinute} a minute and ${limits.burst} in ten seconds are allowed.`,
      { retry_after_seconds: retryAfterSeconds },
    );
  });
}

/** Asks the client's limiter. A client that is exempt, or that can't be counted and is let in, gets the full limits. */
async function admissionOf(
  c: Context<HttpEnv>,
  limits: RateLimitSettings,
  name: string | undefined,
): Promise<Admission & { countable: boolean }> {
  const windows = windowsOf(limits);
  const client = readClient(c.req.header('CF-Connecting-IP'), limits.exempt);
  c.set('client', client);
  if (client.isExempt) return { ...uncounted(windows), countable: true };
  try {
    const limiterName = name === undefined ? client.bucket : `${name} ${client.bucket}`;
    const refusals = refusalsIn(c.env);
    const known = refusals.find(limiterName, Date.now());
    if (known !== null) return { ...known, countable: true };
    const limiter = c.env.RATE_LIMITER.getByName(limiterName);
    const admission = await within(LIMITER_DEADLINE_MS, 'the rate limiter', Promise.resolve(limiter.admit(windows)));
    refusals.keep(limiterName, admission);
    return { ...admission, countable: true };
  } catch (error) {
    if (isOverloaded(error)) {
      c.get('log')('warn', 'rate_limit.overloaded', errorFields(error));
      return { ...refused(windows), countable: true };
    }
    c.get('log')(limits.failOpen ? 'warn' : 'error', 'rate_limit.unreachable', errorFields(error));
    return { ...(limits.failOpen ? uncounted(windows) : refused(windows)), countable: false };
  }
}

/** By the environment, whose limits they are judged by. */
const refusalsByEnvironment = new WeakMap<Bindings, KnownRefusals>();

function refusalsIn(env: Bindings): KnownRefusals {
  const known = refusalsByEnvironment.get(env) ?? knownRefusals();
  refusalsByEnvironment.set(env, known);
  return known;
}

function windowsOf(limits: RateLimitSettings): [burst: Window, minute: Window] {
  return [
    { limit: limits.burst, windowMs: BURST_WINDOW_MS },
    { limit: limits.perMinute, windowMs: MINUTE_WINDOW_MS },
  ];
}

/**
 * An object that gets more calls than it can take, by Cloudflare's word or by its silence: this address is what
 * overloads it, and a flood must not be let in because it is one.
 */
function isOverloaded(error: unknown): boolean {
  if (error instanceof DeadlineExceeded) return true;
  return error instanceof Error && 'overloaded' in error && error.overloaded === true;
}

function uncounted(windows: Window[]): Admission {
  const nowMs = Date.now();
  const states = windows.map((window) => ({ ...window, remaining: window.limit, resetAtMs: nowMs }));
  return {
    admitted: true,
    remaining: Math.min(...windows.map(({ limit }) => limit)),
    resetAtMs: nowMs,
    windows: states,
  };
}

function refused(windows: Window[]): Admission {
  const resetAtMs = Date.now() + RETRY_AFTER_MS;
  return {
    admitted: false,
    remaining: 0,
    resetAtMs,
    windows: windows.map((window) => ({ ...window, remaining: 0, resetAtMs })),
  };
}

function rateLimitHeaders(limits: RateLimitSettings, admission: Admission, nowMs: number): [string, string][] {
  const [burst, minute] = admission.windows;
  if (burst === undefined || minute === undefined)
    throw new Error('the limiter judged fewer windows than it was given');
  const state = ({ remaining, resetAtMs }: typeof burst) => `r=${remaining};t=${secondsUntil(resetAtMs, nowMs)}`;
  return [
    ['X-RateLimit-Limit', String(limits.perMinute)],
    ['X-RateLimit-Remaining', String(admission.remaining)],
    ['X-RateLimit-Reset', String(Math.ceil(admission.resetAtMs / 1000))],
    [
      'RateLimit-Policy',
      `"burst";q=${burst.limit};w=${burst.windowMs / 1000}, "minute";q=${minute.limit};w=${minute.windowMs / 1000}`,
    ],
    ['RateLimit', `"burst";${state(burst)}, "minute";${state(minute)}`],
  ];
}

function secondsUntil(timeMs: number, nowMs: number): number {
  return Math.max(1, Math.ceil((timeMs - nowMs) / 1000));
}

/** The contract's error envelope: one place that makes it. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ErrorCode } from '../../contract/error-codes.ts';
import type { ErrorDetails, ErrorEnvelope } from '../../contract/responses.ts';
import { isoSeconds } from '../../core/domain/timestamp.ts';

export function errorEnvelope(code: ErrorCode, message: string, details: ErrorDetails = {}): ErrorEnvelope {
  return { error: { code, message, details }, timestamp: isoSeconds(Date.now()) };
}

/** When to come back: whole seconds, and at least one. */
export function retryAfter(c: Context, delayMs: number): void {
  c.header('Retry-After', String(Math.max(1, Math.ceil(delayMs / 1000))));
}

/** A request under way ends within the gateway's deadline, and nearly always at once. */
const IN_PROGRESS_RETRY_MS = 2_000;

/** The 409 for a key whose request has no outcome yet. */
export function idempotencyInProgress(c: Context, details: Record<string, unknown>): Response {
  retryAfter(c, IN_PROGRESS_RETRY_MS);
  return errorResponse(
    c,
    409,
    'IDEMPOTENCY_IN_PROGRESS',
    'The request with this Idempotency-Key has no outcome yet: send it again later, or ask for its status.',
    details,
  );
}

/** The 422 for a key that belongs to another request. */
export function idempotencyKeyReused(c: Context): Response {
  return errorResponse(
    c,
    422,
    'IDEMPOTENCY_KEY_REUSED',
    'This Idempotency-Key belongs to a request with another body: each new request needs a key of its own.',
  );
}

/** The 429 of somebody who tries out cards; it does not say by what that was seen. */
export function tooManyAttempts(c: Context, retryAfterMs: number): Response {
  retryAfter(c, retryAfterMs);
  return errorResponse(c, 429, 'RATE_LIMIT_EXCEEDED', 'Too many attempts to pay. Please try again later.', {
    retry_after_seconds: Math.max(1, Math.ceil(retryAfterMs / 1000)),
  });
}

/** An operator has been alarmed; what helps takes minutes. */
const LEDGER_FULL_RETRY_MS = 60_000;

/** The 503 of a database that takes nothing new. */
export function ledgerFull(c: Context): Response {
  c.var.log('error', 'ledger.full');
  retryAfter(c, LEDGER_FULL_RETRY_MS);
  return errorResponse(
    c,
    503,
    'SERVICE_UNAVAILABLE',
    'Nothing new is accepted right now, and no money moved. Please try again later.',
    { retry_possible: true },
  );
}

/** The 404 of a payment or refund that is not there; `archived` where it may have left for the archive. */
export function transactionNotFound(c: Context, archived: boolean, message = 'Transaction not found'): Response {
  const details: ErrorDetails = archived ? { archived: true, next_step: ARCHIVED } : {};
  return errorResponse(c, 404, 'TRANSACTION_NOT_FOUND', message, details);
}

const ARCHIVED =
  "Payments of that time are in the archive, and this service changes nothing of them. Ask whoever operates it for the record; a refund is made in the provider's dashboard.";

/** Of a gateway that is not even asked, because it has failed again and again. */
export const GATEWAY_DOWN = 'The payment gateway is not available; it was not asked, and no money moved';

/** An answer that is an error and nothing else. */
export function errorResponse(
  c: Context,
  status: ContentfulStatusCode,
  code: ErrorCode,
  message: string,
  details: ErrorDetails = {},
): Response {
  return c.json(errorEnvelope(code, message, details), status);
}

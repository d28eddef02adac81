/** The contract's error envelope: one place that makes it. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ErrorCode } from '../../contract/error-codes.ts';
import type { ErrorEnvelope } from '../../contract/responses.ts';
import { isoSeconds } from '../../payments/timestamp.ts';

export function errorEnvelope(code: ErrorCode, message: string, details: Record<string, unknown> = {}): ErrorEnvelope {
  return { error: { code, message, details }, timestamp: isoSeconds(Date.now()) };
}

/** An answer that is an error and nothing else. */
export function errorResponse(
  c: Context,
  status: ContentfulStatusCode,
  code: ErrorCode,
  message: string,
  details: Record<string, unknown> = {},
): Response {
  return c.json(errorEnvelope(code, message, details), status);
}

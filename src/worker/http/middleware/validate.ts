/** Middleware: the body fits its schema, or the answer says where it does not, without repeating what was sent. */
import { zValidator } from '@hono/zod-validator';
import type { Context } from 'hono';
import type * as z from 'zod/mini';
import { errorResponse } from '../error-envelope.ts';

/** Issues beyond this many say nothing new. */
const MAX_ISSUES = 20;

export function validate<Schema extends z.ZodMiniType>(schema: Schema) {
  return zValidator('json', schema, (result, c) => {
    if (result.success) return;
    const issues = result.error.issues.slice(0, MAX_ISSUES).map(({ path, message }) => ({
      path: path.map(String).join('.'),
      message,
    }));
    return invalidRequest(c, issues);
  });
}

/** The 422 for these fields. */
export function invalidRequest(c: Context, issues: { path: string; message: string }[]): Response {
  c.get('log')('info', 'request.invalid', { fields: issues.map(({ path }) => path).join(' ') });
  return errorResponse(c, 422, 'VALIDATION_ERROR', 'The request is not valid: see details.issues.', { issues });
}

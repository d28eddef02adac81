/** Middleware: the body fits its schema, or the answer says where it does not, without repeating what was sent. Behind `jsonBody`. */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type * as z from 'zod/mini';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { UnreadableRequest } from './unreadable-request.ts';

/** Issues beyond this many say nothing new. */
const MAX_ISSUES = 20;

/** A valid body is the route's `c.req.valid('json')`. */
export function validate<Schema extends z.ZodMiniType<object>>(schema: Schema) {
  type Validated = { in: { json: z.input<Schema> }; out: { json: z.output<Schema> } };
  return createMiddleware<HttpEnv, string, Validated>(async function validate(c, next) {
    const result = schema.safeParse(parsed(c.get('bodyText')));
    if (result.success) {
      c.req.addValidatedData('json', result.data);
      return next();
    }
    const issues = result.error.issues.slice(0, MAX_ISSUES).map(({ path, message }) => ({
      path: path.map(String).join('.'),
      message,
    }));
    return invalidRequest(c, issues);
  });
}

/** The engine's own message would quote the body, which has a card in it. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new UnreadableRequest('Malformed JSON in request body');
  }
}

/** The 422 for these fields. */
export function invalidRequest(c: Context, issues: { path: string; message: string }[]): Response {
  c.get('log')('info', 'request.invalid', { fields: issues.map(({ path }) => path).join(' ') });
  return errorResponse(c, 422, 'VALIDATION_ERROR', 'The request is not valid: see details.issues.', { issues });
}

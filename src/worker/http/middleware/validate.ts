/** Middleware: the body or the query fits its schema, or the answer says where it does not, without repeating what was sent. */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type * as z from 'zod/mini';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { UnreadableRequest } from './unreadable-request.ts';

/** Issues beyond this many say nothing new. */
const MAX_ISSUES = 20;

/** A valid body is the route's `c.req.valid('json')`. Behind `jsonBody`. */
export function validate<Schema extends z.ZodMiniType<object>>(schema: Schema) {
  type Validated = { in: { json: z.input<Schema> }; out: { json: z.output<Schema> } };
  return createMiddleware<HttpEnv, string, Validated>(async function validate(c, next) {
    const result = schema.safeParse(parsed(c.get('bodyText')));
    if (result.success) {
      c.req.addValidatedData('json', result.data);
      return next();
    }
    return invalidRequest(c, issuesOf(result.error));
  });
}

/** A valid query is the route's `c.req.valid('query')`. A parameter is given once: of two, one would be ignored. */
export function validateQuery<Schema extends z.ZodMiniObject>(schema: Schema) {
  type Validated = { in: { query: z.input<Schema> }; out: { query: z.output<Schema> } };
  return createMiddleware<HttpEnv, string, Validated>(async function validateQuery(c, next) {
    const given = Object.entries(c.req.queries());
    const result = schema.safeParse(Object.fromEntries(given.map(([name, [value]]) => [name, value])));
    if (!result.success) return invalidRequest(c, issuesOf(result.error, Object.keys(schema.def.shape)));
    const repeated = given.flatMap(([path, values]) =>
      values.length > 1 ? { path, message: 'must be given once' } : [],
    );
    if (repeated.length > 0) return invalidRequest(c, repeated);
    c.req.addValidatedData('query', result.data);
    return next();
  });
}

/**
 * The name of an unknown parameter is not repeated either: it may be anything.
 *
 * @param known parameters, where others are refused
 */
function issuesOf({ issues }: z.core.$ZodError, known: string[] = []): { path: string; message: string }[] {
  return issues.slice(0, MAX_ISSUES).map(({ code, path, message }) => ({
    path: path.map(String).join('.'),
    message: code === 'unrecognized_keys' ? `has an unknown parameter: use ${known.join(', ')}` : message,
  }));
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

/** Handler: the path exists, the method does not (RFC 9110, 15.5.6). */
import type { Context } from 'hono';
import { errorResponse } from '../error-envelope.ts';

export function methodNotAllowed(allow: 'GET, HEAD' | 'POST' | 'GET, HEAD, POST') {
  return function methodNotAllowed(c: Context): Response {
    c.header('Allow', allow);
    return errorResponse(c, 405, 'METHOD_NOT_ALLOWED', `This path answers ${allow} only.`);
  };
}

/** Middleware: the caller may do this, or the answer is 403 (RFC 6750, 3.1). Behind `authenticate`. */
import { createMiddleware } from 'hono/factory';
import { mayDo, type Scope } from '../../../core/security/credential.ts';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { REALM } from './authenticate.ts';

export function requireScope(scope: Scope) {
  return createMiddleware<HttpEnv>(async function requireScope(c, next) {
    if (mayDo(c.get('credential'), scope)) return next();
    c.get('log')('warn', 'auth.forbidden', { actor: c.get('credential').actor, needed: scope });
    c.header('WWW-Authenticate', `${REALM}, error="insufficient_scope", scope="${scope}"`);
    return errorResponse(c, 403, 'FORBIDDEN', `This needs the scope ${scope}.`, { needed_scope: scope });
  });
}

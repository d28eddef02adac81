/** Middleware: what the request is worked on with. Behind whatever has found out who calls. */
import { createMiddleware } from 'hono/factory';
import { newPatience } from '../../../core/ledger/database.ts';
import { compose } from '../../compose.ts';
import type { HttpEnv } from '../http-env.ts';

export function withContext() {
  return createMiddleware<HttpEnv>(async function withContext(c, next) {
    c.set('context', compose(c.env, c.get('settings'), c.get('log'), c.get('caller'), newPatience(Date.now)));
    return next();
  });
}

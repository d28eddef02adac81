/** Middleware: what the request is worked on with, for each database. Behind whatever has found out who calls. */
import { createMiddleware } from 'hono/factory';
import { newPatience } from '../../../core/ledger/database.ts';
import { compose } from '../../compose.ts';
import type { HttpEnv } from '../http-env.ts';

export function withShards() {
  return createMiddleware<HttpEnv>(async function withShards(c, next) {
    const [env, settings, log, caller] = [c.env, c.get('settings'), c.get('log'), c.get('caller')];
    c.set('shards', compose({ env, settings, log, caller, patience: newPatience(Date.now) }));
    return next();
  });
}

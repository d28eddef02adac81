/** Middleware: what an operation works with, made of the request's bindings and settings. */
import { createMiddleware } from 'hono/factory';
import { operationContext } from '../operation-context.ts';
import type { HttpEnv } from './context.ts';

/** Behind whatever has found out who calls. */
export function withOperationContext() {
  return createMiddleware<HttpEnv>(async function withOperationContext(c, next) {
    c.set('operation', operationContext(c.env.DB, c.var.settings, c.var.log, c.var.caller));
    return next();
  });
}

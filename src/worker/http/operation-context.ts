/** Middleware: what an operation works with, made of the request's bindings and settings. */
import { createMiddleware } from 'hono/factory';
import { ulid } from 'ulid';
import { createSandbox } from '../gateways/sandbox.ts';
import type { HttpEnv } from './context.ts';

/** The one organisation that there is, until API keys tell several apart. */
const DEFAULT_TENANT = 'default';

export function operationContext() {
  return createMiddleware<HttpEnv>(async function operationContext(c, next) {
    c.set('operation', {
      db: { d1: c.env.DB, log: c.var.log },
      gateway: createSandbox(),
      settings: c.var.settings,
      log: c.var.log,
      tenant: DEFAULT_TENANT,
      nowMs: Date.now,
      newId: (prefix) => `${prefix}${ulid()}`,
    });
    return next();
  });
}

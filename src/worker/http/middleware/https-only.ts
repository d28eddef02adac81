/** Middleware: in production nothing is taken over plain HTTP. No redirect: what was sent has been read on the way already. */
import { createMiddleware } from 'hono/factory';
import { errorResponse } from '../errors.ts';
import type { HttpEnv } from '../http-env.ts';

export function httpsOnly() {
  return createMiddleware<HttpEnv>(async function httpsOnly(c, next) {
    if (!c.var.settings.production || new URL(c.req.url).protocol === 'https:') return next();
    return errorResponse(
      c,
      403,
      'HTTPS_REQUIRED',
      'Send the request over https. What this one carried has travelled in the open: replace its key.',
    );
  });
}

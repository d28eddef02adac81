/** Middleware: production refuses plain HTTP. It does not redirect: the request has already travelled in the clear. */
import { createMiddleware } from 'hono/factory';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';

const HTTPS = /^https:/i;

export function httpsOnly() {
  return createMiddleware<HttpEnv>(async function httpsOnly(c, next) {
    if (!c.get('settings').production || HTTPS.test(c.req.url)) return next();
    return errorResponse(
      c,
      403,
      'HTTPS_REQUIRED',
      'Send the request over https. This one was sent in the clear: replace its key.',
    );
  });
}

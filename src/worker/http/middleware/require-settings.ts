/** Middleware: no request goes further than a Worker whose settings are complete. `/health` is before it. */
import { createMiddleware } from 'hono/factory';
import { environmentSettings } from '../../environment-settings.ts';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';

const HOW_TO_CONFIGURE =
  'On your machine, run `npm run setup`. For Cloudflare, variables are in wrangler.toml, and a secret is set with `npx wrangler secret put NAME` or in the dashboard.';

export function configured() {
  return createMiddleware<HttpEnv>(async function configured(c, next) {
    const read = environmentSettings(c.env);
    if (read.kind === 'invalid') {
      c.get('log')('error', 'settings.invalid', { problems: read.problems.join('; ') });
      return errorResponse(c, 503, 'NOT_CONFIGURED', `The payment service is not configured. ${HOW_TO_CONFIGURE}`, {
        problems: read.problems,
      });
    }
    c.set('settings', read.settings);
    return next();
  });
}

/** Middleware: only admins of the organisation `default` see the whole installation. Behind `requireScope`. */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { DEFAULT_TENANT } from '../../../core/security/credential.ts';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';

export function seesInstallation(tenant: string): boolean {
  return tenant === DEFAULT_TENANT;
}

/** The organisation whose cases and disputes are shown; null: all. */
export function shownTenant(c: Context<HttpEnv>): string | null {
  const { tenant } = c.get('credential');
  return seesInstallation(tenant) ? null : tenant;
}

export function ofInstallation() {
  return createMiddleware<HttpEnv>(async function ofInstallation(c, next) {
    const { tenant, actor } = c.get('credential');
    if (seesInstallation(tenant)) return next();
    c.get('log')('warn', 'auth.forbidden', { actor, needed: DEFAULT_TENANT });
    return errorResponse(c, 403, 'FORBIDDEN', `Only admins of the organisation ${DEFAULT_TENANT} see this.`);
  });
}

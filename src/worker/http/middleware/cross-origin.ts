/** Middleware: which web pages may call (CORS). None may, unless CORS_ORIGINS names their origin. */
import { cors } from 'hono/cors';
import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../http-env.ts';

const REQUEST_HEADERS = ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Request-Id'];
const ANSWER_HEADERS = [
  'X-Request-Id',
  'Idempotent-Replayed',
  'Retry-After',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'RateLimit',
  'RateLimit-Policy',
];
const PREFLIGHT_KEPT_FOR_SECONDS = 600;

export function crossOrigin() {
  return createMiddleware<HttpEnv>(async function crossOrigin(c, next) {
    const { corsOrigins } = c.get('settings');
    if (corsOrigins.length === 0) return next();
    if (!corsOrigins.includes(c.req.header('Origin') ?? '')) {
      c.header('Vary', 'Origin');
      return next();
    }
    return cors({
      origin: corsOrigins,
      allowMethods: ['GET', 'POST'],
      allowHeaders: REQUEST_HEADERS,
      exposeHeaders: ANSWER_HEADERS,
      maxAge: PREFLIGHT_KEPT_FOR_SECONDS,
    })(c, next);
  });
}

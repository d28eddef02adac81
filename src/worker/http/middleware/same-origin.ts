/**
 * Middleware: refuses cross-site requests (CSRF). Another web page cannot send a key in the Authorization header, but the browser adds Access's
 * cookie, and local development needs neither. Checked are Fetch Metadata (https://www.w3.org/TR/fetch-metadata/), which all current browsers send,
 * and the media type: JSON of another page needs a CORS preflight, which nothing here answers. Behind `authenticateConsole`.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { isJson } from './json-body.ts';

export function sameOrigin() {
  return createMiddleware<HttpEnv>(async function sameOrigin(c, next) {
    if (c.get('signedInBy') === 'api_key') return next();
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
    if (isRead ? !mayRead(c) : !mayWrite(c)) {
      c.get('log')('warn', 'console.cross_site', { site: c.req.header('Sec-Fetch-Site') ?? null });
      return errorResponse(c, 403, 'FORBIDDEN', 'Only the pages of the console may send this.');
    }
    if (!isRead && !isJson(c.req.header('Content-Type'))) {
      return errorResponse(c, 415, 'UNSUPPORTED_MEDIA_TYPE', 'Send Content-Type: application/json.');
    }
    return next();
  });
}

/** `none`: the user typed the address. */
function mayRead(c: Context): boolean {
  const site = c.req.header('Sec-Fetch-Site') ?? 'same-origin';
  return (site === 'same-origin' || site === 'none') && !hasOtherOrigin(c);
}

function mayWrite(c: Context): boolean {
  const site = c.req.header('Sec-Fetch-Site');
  return (site === undefined ? c.req.header('Origin') !== undefined : site === 'same-origin') && !hasOtherOrigin(c);
}

/**
 * Counts beside Fetch Metadata: a page whose own name resolves to a desk is of the same origin as what it asks, and has wrangler show another URL
 * here by the header `MF-Original-URL`. Browsers name its origin all the same with each request that changes something.
 */
function hasOtherOrigin(c: Context): boolean {
  const origin = c.req.header('Origin');
  return origin !== undefined && origin !== new URL(c.req.url).origin;
}

/**
 * Middleware: refuses what another web page has a browser send. A key in the Authorization header is out of its reach; Access's cookie, and a
 * desk that asks nobody, are not. By Fetch Metadata (https://www.w3.org/TR/fetch-metadata/), which all browsers send today, and by the media
 * type: another page cannot send JSON without asking first, and nothing here answers such a question. Behind `authenticateConsole`.
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

/** `none`: an address that a person has typed in. */
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

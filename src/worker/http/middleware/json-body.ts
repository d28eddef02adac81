/**
 * Middleware: a request body is JSON of sensible size, in UTF-8. A caller that names no media type means JSON, as it did
 * with FastAPI. `validate`, behind it, gets the text.
 */
import { createMiddleware } from 'hono/factory';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { bodyBytes } from './limit-body.ts';
import { UnreadableRequest } from './unreadable-request.ts';

/** Every request of the contract fits, even with each text as long as it may be. */
export const BODY_MAX_BYTES = 16 * 1024;
const JSON_MEDIA_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

export function isJson(mediaType: string | undefined): boolean {
  return mediaType !== undefined && JSON_MEDIA_TYPE.test(mediaType.trim());
}

export function jsonBody() {
  return createMiddleware<HttpEnv>(async function jsonBody(c, next) {
    const mediaType = c.req.header('Content-Type')?.trim();
    if (mediaType && !isJson(mediaType)) {
      return errorResponse(
        c,
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        'The request body must be JSON: send Content-Type: application/json.',
      );
    }
    const encoding = c.req.header('Content-Encoding');
    if (encoding && encoding.toLowerCase() !== 'identity') {
      return errorResponse(c, 415, 'UNSUPPORTED_MEDIA_TYPE', 'The request body must not be compressed.');
    }

    const bytes = await bodyBytes(c.req.raw);
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
    } catch {
      throw new UnreadableRequest('The request body is not valid UTF-8.');
    }
    if (text.trim() === '') throw new UnreadableRequest('The request body is empty: send a JSON object.');
    c.set('bodyText', text);
    return next();
  });
}

/** Middleware: a request body of sensible size. */
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { UnreadableRequest } from './unreadable-request.ts';

/**
 * The body's bytes.
 *
 * @throws UnreadableRequest where the client hangs up before the end, which is no fault of this service
 */
export async function bodyBytes(request: Request): Promise<ArrayBuffer> {
  return request.arrayBuffer().catch(() => {
    throw new UnreadableRequest('The request body breaks off.');
  });
}

/** @param what is limited, in the words of the answer */
export function limitBody(maxBytes: number, what = 'The request body') {
  const limit = bodyLimit({
    maxSize: maxBytes,
    onError: (c) =>
      errorResponse(c, 413, 'PAYLOAD_TOO_LARGE', `${what} must not be larger than ${maxBytes / 1024} KiB.`),
  });
  return createMiddleware<HttpEnv>(async function limitBody(c, next) {
    let isWithin = false;
    try {
      return await limit(c, async () => {
        isWithin = true;
        await next();
      });
    } catch (error) {
      // A body without a Content-Length is read to its end by the library before it goes on.
      if (isWithin) throw error;
      throw new UnreadableRequest('The request body breaks off.');
    }
  });
}

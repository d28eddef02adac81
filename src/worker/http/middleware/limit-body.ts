/** Middleware: a request body of sensible size. */
import { createMiddleware } from 'hono/factory';
import { errorResponse } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';
import { UnreadableRequest } from './unreadable-request.ts';

const DECLARED_LENGTH = /^\d+$/;

/**
 * The body's bytes.
 *
 * @throws UnreadableRequest where the client hangs up before the end, which is no fault of this service
 */
export function bodyBytes(request: Request): Promise<ArrayBuffer> {
  return readable(request.arrayBuffer());
}

/** @param what is limited, in the words of the answer */
export function limitBody(maxBytes: number, what = 'The request body') {
  return createMiddleware<HttpEnv>(async function limitBody(c, next) {
    const declared = c.req.header('Content-Length');
    let isWithin: boolean;
    if (declared !== undefined && DECLARED_LENGTH.test(declared) && c.req.header('Transfer-Encoding') === undefined) {
      isWithin = Number(declared) <= maxBytes;
    } else {
      // Only by reading it is known how long it is.
      const body = await readable(bytesAtMost(c.req.raw, maxBytes));
      isWithin = body !== null;
      if (body !== null && c.req.raw.body !== null) c.req.raw = new Request(c.req.raw, { body });
    }
    if (isWithin) return next();
    return errorResponse(c, 413, 'PAYLOAD_TOO_LARGE', `${what} must not be larger than ${maxBytes / 1024} KiB.`);
  });
}

function readable<Body>(reading: Promise<Body>): Promise<Body> {
  return reading.catch(() => {
    throw new UnreadableRequest('The request body breaks off.');
  });
}

/** Null where there are more, and then the rest is not read. */
async function bytesAtMost({ body }: Request, maxBytes: number): Promise<ArrayBuffer | null> {
  const bytes = new Uint8Array(maxBytes);
  let length = 0;
  for await (const chunk of body ?? []) {
    if (length + chunk.byteLength > maxBytes) return null;
    bytes.set(chunk, length);
    length += chunk.byteLength;
  }
  return bytes.buffer.slice(0, length);
}

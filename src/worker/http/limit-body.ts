/** Middleware: a request body of sensible size, which has come to its end. Whoever is behind it reads bytes that are there. */
import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from './context.ts';
import { errorResponse } from './errors.ts';
import { UnreadableRequest } from './json-body.ts';

/** @param what is limited, in the words of the answer */
export function limitBody(maxBytes: number, what = 'The request body') {
  return createMiddleware<HttpEnv>(async function limitBody(c, next) {
    const bytes = await readBody(c.req.raw, maxBytes);
    if (bytes === null) {
      return errorResponse(c, 413, 'PAYLOAD_TOO_LARGE', `${what} must not be larger than ${maxBytes / 1024} KiB.`);
    }
    c.req.raw = new Request(c.req.raw, { body: bytes });
    return next();
  });
}

/**
 * Null where there is more of it. What a header says of the length can only refuse it: all that comes is counted.
 *
 * @throws UnreadableRequest where the client hangs up before the end, which is no fault of this service
 */
async function readBody({ body, headers }: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if (body === null) return new Uint8Array();
  if (Number(headers.get('Content-Length')) > maxBytes) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new UnreadableRequest('The request body breaks off.');
    });
    if (done) return new Uint8Array(await new Blob(chunks).arrayBuffer());
    size += value.length;
    if (size > maxBytes) return null;
    chunks.push(value);
  }
}

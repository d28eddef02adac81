/**
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header): a string of RFC 8941 in quotes, or the bare
 * characters, as most clients send it. Both spellings are the same key.
 */
import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../http-env.ts';
import { UnreadableRequest } from './unreadable-request.ts';

const KEY_MAX_LENGTH = 255;
/** RFC 8941, 3.3.3: printable ASCII, with a backslash before quotes and backslashes. */
const QUOTED = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
/** No comma: it is what a header that came twice is joined by, and one of its values alone would be another key. */
const BARE = /^[\x21\x23-\x2b\x2d-\x7e][\x20-\x2b\x2d-\x7e]*$/;

export function idempotencyKey() {
  return createMiddleware<HttpEnv>(async function idempotencyKey(c, next) {
    const header = c.req.header('Idempotency-Key');
    c.set('idempotencyKey', header === undefined ? null : readKey(header.trim()));
    return next();
  });
}

/** @throws UnreadableRequest rather than ignoring a key that a caller relies on */
function readKey(header: string): string {
  const key = QUOTED.exec(header)?.[1]?.replace(/\\(["\\])/g, '$1') ?? BARE.exec(header)?.[0];
  if (key === undefined || key.length === 0 || key.length > KEY_MAX_LENGTH) {
    throw new UnreadableRequest(
      `The Idempotency-Key header must have 1 to ${KEY_MAX_LENGTH} printable ASCII characters, in quotes or without, and come once; a comma needs the quotes.`,
    );
  }
  return key;
}

/** Marks the answer of an earlier request with the same key. */
export const REPLAYED_HEADER = 'Idempotent-Replayed';

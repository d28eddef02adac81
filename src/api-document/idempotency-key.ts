/** The header that makes a request safe to repeat. */
import type { ZodOpenApiParameterObject } from 'zod-openapi';

/** A string of RFC 8941, in quotes and with a backslash before quotes and backslashes; or the bare characters, without a comma. */
const QUOTED_OR_BARE = String.raw`^("([ !#-\[\]-~]|\\["\\])+"|[!#-+\--~][ -+\--~]*)$`;

// Without an example: a documentation page would send it with each request.
export const IDEMPOTENCY_KEY: ZodOpenApiParameterObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    '1 to 255 printable ASCII characters, in quotes or without; a key with a comma needs the quotes. The same request with the same key is one payment or one refund: each answer is that of the first request. A key is kept for 24 hours.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: QUOTED_OR_BARE },
};

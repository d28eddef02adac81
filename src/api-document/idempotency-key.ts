/** The header that makes a request safe to repeat. */
import type { ZodOpenApiParameterObject } from 'zod-openapi';

// Without an example: a documentation page would send it with each request.
export const IDEMPOTENCY_KEY: ZodOpenApiParameterObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    '1 to 255 printable ASCII characters, in quotes or without; a key with a comma needs the quotes. The same request with the same key is one payment or one refund: each answer is that of the first request. A key is kept for 24 hours.',
  schema: { type: 'string', minLength: 1 },
};

/** The headers of answers, and which of them an answer has in any case. */
import type { oas32 } from 'zod-openapi';

const HEADERS = {
  'X-Request-Id': {
    description: 'The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.',
    schema: { type: 'string' },
    example: 'c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b',
  },
  'X-RateLimit-Limit': {
    description: 'How many requests of a client address are admitted in a minute.',
    schema: { type: 'integer' },
    example: 100,
  },
  'X-RateLimit-Remaining': {
    description: 'How many more would be admitted now, by whichever limit is closer to being reached.',
    schema: { type: 'integer' },
    example: 19,
  },
  'X-RateLimit-Reset': {
    description: 'When `X-RateLimit-Remaining` next grows, in seconds since 1970.',
    schema: { type: 'integer' },
    example: 1795452839,
  },
  RateLimit: {
    description: 'What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).',
    schema: { type: 'string' },
    example: '"burst";r=19;t=10, "minute";r=99;t=60',
  },
  'RateLimit-Policy': {
    description: 'The limits: how many requests (`q`) in how many seconds (`w`).',
    schema: { type: 'string' },
    example: '"burst";q=20;w=10, "minute";q=100;w=60',
  },
  'Retry-After': {
    description: 'The seconds to wait before the request is sent again.',
    schema: { type: 'integer', minimum: 1 },
    example: 7,
  },
  'Idempotent-Replayed': {
    description: '`true` if this is the answer to an earlier request with the same `Idempotency-Key`.',
    schema: { type: 'string', const: 'true' },
    example: 'true',
  },
  'WWW-Authenticate': {
    description: 'How to authenticate, and why the key or token was refused (RFC 6750).',
    schema: { type: 'string' },
    example: 'Bearer realm="payment-service", error="invalid_token", error_description="The token has expired"',
  },
  Allow: {
    description: 'The methods that the path has.',
    schema: { type: 'string' },
    example: 'POST',
  },
} satisfies Record<string, oas32.HeaderObject>;

export type HeaderName = keyof typeof HEADERS;
export const HEADER_NAMES = Object.keys(HEADERS) as HeaderName[];

const RATE_LIMIT: HeaderName[] = [
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'RateLimit',
  'RateLimit-Policy',
];

/** `reached`: refused or answered after the requests were counted; `perhaps`: or before; `never`: where nothing is counted. */
export type Counted = 'reached' | 'perhaps' | 'never';

/** What is of one answer alone. */
export interface OwnHeaders {
  always?: HeaderName[];
  sometimes?: HeaderName[];
  /** In place of those above. */
  headerExamples?: Partial<Record<HeaderName, string | number>>;
}

export function headersOf(
  counted: Counted,
  { always = [], sometimes = [], headerExamples = {} }: OwnHeaders = {},
): Record<string, oas32.HeaderObject> {
  const required: HeaderName[] = [...always, 'X-Request-Id', ...(counted === 'reached' ? RATE_LIMIT : [])];
  const optional: HeaderName[] = [...sometimes, ...(counted === 'perhaps' ? RATE_LIMIT : [])];
  // What is of this answer alone comes first: documentation pages show them in this order.
  const own = [...always, ...sometimes];
  return Object.fromEntries(
    [...new Set([...own, ...required, ...optional])].map((name) => [
      name,
      {
        ...HEADERS[name],
        ...(name in headerExamples && { example: headerExamples[name] }),
        ...(required.includes(name) && { required: true }),
      },
    ]),
  );
}

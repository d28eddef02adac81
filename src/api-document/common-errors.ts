/** The errors that every operation has in common: who may call, how often, with what kind of body, and what may be out of order. */
import type { ZodOpenApiResponseObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import type { Scope } from '../core/security/credential.ts';
import { type Examples, envelope, errorAnswer, errorExample } from './answer.ts';
import type { Counted, OwnHeaders } from './headers.ts';

export const NOT_CONFIGURED = errorExample('NOT_CONFIGURED', 'The payment service is not configured.', {
  problems: ['BRIDGE_URL is missing'],
});
const UNAVAILABLE = errorExample(
  'SERVICE_UNAVAILABLE',
  'The service cannot be reached right now. Please try again.',
  {},
  'The database does not answer. Nothing was charged.',
);
const HTTPS_REQUIRED = errorExample(
  'HTTPS_REQUIRED',
  'Send the request over https. This one was sent in the clear: replace its key.',
);

export const MALFORMED = errorExample('INVALID_REQUEST', 'Malformed JSON in request body');
export const VALIDATION_ERROR = errorExample('VALIDATION_ERROR', 'The request is not valid: see details.issues.', {
  issues: [
    { path: 'booking_id', message: 'is required' },
    { path: 'user_id', message: 'must be a string' },
  ],
});
export const KEY_REUSED = errorExample(
  'IDEMPOTENCY_KEY_REUSED',
  'This Idempotency-Key belongs to a request with another body: each new request needs a key of its own.',
);

/** Of one address. */
interface Limits {
  perMinute: number;
  burst: number;
}

export const tooManyRequests = ({ perMinute, burst }: Limits): Examples =>
  errorExample(
    'RATE_LIMIT_EXCEEDED',
    `Too many requests: ${perMinute} a minute and ${burst} in ten seconds are allowed.`,
    { retry_after_seconds: 7 },
  );
/** With the default settings. */
export const TOO_MANY_REQUESTS = tooManyRequests({ perMinute: 100, burst: 20 });

/** Of the limits on attempts to pay. The answer does not say which of them it was. */
export const TOO_MANY_ATTEMPTS: Examples = {
  'RATE_LIMIT_EXCEEDED.attempts': {
    summary: 'Too many attempts to pay: with this card, of this user, or too many that were declined',
    value: envelope('RATE_LIMIT_EXCEEDED', 'Too many attempts to pay. Please try again later.', {
      retry_after_seconds: 600,
    }),
  },
};

/** What a path answers, as its `Allow` header says it. */
type Methods = 'POST' | 'GET, HEAD';

export function methodNotAllowed(
  methods: Methods,
  { counted = 'reached', headerExamples = {} }: Pick<OwnHeaders, 'headerExamples'> & { counted?: Counted } = {},
): ZodOpenApiResponseObject {
  return errorAnswer({
    description: 'The path has no such method.',
    counted,
    always: ['Allow'],
    headerExamples: { ...headerExamples, Allow: methods },
    examples: errorExample('METHOD_NOT_ALLOWED', `This path answers ${methods} only.`),
  });
}

function forbidden(scope: Scope): ZodOpenApiResponseObject {
  return errorAnswer({
    description: `The key or token lacks the scope \`${scope}\`, or the request came over plain HTTP.`,
    counted: 'perhaps',
    sometimes: ['WWW-Authenticate'],
    headerExamples: {
      'WWW-Authenticate': `Bearer realm="payment-service", error="insufficient_scope", scope="${scope}"`,
    },
    examples: {
      ...errorExample('FORBIDDEN', `This needs the scope ${scope}.`, { needed_scope: scope }),
      ...HTTPS_REQUIRED,
    },
  });
}

/** By the names that they have among the document's components. */
export const COMMON_ANSWERS = {
  Unauthorized: errorAnswer({
    description: 'The key or token is missing or not valid.',
    always: ['WWW-Authenticate'],
    examples: {
      ...errorExample('UNAUTHORIZED', 'Send an API key or a token: Authorization: Bearer …'),
      'UNAUTHORIZED.token': {
        summary: 'The token has expired',
        value: envelope('UNAUTHORIZED', 'The token has expired'),
      },
    },
  }),
  HttpsRequired: errorAnswer({
    description: 'The request came over plain HTTP.',
    counted: 'perhaps',
    examples: HTTPS_REQUIRED,
  }),
  NeedsPaymentsRead: forbidden('payments:read'),
  NeedsPaymentsWrite: forbidden('payments:write'),
  NeedsRefundsWrite: forbidden('refunds:write'),
  NeedsMetricsRead: forbidden('metrics:read'),
  AnswersGetOnly: methodNotAllowed('GET, HEAD'),
  AnswersPostOnly: methodNotAllowed('POST'),
  PayloadTooLarge: errorAnswer({
    description: 'The request body is too large.',
    examples: errorExample('PAYLOAD_TOO_LARGE', 'The request body must not be larger than 16 KiB.'),
  }),
  UnsupportedMediaType: errorAnswer({
    description: 'The body is not JSON, or is compressed.',
    examples: errorExample(
      'UNSUPPORTED_MEDIA_TYPE',
      'The request body must be JSON: send Content-Type: application/json.',
    ),
  }),
  TooManyRequests: errorAnswer({
    description: 'Too many requests of this address.',
    always: ['Retry-After'],
    examples: TOO_MANY_REQUESTS,
  }),
  InternalError: errorAnswer({
    description: 'A bug. The log has it under the `X-Request-Id` of the answer.',
    counted: 'perhaps',
    examples: errorExample('INTERNAL_ERROR', 'Internal server error'),
  }),
  Unavailable: errorAnswer({
    description: 'The service is not configured, or something that it needs does not answer. Nothing was charged.',
    counted: 'perhaps',
    sometimes: ['Retry-After'],
    examples: { ...NOT_CONFIGURED, ...UNAVAILABLE },
  }),
} satisfies Record<string, ZodOpenApiResponseObject>;

export type CommonAnswer = keyof typeof COMMON_ANSWERS;

export const reference = (name: CommonAnswer) => ({ $ref: `#/components/responses/${name}` });

const FORBIDDEN = {
  'payments:read': 'NeedsPaymentsRead',
  'payments:write': 'NeedsPaymentsWrite',
  'refunds:write': 'NeedsRefundsWrite',
  'metrics:read': 'NeedsMetricsRead',
} satisfies Partial<Record<Scope, CommonAnswer>>;

/** Of each operation that asks who calls. */
export function guarded(methods: Methods, scope: keyof typeof FORBIDDEN | null): ZodOpenApiResponsesObject {
  return {
    '401': reference('Unauthorized'),
    '403': reference(scope === null ? 'HttpsRequired' : FORBIDDEN[scope]),
    '405': reference(methods === 'POST' ? 'AnswersPostOnly' : 'AnswersGetOnly'),
    '429': reference('TooManyRequests'),
    '500': reference('InternalError'),
    '503': reference('Unavailable'),
  };
}

/** Of each operation with a body, beside what it says of the body itself. */
export const WITH_BODY: ZodOpenApiResponsesObject = {
  '413': reference('PayloadTooLarge'),
  '415': reference('UnsupportedMediaType'),
};

/** Webhooks are counted by themselves. */
const WEBHOOK_LIMITS: Limits = { perMinute: 1000, burst: 300 };
export const WEBHOOK_HEADER_EXAMPLES = {
  'X-RateLimit-Limit': 1000,
  'X-RateLimit-Remaining': 299,
  RateLimit: '"burst";r=299;t=10, "minute";r=999;t=60',
  'RateLimit-Policy': '"burst";q=300;w=10, "minute";q=1000;w=60',
} satisfies OwnHeaders['headerExamples'];

/** Of a provider's webhook: a signature takes the place of a key. */
export const WEBHOOK_ERRORS: ZodOpenApiResponsesObject = {
  '403': reference('HttpsRequired'),
  '405': methodNotAllowed('POST', { headerExamples: WEBHOOK_HEADER_EXAMPLES }),
  '413': errorAnswer({
    description: 'The webhook is too large.',
    headerExamples: WEBHOOK_HEADER_EXAMPLES,
    examples: errorExample('PAYLOAD_TOO_LARGE', 'A webhook must not be larger than 256 KiB.'),
  }),
  '429': errorAnswer({
    description: 'Too many webhooks of this address.',
    always: ['Retry-After'],
    headerExamples: { ...WEBHOOK_HEADER_EXAMPLES, 'X-RateLimit-Remaining': 0 },
    examples: tooManyRequests(WEBHOOK_LIMITS),
  }),
  '500': reference('InternalError'),
  '503': reference('Unavailable'),
};

/** GET /ready */
import * as z from 'zod/mini';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { errorEnvelope, type ReadyResponse, readyResponse } from '../../contract/responses.ts';
import { answer, EXAMPLE_TIME, errorAnswer } from '../answer.ts';
import { methodNotAllowed, NOT_CONFIGURED, reference, tooManyRequests } from '../common-errors.ts';
import type { OwnHeaders } from '../headers.ts';
import { NOBODY_ASKED } from '../security.ts';

/** Monitors have a rate limit of their own. */
const READY_HEADER_EXAMPLES = {
  'X-RateLimit-Limit': 60,
  'X-RateLimit-Remaining': 19,
  RateLimit: '"burst";r=19;t=10, "minute";r=59;t=60',
  'RateLimit-Policy': '"burst";q=20;w=10, "minute";q=60;w=60',
} satisfies OwnHeaders['headerExamples'];

const READY: ReadyResponse = { status: 'ready', problems: [] };
const CAN_WAIT: ReadyResponse = {
  status: 'ready',
  problems: [{ alert: 'needs_person', since: EXAMPLE_TIME, message: 'A case needs a person.' }],
};
const NOT_READY: ReadyResponse = {
  status: 'not_ready',
  problems: [{ alert: 'bridge_away', since: EXAMPLE_TIME, message: 'The bridge or RabbitMQ does not accept events.' }],
};

export const getReadiness: ZodOpenApiOperationObject = {
  operationId: 'getReadiness',
  tags: ['Service'],
  summary: 'Whether payments and events get through',
  description:
    'For an uptime monitor, which also notices a cron that does not run. Each request reads every database once, so ask at most every 30 seconds. `HEAD` works as well.',
  security: NOBODY_ASKED,
  responses: {
    '200': answer({
      description: 'Payments and events get through. `problems` lists what needs attention later.',
      schema: readyResponse,
      headerExamples: READY_HEADER_EXAMPLES,
      examples: {
        ready: { summary: 'No problems', value: READY },
        can_wait: { summary: 'A problem that can wait', value: CAN_WAIT },
      },
    }),
    '403': reference('HttpsRequired'),
    '405': methodNotAllowed('GET, HEAD', { headerExamples: READY_HEADER_EXAMPLES }),
    '429': errorAnswer({
      description: 'Too many requests of this address.',
      always: ['Retry-After'],
      headerExamples: { ...READY_HEADER_EXAMPLES, 'X-RateLimit-Remaining': 0 },
      examples: tooManyRequests({ perMinute: 60, burst: 20 }),
    }),
    '500': reference('InternalError'),
    '503': answer({
      description: 'Payments or events do not get through, or the service is not configured.',
      schema: z.union([readyResponse, errorEnvelope]),
      counted: 'perhaps',
      sometimes: ['Retry-After'],
      headerExamples: READY_HEADER_EXAMPLES,
      examples: { not_ready: { summary: 'A problem that stops events', value: NOT_READY }, ...NOT_CONFIGURED },
    }),
  },
};

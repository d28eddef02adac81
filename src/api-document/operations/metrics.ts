/** GET /metrics */
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { textAnswer } from '../answer.ts';
import { guarded } from '../common-errors.ts';
import { needs, scopeLine } from '../security.ts';

const EXAMPLE = `# HELP payment_payments Payments that ended.
# TYPE payment_payments counter
payment_payments_total{status="completed",payment_method="credit_card",gateway="stripe",error_code="",shard="0"} 1204
# HELP payment_events_waiting Events that wait to be delivered.
# TYPE payment_events_waiting gauge
payment_events_waiting{shard="0"} 0
# EOF
`;

export const getMetrics: ZodOpenApiOperationObject = {
  operationId: 'getMetrics',
  tags: ['Service'],
  summary: 'The metrics, for Prometheus',
  description: `Counted once a minute. Only the organisation \`default\` may read them. ${scopeLine('metrics:read')}`,
  security: needs('metrics:read'),
  responses: {
    ...guarded('GET, HEAD', 'metrics:read'),
    '200': textAnswer({
      description: 'All metrics, in the text format of OpenMetrics 1.0.',
      mediaType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
      examples: { some: { summary: 'Two of them', value: EXAMPLE } },
    }),
  },
};

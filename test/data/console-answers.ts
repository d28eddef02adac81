/** What each route of the console answers, to the last field. Each schema gives exactly the type of the contract. */
import * as z from 'zod/mini';
import {
  ALERTS,
  type CaseResolved,
  type ConsoleBroker,
  type ConsoleCases,
  type ConsoleDatabases,
  type ConsoleDisputes,
  type ConsoleEvents,
  type ConsoleGateways,
  type ConsoleKey,
  type ConsoleKeyMade,
  type ConsoleKeys,
  type ConsoleOverview,
  type ConsoleReconciliations,
  type ConsoleSession,
  type EventsSent,
  OVERVIEW_HOURS,
} from '../../src/contract/console.ts';
import { EVENT_TYPES } from '../../src/contract/events.ts';
import { PAYMENT_METHODS } from '../../src/contract/requests.ts';
import {
  errorEnvelope,
  paymentFailureResponse,
  paymentSuccessResponse,
  paymentVoidedResponse,
  refundSuccessResponse,
  timestamp,
} from '../../src/contract/responses.ts';
import { searchResponse, storyResponse } from '../../src/contract/search-responses.ts';

const count = z.int().check(z.nonnegative());
const notRead = z.array(count);
const milliseconds = z.nullable(count);
const percentiles = z.strictObject({ p50: milliseconds, p95: milliseconds });

const session: z.ZodMiniType<ConsoleSession> = z.strictObject({
  actor: z.string(),
  organisation: z.string(),
  environment: z.enum(['production', 'development']),
  sees_installation: z.boolean(),
  signed_in_by: z.nullable(z.enum(['api_key', 'access'])),
});

const overview: z.ZodMiniType<ConsoleOverview> = z.strictObject({
  now: timestamp,
  hours: z.union(OVERVIEW_HOURS.map((hours) => z.literal(hours))),
  counted_at: z.nullable(timestamp),
  completed: count,
  failed: count,
  voided: count,
  success_rate: z.nullable(z.number().check(z.minimum(0), z.maximum(100))),
  volume: z.array(z.strictObject({ currency: z.string(), captured: z.number(), refunded: z.number() })),
  refunds: z.strictObject({ completed: count, failed: count }),
  processing_ms: percentiles,
  gateway_ms: percentiles,
  failures: z.array(z.strictObject({ error_code: z.string(), count })),
  gateways: z.array(z.strictObject({ gateway: z.string(), completed: count, failed: count })),
  methods: z.array(z.strictObject({ payment_method: z.string(), completed: count, failed: count })),
  challenges: z.strictObject({ completed: count, failed: count }),
  rate_limited: count,
  now_waiting: z.strictObject({
    events: count,
    events_oldest_seconds: z.nullable(count),
    pending: count,
    pending_oldest_seconds: z.nullable(count),
    challenged: count,
    authorized: count,
    cases: count,
    disputes: count,
  }),
  alerts: z.array(z.strictObject({ alert: z.enum(ALERTS), since: timestamp, message: z.string() })),
  not_read: notRead,
  series: z.strictObject({
    bucket_seconds: count,
    at: z.array(count),
    completed: z.array(count),
    failed: z.array(count),
    refunds: z.array(count),
    processing_p95_ms: z.array(milliseconds),
    gateway_p95_ms: z.array(milliseconds),
  }),
});

const time = z.nullable(timestamp);

const broker = z.strictObject({
  delivery: z.enum(['push', 'pull']),
  state: z.enum(['ready', 'no_broker', 'not_set_up', 'stopping', 'away', 'unknown']),
  message: z.string(),
  last_delivered_at: time,
}) satisfies z.ZodMiniType<ConsoleBroker>;

const event = z.strictObject({
  event_id: z.string(),
  event_type: z.enum(EVENT_TYPES),
  organisation: z.string(),
  booking_id: z.string(),
  transaction_id: z.string(),
  created_at: timestamp,
  delivered_at: time,
  attempts: count,
  last_error: z.nullable(z.string()),
  next_attempt_at: time,
  behind: z.nullable(z.string()),
});

const events: z.ZodMiniType<ConsoleEvents> = z.strictObject({
  waiting: count,
  has_more: z.boolean(),
  delivered: z.array(event).check(z.maxLength(20)),
  events: z.array(event).check(z.maxLength(100)),
  broker,
  not_read: notRead,
});
const eventsSent: z.ZodMiniType<EventsSent> = z.strictObject({ sent: count, unknown: z.array(z.string()) });

const cases: z.ZodMiniType<ConsoleCases> = z.strictObject({
  cases: z.array(
    z.strictObject({
      kind: z.enum([
        'payment_undetermined',
        'refund_undetermined',
        'late_charge_kept',
        'refund_reversed',
        'external_refund_unbooked',
      ]),
      subject: z.string(),
      organisation: z.string(),
      transaction_id: z.string(),
      booking_id: z.string(),
      gateway: z.string(),
      amount: z.number(),
      currency: z.string(),
      since: timestamp,
      failure_reason: z.nullable(z.string()),
      options: z.array(z.enum(['record', 'retry', 'dealt_with'])),
    }),
  ),
  dealt_with: z.array(
    z.strictObject({ subject: z.string(), reason: z.string(), resolved_by: z.string(), resolved_at: timestamp }),
  ),
  not_read: notRead,
});
const caseResolved: z.ZodMiniType<CaseResolved> = z.strictObject({ message: z.string() });

const disputes: z.ZodMiniType<ConsoleDisputes> = z.strictObject({
  disputes: z.array(
    z.strictObject({
      dispute_id: z.string(),
      organisation: z.string(),
      provider: z.string(),
      transaction_id: z.string(),
      booking_id: z.string(),
      status: z.string(),
      is_open: z.boolean(),
      reason: z.string(),
      amount: z.number(),
      currency: z.string(),
      opened_at: timestamp,
      reported_at: timestamp,
    }),
  ),
  not_read: notRead,
});

const reconciliations: z.ZodMiniType<ConsoleReconciliations> = z.strictObject({
  reconciliations: z.array(
    z.strictObject({
      from: timestamp,
      to: timestamp,
      compared_until: timestamp,
      started_at: timestamp,
      ended_at: time,
      payments: count,
      refunds: count,
      movements: z.nullable(count),
      differences: z.array(
        z.strictObject({
          kind: z.string(),
          subject: z.nullable(z.string()),
          transaction_id: z.nullable(z.string()),
          message: z.string(),
        }),
      ),
    }),
  ),
});

const gateways: z.ZodMiniType<ConsoleGateways> = z.strictObject({
  gateways: z.array(
    z.strictObject({
      kind: z.enum(['sandbox', 'http', 'stripe', 'paypal']),
      methods: z.array(z.enum(PAYMENT_METHODS)),
      is_live: z.boolean(),
      charges_stopped_until: time,
      refunds_stopped_until: time,
      completed: count,
      failed: count,
      p50_ms: milliseconds,
      p95_ms: milliseconds,
    }),
  ),
});

const databases: z.ZodMiniType<ConsoleDatabases> = z.strictObject({
  databases: z.array(
    z.strictObject({
      number: count,
      bytes: z.nullable(count),
      max_bytes: count,
      cron_ran_at: time,
      jobs: z.array(z.strictObject({ job: z.string(), backlog: count, last_ran_at: time })),
      problem: z.nullable(z.string()),
    }),
  ),
});

const key = z.strictObject({
  key_id: z.string(),
  organisation: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  created_at: timestamp,
  expires_at: time,
  last_used_at: time,
  revoked_at: time,
  is_own: z.boolean(),
  is_complete: z.boolean(),
}) satisfies z.ZodMiniType<ConsoleKey>;
const keys: z.ZodMiniType<ConsoleKeys> = z.strictObject({
  keys: z.array(key),
  scopes: z.array(z.strictObject({ scope: z.string(), description: z.string() })),
  not_read: notRead,
});
const keyMade: z.ZodMiniType<ConsoleKeyMade> = z.strictObject({ key, secret: z.string() });

const ID = '[^/]+';

const ANSWERS: readonly [path: string, schema: z.ZodMiniType][] = [
  ['session', session],
  ['overview', overview],
  ['events', events],
  ['events/send', eventsSent],
  ['cases', cases],
  ['cases/resolve', caseResolved],
  ['disputes', disputes],
  ['reconciliations', reconciliations],
  ['gateways', gateways],
  ['databases', databases],
  ['keys', z.union([keys, keyMade])],
  [`keys/${ID}/revoke`, key],
  ['transactions', searchResponse],
  [`transactions/${ID}`, storyResponse],
  ['refund', refundSuccessResponse],
  ['capture', paymentSuccessResponse],
  ['void', paymentVoidedResponse],
];

const ofConsole = (path: string) => new RegExp(`^/console/api/${path}/?$`);

/** How an answer of the console differs from what the contract has; empty where it does not. */
export function consoleProblems(pathname: string, status: number, body: unknown): string[] {
  const schema =
    status < 400
      ? ANSWERS.find(([path]) => ofConsole(path).test(pathname))?.[1]
      : z.union([errorEnvelope, paymentFailureResponse]);
  if (schema === undefined) return ['no schema describes it'];
  const read = schema.safeParse(body);
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

/** What each route of the console answers, to the last field. Each schema gives exactly the type of the contract. */
import * as z from 'zod/mini';
import { ALERTS, type ConsoleOverview, type ConsoleSession, OVERVIEW_HOURS } from '../../src/contract/console.ts';
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
const milliseconds = z.nullable(count);
const percentiles = z.strictObject({ p50: milliseconds, p95: milliseconds });

const session: z.ZodMiniType<ConsoleSession> = z.strictObject({
  actor: z.string(),
  organisation: z.string(),
  environment: z.enum(['production', 'development']),
  currency: z.string(),
  currency_decimals: count,
  sees_installation: z.boolean(),
  signed_in_by: z.nullable(z.enum(['api_key', 'access'])),
});

const overview: z.ZodMiniType<ConsoleOverview> = z.strictObject({
  now: timestamp,
  hours: z.union(OVERVIEW_HOURS.map((hours) => z.literal(hours))),
  counted_at: z.nullable(timestamp),
  completed: count,
  failed: count,
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
  not_read: z.array(count),
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

const ID = '[^/]+';

const ANSWERS: readonly [path: string, schema: z.ZodMiniType][] = [
  ['session', session],
  ['overview', overview],
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

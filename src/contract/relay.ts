/** The protocol between Worker and bridge: a batch of events, and one result for each event. */
import * as z from 'zod/mini';
import type { PaymentEvent } from './events.ts';

/** Events in one batch: as many as Cloudflare Queues hands over at once. */
export const RELAY_BATCH_MAX_EVENTS = 100;
/** Bytes of one request body. A hundred events fit, even with each text as long as it may be. */
export const RELAY_BODY_MAX_BYTES = 1024 * 1024;
/** Milliseconds that the bridge waits for the broker's confirms before it answers with what it has. */
export const RELAY_CONFIRM_DEADLINE_MS = 10_000;

/** A batch as the Worker sends it; `relay-batch.ts` has it as the bridge reads it. */
export interface RelayBatch {
  events: PaymentEvent[];
  request_ids: RequestIds;
}
/** The ids of the HTTP requests that caused events, by the event's id. An event that no request caused has none. */
export type RequestIds = Readonly<Record<string, string | undefined>>;

export const relayResult = z.discriminatedUnion('delivered', [
  z.object({ event_id: z.string(), delivered: z.literal(true) }),
  z.object({
    event_id: z.string(),
    delivered: z.literal(false),
    reason: z.string(),
    /** The bridge does not understand the event. Retrying does not help; the bridge or the Worker has to be upgraded. */
    invalid: z.optional(z.literal(true)),
  }),
]);
export type RelayResult = z.infer<typeof relayResult>;

export const relayResults = z.object({
  results: z.array(relayResult).check(z.maxLength(RELAY_BATCH_MAX_EVENTS)),
});
export type RelayResults = z.infer<typeof relayResults>;

/** Why the bridge refuses a batch. */
export const RELAY_REFUSALS = [
  'there is nothing at this path',
  'the batch did not arrive whole',
  'internal error',
  'the batch is too large',
  'the signature does not hold',
  'the bridge is stopping',
  'the broker is not connected',
  'the exchange on the broker is not set up',
  'the batch is not valid',
] as const;
export interface RelayRefusal {
  error: (typeof RELAY_REFUSALS)[number];
  issues?: string[];
}

/** The reply codes of AMQP 0-9-1 (specification, 1.2.3), and the messages of RabbitMQ's client for a closed channel or connection. */
const BROKER_CODES = [
  'CONTENT_TOO_LARGE',
  'NO_ROUTE',
  'NO_CONSUMERS',
  'CONNECTION_FORCED',
  'INVALID_PATH',
  'ACCESS_REFUSED',
  'NOT_FOUND',
  'RESOURCE_LOCKED',
  'PRECONDITION_FAILED',
  'FRAME_ERROR',
  'SYNTAX_ERROR',
  'COMMAND_INVALID',
  'CHANNEL_ERROR',
  'UNEXPECTED_FRAME',
  'RESOURCE_ERROR',
  'NOT_ALLOWED',
  'NOT_IMPLEMENTED',
  'INTERNAL_ERROR',
  'NACK',
  'CH_CLOSE',
  'CONN_CLOSE',
];
/** All fields that an event of the contract can have. Listed here because the Worker has no other use for the schemas. */
export const EVENT_FIELDS: readonly string[] = [
  'event_id',
  'user_id',
  'user_email',
  'booking_id',
  'event_type',
  'transaction_id',
  'amount',
  'payment_method',
  'timestamp',
  'failure_reason',
  'error_code',
  'original_transaction_id',
  'refund_transaction_id',
  'refund_amount',
  'reason',
  'dispute_id',
  'provider',
  'status',
  'currency',
  'opened_at',
  'reported_at',
];
const OTHER = 'OTHER';
const NOT_OF_THE_CONTRACT = 'not an event of the contract';

/** Of the broker's own text, only the code is kept. */
export const returnedBecause = (code: unknown) => `returned by the broker: ${knownCode(code)}`;
export const refusedBecause = (code: unknown) => `refused by the broker: ${knownCode(code)}`;
export const NOT_CONNECTED = 'the broker is not connected';
export const NOT_CONFIRMED = 'the broker did not confirm in time';
/** Of a message that a bridge has taken from the queue before, which has ended since then or did not hear that its report was recorded. */
export const TAKEN_BEFORE = 'taken from the queue before, without a report';

/** @param the invalid fields; names outside of the contract are omitted */
export function notOfTheContract(fields: readonly PropertyKey[]): string {
  const known = EVENT_FIELDS.filter((field) => fields.includes(field));
  return [NOT_OF_THE_CONTRACT, ...known].join(' ');
}

function knownCode(code: unknown): string {
  return BROKER_CODES.find((known) => known === code) ?? OTHER;
}

/**
 * Whether a reason for not delivering an event is one of the bridge's. A proxy that answers in its place can quote the request,
 * including users' email addresses: its text is neither logged nor stored.
 */
export function isReasonOfBridge(reason: string): boolean {
  if (reason.startsWith(NOT_OF_THE_CONTRACT)) {
    return reason === notOfTheContract(reason.slice(NOT_OF_THE_CONTRACT.length).split(' '));
  }
  const ofBroker = [...BROKER_CODES, OTHER].flatMap((code) => [returnedBecause(code), refusedBecause(code)]);
  return [NOT_CONNECTED, NOT_CONFIRMED, TAKEN_BEFORE, ...ofBroker].includes(reason);
}

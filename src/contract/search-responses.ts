/** The answers of `GET /payment/transactions` and `GET /payment/transactions/{id}`. The Worker imports their types alone. */
import * as z from 'zod/mini';
import { ERROR_CODES } from './error-codes.ts';
import { EVENT_TYPES } from './events.ts';
import { CAPTURE_METHODS, PAYMENT_METHODS } from './requests.ts';
import { timestamp } from './responses.ts';
import { SHOWN_STATUSES } from './search.ts';

const isoMillisecond = z.iso.datetime({ precision: 3 });
const refundStatus = z.enum(['pending', 'completed', 'failed', 'reversed']);

const found = {
  transaction_id: z.string(),
  status: z.enum(SHOWN_STATUSES),
  booking_id: z.string(),
  user_id: z.string(),
  amount: z.number(),
  currency: z.string(),
  payment_method: z.enum(PAYMENT_METHODS),
  gateway: z.string(),
  gateway_reference: z.nullable(z.string()),
  card_brand: z.nullable(z.string()),
  card_last4: z.nullable(z.string()),
  refunded_amount: z.number(),
  error_code: z.nullable(z.enum(ERROR_CODES)),
  error_message: z.nullable(z.string()),
  created_at: timestamp,
  processed_at: z.nullable(timestamp),
};

/** A payment as a search lists it. */
export const foundTransaction = z.strictObject(found);
export type FoundTransaction = z.infer<typeof foundTransaction>;

export const searchResponse = z.strictObject({
  /** Newest first. A page may have fewer than `limit`, even none, while there is a `next_cursor`. */
  transactions: z.array(foundTransaction),
  /** Null: there are no more. */
  next_cursor: z.nullable(z.string()),
});
export type SearchResponse = z.infer<typeof searchResponse>;

/** What is recorded of a payment, in order of time. */
export const HISTORY_TYPES = [
  'payment.attempted',
  'payment.challenged',
  'payment.authorized',
  'payment.authorize_begun',
  'payment.capture_begun',
  'payment.void_begun',
  'payment.expire_begun',
  'payment.outcome_undetermined',
  'payment.completed',
  'payment.failed',
  'booking.attempted',
  'refund.attempted',
  'refund.outcome_undetermined',
  'refund.completed',
  'refund.failed',
  'refund.reversed',
  'refund.unbooked',
  'dispute.opened',
  'dispute.reported',
  'event.written',
  'event.replayed',
  'event.delivered',
  'webhook.handled',
  'resolution.recorded',
] as const;
export type HistoryType = (typeof HISTORY_TYPES)[number];

const historyEntry = z.strictObject({
  at: isoMillisecond,
  type: z.enum(HISTORY_TYPES),
  /** The payment, refund, dispute, event or webhook that it happened to. */
  id: z.string(),
  /** Who did it, by the audit log: `key:…`, `jwt:…`, `webhook:stripe`, `cron`, `operator:…`; null where the log does not say. */
  actor: z.nullable(z.string()),
  /** Of the HTTP request, as in the Worker's log. */
  request_id: z.nullable(z.string()),
  /** The number of the entry in the audit log. */
  audit_entry: z.nullable(z.number()),
  detail: z.record(z.string(), z.nullable(z.union([z.string(), z.number(), z.boolean()]))),
});
export type HistoryEntry = z.infer<typeof historyEntry>;

export const storyResponse = z.strictObject({
  transaction: z.strictObject({
    ...found,
    capture_method: z.enum(CAPTURE_METHODS),
    hold_minutes: z.nullable(z.number()),
    refundable_amount: z.number(),
    /** Held by refunds that are pending. */
    pending_refund_amount: z.number(),
    /** Of a payment that waits: until when. */
    expires_at: z.nullable(timestamp),
    /** What the provider calls the payment before money moves: an order, an intent. */
    gateway_intent: z.nullable(z.string()),
    /** When the gateway is asked next. */
    next_look_up_at: z.nullable(timestamp),
    /** How often it has been asked since the outcome became unknown. */
    look_ups: z.number(),
  }),
  refunds: z.array(
    z.strictObject({
      refund_transaction_id: z.string(),
      /** `late_charge`: of a charge that turned up after its payment had failed. `external`: made at the provider. */
      kind: z.enum(['requested', 'late_charge', 'external']),
      status: refundStatus,
      refund_amount: z.number(),
      reason: z.string(),
      gateway_reference: z.nullable(z.string()),
      error_code: z.nullable(z.enum(ERROR_CODES)),
      error_message: z.nullable(z.string()),
      created_at: timestamp,
      processed_at: z.nullable(timestamp),
    }),
  ),
  events: z.array(
    z.strictObject({
      event_id: z.string(),
      event_type: z.enum(EVENT_TYPES),
      created_at: timestamp,
      /** When RabbitMQ confirmed it; null while it waits. */
      delivered_at: z.nullable(timestamp),
      attempts: z.number(),
      last_error: z.nullable(z.string()),
    }),
  ),
  disputes: z.array(
    z.strictObject({
      provider: z.string(),
      dispute_id: z.string(),
      status: z.string(),
      reason: z.string(),
      amount: z.number(),
      currency: z.string(),
      opened_at: timestamp,
      reported_at: timestamp,
    }),
  ),
  history: z.array(historyEntry),
  /** False where there is more of something than is shown. */
  is_complete: z.boolean(),
});
export type StoryResponse = z.infer<typeof storyResponse>;

/**
 * The events, field for field: three as the booking and notification services read them, and that of a dispute, which exists only with
 * PUBLISH_DISPUTES. The type is the routing key.
 */
import * as z from 'zod/mini';
import { ERROR_CODES } from './error-codes.ts';
import { PAYMENT_METHODS } from './requests.ts';

const common = {
  event_id: z.string(),
  user_id: z.string(),
  user_email: z.nullable(z.string()),
  booking_id: z.string(),
};

/** UTC, whole seconds: `2024-12-15T10:30:45Z`. */
const timestamp = z.iso.datetime({ precision: 0 });

export const paymentSuccessEvent = z.strictObject({
  ...common,
  event_type: z.literal('payment.success'),
  transaction_id: z.string(),
  amount: z.number(),
  payment_method: z.enum(PAYMENT_METHODS),
  timestamp,
});

export const paymentFailedEvent = z.strictObject({
  ...common,
  event_type: z.literal('payment.failed'),
  amount: z.number(),
  payment_method: z.enum(PAYMENT_METHODS),
  failure_reason: z.string(),
  error_code: z.enum(ERROR_CODES),
  timestamp,
});

export const paymentRefundEvent = z.strictObject({
  ...common,
  event_type: z.literal('payment.refund'),
  original_transaction_id: z.string(),
  refund_transaction_id: z.string(),
  refund_amount: z.number(),
  reason: z.string(),
  timestamp,
});

/** `status` and `reason` are the provider's words, `amount` is what is disputed, in `currency`. */
export const paymentDisputeEvent = z.strictObject({
  ...common,
  event_type: z.literal('payment.dispute'),
  transaction_id: z.string(),
  dispute_id: z.string(),
  provider: z.enum(['stripe', 'paypal']),
  status: z.string(),
  reason: z.string(),
  amount: z.number(),
  currency: z.string(),
  opened_at: timestamp,
  reported_at: timestamp,
  timestamp,
});

export const paymentEvent = z.discriminatedUnion('event_type', [
  paymentSuccessEvent,
  paymentFailedEvent,
  paymentRefundEvent,
  paymentDisputeEvent,
]);
export type PaymentEvent = z.infer<typeof paymentEvent>;

export const EVENT_TYPES = ['payment.success', 'payment.failed', 'payment.refund', 'payment.dispute'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

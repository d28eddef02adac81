/**
 * The response bodies. Amounts are the contract's decimal numbers, times are UTC with whole seconds. The schemas describe the API and check
 * it in tests; the Worker uses their types alone.
 */
import * as z from 'zod/mini';
import { ALERTS } from './console.ts';
import { ERROR_CODES } from './error-codes.ts';
import { type PaymentMethod, paymentMethod } from './requests.ts';
import { SHOWN_STATUSES } from './search.ts';

/** Opaque to callers: `TXN-…` of a payment, `REF-…` of a refund. */
const id = z.string();
export const timestamp = z.iso.datetime({ precision: 0 });
const decimal = z.number();
export const errorCode = z.enum(ERROR_CODES);
/** Of a payment or a refund. */
export const transactionStatus = z.enum([...SHOWN_STATUSES, 'reversed']);

const gatewayName = z.nullable(z.string());
export const healthResponse = z.strictObject({
  status: z.literal('healthy'),
  service: z.literal('payment-service'),
  timestamp,
  /** Which gateway takes new payments by each method; null where the method is disabled. Left out until all is configured. */
  payment_gateways: z.exactOptional(
    z.strictObject({
      credit_card: gatewayName,
      debit_card: gatewayName,
      paypal: gatewayName,
      stripe: gatewayName,
    } satisfies Record<PaymentMethod, unknown>),
  ),
});
export type HealthResponse = z.infer<typeof healthResponse>;

/** What `/ready` names: alerts, and a database that does not answer. */
export const READY_PROBLEMS = [...ALERTS, 'database_away'] as const;
export const readyProblem = z.strictObject({ alert: z.enum(READY_PROBLEMS), since: timestamp, message: z.string() });
/** With `ready`, the problems are those that can wait. */
export const readyResponse = z.strictObject({
  status: z.enum(['ready', 'not_ready']),
  problems: z.array(readyProblem),
});
export type ReadyResponse = z.infer<typeof readyResponse>;

/** What each answer has of the payment. */
const payment = { transaction_id: id, booking_id: z.string(), amount: decimal, payment_method: paymentMethod };

export const paymentSuccessResponse = z.strictObject({
  status: z.literal('success'),
  ...payment,
  processed_at: timestamp,
  message: z.string(),
});
export type PaymentSuccessResponse = z.infer<typeof paymentSuccessResponse>;

export const nextAction = z.strictObject({
  type: z.literal('redirect_to_url'),
  /** A secret of the payer's. */
  url: z.string(),
  expires_at: timestamp,
});

/** The 202 of a payment whose payer has to authenticate or approve. */
export const paymentChallengeResponse = z.strictObject({
  status: z.literal('pending'),
  ...payment,
  processed_at: z.null(),
  message: z.string(),
  next_action: nextAction,
});
export type PaymentChallengeResponse = z.infer<typeof paymentChallengeResponse>;

/** The 200 of a payment whose money is held. */
export const paymentAuthorizedResponse = z.strictObject({
  status: z.literal('authorized'),
  ...payment,
  processed_at: z.null(),
  message: z.string(),
  capture_before: timestamp,
});
export type PaymentAuthorizedResponse = z.infer<typeof paymentAuthorizedResponse>;

/** The 200 of `/payment/void`. */
export const paymentVoidedResponse = z.strictObject({
  status: z.literal('failed'),
  ...payment,
  error_code: z.literal('PAYMENT_VOIDED'),
  error_message: z.string(),
  processed_at: timestamp,
  message: z.string(),
});
export type PaymentVoidedResponse = z.infer<typeof paymentVoidedResponse>;

/** A field of a request that is not valid. */
export const issue = z.strictObject({ path: z.string(), message: z.string() });

/** Which of them there are depends on the code. */
export const errorDetails = z.strictObject({
  reason: z.exactOptional(z.nullable(z.string())),
  error_code: z.exactOptional(errorCode),
  transaction_id: z.exactOptional(z.nullable(id)),
  refund_transaction_id: z.exactOptional(id),
  status: z.exactOptional(z.nullable(transactionStatus)),
  retry_possible: z.exactOptional(z.boolean()),
  next_step: z.exactOptional(z.string()),
  expires_at: z.exactOptional(timestamp),
  archived: z.exactOptional(z.literal(true)),
  refundable_amount: z.exactOptional(decimal),
  pending_refund_amount: z.exactOptional(decimal),
  issues: z.exactOptional(z.array(issue)),
  needed_scope: z.exactOptional(z.string()),
  retry_after_seconds: z.exactOptional(z.int()),
  problems: z.exactOptional(z.array(z.string())),
});
export type ErrorDetails = z.infer<typeof errorDetails>;

const envelope = {
  error: z.strictObject({ code: errorCode, message: z.string(), details: errorDetails }),
  timestamp,
};
/** The envelope that every error carries. */
export const errorEnvelope = z.strictObject(envelope);
export type ErrorEnvelope = z.infer<typeof errorEnvelope>;

/**
 * Every 400 and 502 of `/payment/process`: the contract documents two shapes of failure, and a client that was written
 * for either one finds its own here. `pending` is the unknown outcome; `/payment/status` has it later.
 */
export const paymentFailureResponse = z.strictObject({
  status: z.enum(['failed', 'pending']),
  transaction_id: z.exactOptional(id),
  booking_id: z.nullable(z.string()),
  amount: z.nullable(decimal),
  payment_method: z.nullable(paymentMethod),
  error_code: errorCode,
  error_message: z.string(),
  processed_at: z.nullable(timestamp),
  ...envelope,
});
export type PaymentFailureResponse = z.infer<typeof paymentFailureResponse>;

export const refundSuccessResponse = z.strictObject({
  status: z.literal('success'),
  refund_transaction_id: id,
  original_transaction_id: id,
  booking_id: z.string(),
  refund_amount: decimal,
  processed_at: timestamp,
  message: z.string(),
});
export type RefundSuccessResponse = z.infer<typeof refundSuccessResponse>;

export const statusResponse = z.strictObject({
  transaction_id: id,
  /** `authorized`: only where the payment asked for `capture_method: "manual"`. */
  status: transactionStatus,
  booking_id: z.string(),
  amount: decimal,
  payment_method: paymentMethod,
  created_at: timestamp,
  processed_at: z.nullable(timestamp),
  /** With `authorized`: until when it can be captured. */
  capture_before: z.exactOptional(timestamp),
  /** Of a payment, once something of it has been refunded. */
  refunded_amount: z.exactOptional(decimal),
  /** With `refunded_amount`: what can still be refunded, without what pending refunds hold. */
  refundable_amount: z.exactOptional(decimal),
  /** Only where the id is a refund's. */
  original_transaction_id: z.exactOptional(id),
});
export type StatusResponse = z.infer<typeof statusResponse>;

export const paymentMethodDescription = z.strictObject({
  id: paymentMethod,
  name: z.string(),
  description: z.string(),
  enabled: z.boolean(),
});
export const paymentMethodsResponse = z.strictObject({ payment_methods: z.array(paymentMethodDescription) });
export type PaymentMethodsResponse = z.infer<typeof paymentMethodsResponse>;

/** What a provider is told of a webhook. */
export const webhookResponse = z.strictObject({ received: z.literal(true) });

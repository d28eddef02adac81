/** The columns of each table under the names that the domain has for them, so that a row is the domain's object. */

/** Of a Transaction; `t` is the table. */
export const TRANSACTION_COLUMNS = `
  t.transaction_id AS transactionId, t.tenant, t.booking_id AS bookingId, t.user_id AS userId,
  t.user_email AS userEmail, t.status, t.currency, t.amount_minor AS amountMinor, t.reserved_minor AS reservedMinor,
  t.refunded_minor AS refundedMinor, t.payment_method AS paymentMethod, t.card_brand AS cardBrand,
  t.card_last4 AS cardLast4, t.gateway, t.gateway_reference AS gatewayReference, t.error_code AS errorCode,
  t.failure_reason AS failureReason, t.created_at_ms AS createdAtMs, t.processed_at_ms AS processedAtMs`;

/** Of a Refund; `r` is the table. */
export const REFUND_COLUMNS = `
  r.refund_id AS refundId, r.tenant, r.transaction_id AS transactionId, r.status, r.amount_minor AS amountMinor,
  r.reason, r.gateway_reference AS gatewayReference, r.error_code AS errorCode, r.failure_reason AS failureReason,
  r.created_at_ms AS createdAtMs, r.processed_at_ms AS processedAtMs`;

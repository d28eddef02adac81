/** The columns of each table under the names that the domain has for them, so that a row is the domain's object. */

import { PLAIN } from '../security/cipher.ts';

/** Of a Transaction. `table` is what the statement calls it, which in RETURNING is its own name. */
const transactionColumns = (table: string) => `
  ${table}.transaction_id AS transactionId, ${table}.tenant, ${table}.booking_id AS bookingId,
  ${table}.user_id AS userId, coalesce(${table}.sealed_email, '${PLAIN}.' || ${table}.user_email) AS sealedEmail, ${table}.status, ${table}.currency,
  ${table}.amount_minor AS amountMinor, ${table}.reserved_minor AS reservedMinor,
  ${table}.refunded_minor AS refundedMinor, ${table}.payment_method AS paymentMethod,
  ${table}.card_brand AS cardBrand, ${table}.card_last4 AS cardLast4, ${table}.gateway,
  ${table}.gateway_intent AS gatewayIntent, ${table}.gateway_reference AS gatewayReference,
  ${table}.error_code AS errorCode, ${table}.failure_reason AS failureReason,
  ${table}.failure_cause AS failureCause, ${table}.created_at_ms AS createdAtMs,
  ${table}.processed_at_ms AS processedAtMs, ${table}.next_lookup_at_ms AS nextLookupAtMs,
  coalesce(${table}.capture_method, 'automatic') AS captureMethod, ${table}.hold_minutes AS holdMinutes,
  ${table}.substate, ${table}.expires_at_ms AS expiresAtMs,
  ${table}.authorization_reference AS authorizationReference, ${table}.step, ${table}.step_at_ms AS stepAtMs,
  ${table}.sealed_action_url AS sealedActionUrl, ${table}.sealed_return_url AS sealedReturnUrl`;

/** Of a Refund. */
const refundColumns = (table: string) => `
  ${table}.refund_id AS refundId, ${table}.tenant, ${table}.transaction_id AS transactionId, ${table}.kind,
  ${table}.status, ${table}.amount_minor AS amountMinor, ${table}.reason,
  ${table}.gateway_reference AS gatewayReference, ${table}.error_code AS errorCode,
  ${table}.failure_reason AS failureReason, ${table}.failure_cause AS failureCause,
  ${table}.created_at_ms AS createdAtMs, ${table}.processed_at_ms AS processedAtMs,
  ${table}.next_lookup_at_ms AS nextLookupAtMs`;

/** Where the table is called `t`. */
export const TRANSACTION_COLUMNS = transactionColumns('t');
export const RETURNED_TRANSACTION_COLUMNS = transactionColumns('transactions');

/** Where the table is called `r`. */
export const REFUND_COLUMNS = refundColumns('r');
export const RETURNED_REFUND_COLUMNS = refundColumns('refunds');

/**
 * The kind of a refund `r` as it is shown. One that the provider reported was inserted by whoever booked it; one that was asked for has no such
 * name.
 */
export const SHOWN_REFUND_KIND = `
  CASE WHEN r.kind = 'requested' AND r.created_by IS NOT NULL THEN 'external' ELSE r.kind END`;

/** Of a dispute, where the table is called `d`. */
export const DISPUTE_COLUMNS = `
  d.provider, d.dispute_id AS disputeId, d.transaction_id AS transactionId, d.status, d.reason, d.currency,
  d.amount_minor AS amountMinor, d.opened_at_ms AS openedAtMs, d.told_at_ms AS reportedAtMs`;

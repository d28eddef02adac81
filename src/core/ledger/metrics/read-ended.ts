/**
 * What has ended since it was last counted: by the events of the outbox, and, of what has no event, by the entries of the audit log. Grouped here, so
 * that what is sent grows with the labels and not with the payments.
 */

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { BUCKETS_MS } from './measured.ts';

/** Up to which event, and up to which entry of the audit log, all has been counted. */
export interface CountedUntil {
  event: number;
  entry: number;
}

/** So much ended in a minute with the same labels. Labels are null where they do not apply. */
export interface Ended {
  what:
    | 'payment.success'
    | 'payment.failed'
    | 'payment.refund'
    | 'payment.dispute'
    | 'refund.failed'
    | 'dispute.reported';
  minuteMs: number;
  /** Null: its payment is not in the database any more. */
  gateway: string | null;
  paymentMethod: string | null;
  currency: string | null;
  errorCode: string | null;
  challenge: 'completed' | 'failed' | null;
  provider: string | null;
  status: string | null;
  /** Upper bounds of the buckets of both times. */
  processingLe: string | null;
  gatewayLe: string | null;
  count: number;
  amountMinor: number | null;
  processingMs: number | null;
  gatewayMs: number | null;
  /** The newest event, or the newest entry. */
  last: number;
}

const bucketOf = (ms: string) =>
  `CASE ${BUCKETS_MS.map((bound) => `WHEN ${ms} <= ${bound} THEN '${bound}'`).join(' ')} WHEN ${ms} IS NOT NULL THEN '+Inf' END`;
const kindOf = (gateway: string) => `substr(${gateway}, 1, instr(${gateway} || ':', ':') - 1)`;
const minuteOf = (ms: string) => `${ms} / 60000 * 60000`;

export const COUNTED_EVENT = "(SELECT position FROM job_positions WHERE job = 'metrics')";
export const COUNTED_ENTRY = "(SELECT position FROM job_positions WHERE job = 'metrics_audit')";

// The event says how the payment ended: its row may have been refunded since.
const IS_PAYMENT = "e.event_type IN ('payment.success', 'payment.failed')";
const PROCESSING_MS = `CASE WHEN ${IS_PAYMENT} AND t.substate IS NULL THEN max(0, e.created_at_ms - t.created_at_ms) END`;
const GATEWAY_MS = `CASE WHEN ${IS_PAYMENT} THEN t.gateway_ms ELSE r.gateway_ms END`;
const BY_EVENTS = `
  SELECT e.event_type AS what, ${minuteOf('e.created_at_ms')} AS minuteMs, ${kindOf('t.gateway')} AS gateway,
    CASE WHEN ${IS_PAYMENT} THEN t.payment_method END AS paymentMethod, t.currency AS currency,
    CASE WHEN e.event_type = 'payment.failed' THEN t.error_code END AS errorCode,
    CASE WHEN ${IS_PAYMENT} AND t.challenged_at_ms IS NOT NULL THEN
      CASE WHEN e.event_type = 'payment.success' OR t.authorized_at_ms IS NOT NULL THEN 'completed' ELSE 'failed' END END AS challenge,
    ${bucketOf(PROCESSING_MS)} AS processingLe, ${bucketOf(GATEWAY_MS)} AS gatewayLe, NULL AS provider, NULL AS status,
    count(*) AS count, sum(CASE WHEN ${IS_PAYMENT} THEN t.amount_minor ELSE r.amount_minor END) AS amountMinor,
    sum(${PROCESSING_MS}) AS processingMs, sum(${GATEWAY_MS}) AS gatewayMs, max(e.sequence) AS last
  FROM (SELECT sequence, event_type, transaction_id, refund_id, created_at_ms FROM events
      WHERE sequence > ?1 ORDER BY sequence LIMIT ?2) e
    LEFT JOIN transactions t ON t.transaction_id = e.transaction_id
    LEFT JOIN refunds r ON r.refund_id = e.refund_id
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`;

/** The statement that groups the events behind this one, at most `limit` of them. */
export function endedByEvents(d1: D1Database, event: number, limit: number): D1PreparedStatement {
  return d1.prepare(BY_EVENTS).bind(event, limit);
}

// A refund that failed has no event, and a dispute has one only where disputes are published. Both indexes have these rows alone.
const FAILED_REFUNDS = `
  SELECT 'refund.failed' AS what, r.written_entry AS entry, r.processed_at_ms AS atMs, ${kindOf('t.gateway')} AS gateway,
    r.error_code AS errorCode, r.gateway_ms AS gatewayMs, NULL AS provider, NULL AS status
  FROM refunds r INDEXED BY refunds_failed CROSS JOIN transactions t USING (transaction_id)
  WHERE r.status = 'failed' AND r.kind = 'requested' AND r.written_entry > ?1
  ORDER BY r.written_entry LIMIT ?2`;
const DISPUTE_REPORTS = `
  SELECT 'dispute.reported', sequence, at_ms, NULL, NULL, NULL, detail ->> 'provider', lower(outcome)
  FROM audit_entries INDEXED BY audit_entries_of_disputes
  WHERE action = 'dispute.reported' AND sequence > ?1 ORDER BY sequence LIMIT ?2`;
const BY_ENTRIES = `
  SELECT what, ${minuteOf('atMs')} AS minuteMs, gateway, NULL AS paymentMethod, NULL AS currency, errorCode, NULL AS challenge,
    NULL AS processingLe, ${bucketOf('gatewayMs')} AS gatewayLe, provider, status,
    count(*) AS count, NULL AS amountMinor, NULL AS processingMs, sum(gatewayMs) AS gatewayMs, max(entry) AS last
  FROM (SELECT * FROM (${FAILED_REFUNDS}) UNION ALL SELECT * FROM (${DISPUTE_REPORTS}) ORDER BY entry LIMIT ?2)
  GROUP BY what, minuteMs, gateway, errorCode, gatewayLe, provider, status`;

/** The statement that groups failed refunds and reports of disputes behind this entry, at most `limit` of them. */
export function endedByEntries(d1: D1Database, entry: number, limit: number): D1PreparedStatement {
  return d1.prepare(BY_ENTRIES).bind(entry, limit);
}

/** What needs a person: what the gateway cannot determine, and money that no job of the service can pay back. */

import type { Database } from '../database.ts';
import { rowsOf, runBatch } from '../database.ts';
import { LATE_CHARGE_KEPT } from './resolutions.ts';

export type CaseKind =
  /** Pending, and the gateway answers that it cannot say how it ended. */
  | 'payment_undetermined'
  | 'refund_undetermined'
  /** Charged after the payment had failed, and the gateway refused to pay it back. */
  | 'late_charge_kept'
  /** The payer's bank returned the refund. */
  | 'refund_reversed'
  /** Refunded at the provider, and the payment had no room for it. */
  | 'external_refund_unbooked';

export interface OpenCase {
  kind: CaseKind;
  /** The id of the payment or the refund; of an external refund, the payment's and the provider's name for it. */
  subject: string;
  tenant: string;
  transactionId: string;
  bookingId: string;
  gateway: string;
  /** Of the payment or the refund itself. */
  amountMinor: number;
  currency: string;
  sinceMs: number;
  /** Why the gateway refused it, or took it back. */
  failureReason: string | null;
}

const OF_PAYMENT = `t.tenant, t.transaction_id AS transactionId, t.booking_id AS bookingId, t.gateway, t.currency`;
const notDealtWith = (subject: string) =>
  `NOT EXISTS (SELECT 1 FROM manual_resolutions m WHERE m.subject = ${subject})`;

// Each with the condition of its partial index, word for word. CROSS JOIN keeps the order of the tables.
const UNDETERMINED_PAYMENTS = `
  SELECT 'payment_undetermined' AS kind, t.transaction_id AS subject, ${OF_PAYMENT}, t.amount_minor AS amountMinor,
    t.undetermined_at_ms AS sinceMs, NULL AS failureReason
  FROM transactions t
  WHERE t.undetermined_at_ms IS NOT NULL AND t.status = 'pending' AND (t.substate IS NULL OR t.step IS NOT NULL) ORDER BY t.undetermined_at_ms LIMIT ?1`;
const ofRefunds = (kind: CaseKind, sinceMs: string, which: string) => `
  SELECT '${kind}' AS kind, r.refund_id AS subject, ${OF_PAYMENT}, r.amount_minor AS amountMinor, ${sinceMs} AS sinceMs,
    r.failure_reason AS failureReason
  FROM refunds r CROSS JOIN transactions t USING (transaction_id)
  WHERE ${which} ORDER BY ${sinceMs} LIMIT ?1`;
const UNDETERMINED_REFUNDS = ofRefunds(
  'refund_undetermined',
  'r.undetermined_at_ms',
  `r.undetermined_at_ms IS NOT NULL AND r.status = 'pending'`,
);
const KEPT_LATE_CHARGES = ofRefunds(
  'late_charge_kept',
  'r.processed_at_ms',
  `(r.processed_at_ms > r.created_at_ms + 86400000 OR r.kind = 'late_charge')
    AND ${LATE_CHARGE_KEPT} AND ${notDealtWith('r.refund_id')}`,
);
const REVERSED_REFUNDS = ofRefunds(
  'refund_reversed',
  'coalesce(r.reversed_at_ms, r.processed_at_ms)',
  `r.status = 'reversed' AND ${notDealtWith('r.refund_id')}`,
);
// The table has rows of what went wrong, and no others. Of a payment that has failed, all is to be paid back in any case.
const UNBOOKED_REFUNDS = `
  SELECT 'external_refund_unbooked' AS kind, u.transaction_id || '/' || u.gateway_reference AS subject, ${OF_PAYMENT},
    u.amount_minor AS amountMinor, u.found_at_ms AS sinceMs, NULL AS failureReason
  FROM unbooked_refunds u CROSS JOIN transactions t USING (transaction_id)
  WHERE t.status <> 'failed' AND ${notDealtWith("u.transaction_id || '/' || u.gateway_reference")}
  ORDER BY u.found_at_ms LIMIT ?1`;

/** In the order in which they are shown. */
export const OPEN_CASE_STATEMENTS = {
  undeterminedPayments: UNDETERMINED_PAYMENTS,
  undeterminedRefunds: UNDETERMINED_REFUNDS,
  keptLateCharges: KEPT_LATE_CHARGES,
  reversedRefunds: REVERSED_REFUNDS,
  unbookedRefunds: UNBOOKED_REFUNDS,
} as const;

/** D1 takes it for no limit. */
const ALL = -1;
// There are few open cases: all of them are read, along the same indexes.
const ofTenant = (statement: string) => `SELECT * FROM (${statement}) WHERE tenant = ?2 LIMIT ?3`;

/**
 * Up to `limit` of each kind, the oldest first.
 *
 * @param tenant whose they are; null: anybody's
 */
export async function listOpenCases(db: Database, limit: number, tenant: string | null = null): Promise<OpenCase[]> {
  const names = Object.keys(OPEN_CASE_STATEMENTS) as (keyof typeof OPEN_CASE_STATEMENTS)[];
  const statementOf = (name: keyof typeof OPEN_CASE_STATEMENTS) =>
    tenant === null
      ? db.d1.prepare(OPEN_CASE_STATEMENTS[name]).bind(limit)
      : db.d1.prepare(ofTenant(OPEN_CASE_STATEMENTS[name])).bind(ALL, tenant, limit);
  const results = await runBatch(db, Object.fromEntries(names.map((name) => [name, statementOf(name)])));
  return names.flatMap((name) => {
    const result = results[name];
    return result === undefined ? [] : rowsOf<OpenCase>(result);
  });
}

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

const notDealtWith = (subject: string) =>
  `NOT EXISTS (SELECT 1 FROM manual_resolutions m WHERE m.subject = ${subject})`;
const EXTERNAL_REFUND = "u.transaction_id || '/' || u.gateway_reference";

interface CaseRows {
  /** The table of the rows, and those without which it cannot be said whether a row is a case. CROSS JOIN keeps their order. */
  from: string;
  /** Each is the condition of its partial index, word for word. A comparison with 0 is true of each row: with it, SQLite begins in the index. */
  where: string;
  sinceMs: string;
}

/** Which rows are open cases, stated once: they are listed and counted by it. In the order in which they are shown. */
export const OPEN_CASES: Readonly<Record<CaseKind, CaseRows>> = {
  payment_undetermined: {
    from: 'transactions t',
    where: `t.undetermined_at_ms IS NOT NULL AND t.undetermined_at_ms >= 0 AND t.status = 'pending'
      AND (t.substate IS NULL OR t.step IS NOT NULL)`,
    sinceMs: 't.undetermined_at_ms',
  },
  refund_undetermined: {
    from: 'refunds r',
    where: `r.undetermined_at_ms IS NOT NULL AND r.undetermined_at_ms >= 0 AND r.status = 'pending'`,
    sinceMs: 'r.undetermined_at_ms',
  },
  late_charge_kept: {
    from: 'refunds r INDEXED BY refunds_kept',
    where: `${LATE_CHARGE_KEPT} AND r.processed_at_ms >= 0 AND ${notDealtWith('r.refund_id')}`,
    sinceMs: 'r.processed_at_ms',
  },
  refund_reversed: {
    from: 'refunds r INDEXED BY refunds_reversed',
    where: `r.status = 'reversed' AND coalesce(r.reversed_at_ms, r.processed_at_ms) >= 0 AND ${notDealtWith('r.refund_id')}`,
    sinceMs: 'coalesce(r.reversed_at_ms, r.processed_at_ms)',
  },
  // The table has rows of what went wrong, and no others. Of a payment that has failed, all is to be paid back in any case.
  external_refund_unbooked: {
    from: 'unbooked_refunds u CROSS JOIN transactions t USING (transaction_id)',
    where: `u.transaction_id >= '' AND t.status <> 'failed' AND ${notDealtWith(EXTERNAL_REFUND)}`,
    sinceMs: 'u.found_at_ms',
  },
};

const OF_PAYMENT = `t.tenant, t.transaction_id AS transactionId, t.booking_id AS bookingId, t.gateway, t.currency`;
const shown = (kind: CaseKind, subject: string, amountMinor: string, failureReason = 'NULL') => {
  const { from, where, sinceMs } = OPEN_CASES[kind];
  const withPayment = from.startsWith('refunds') ? `${from} CROSS JOIN transactions t USING (transaction_id)` : from;
  return `
  SELECT '${kind}' AS kind, ${subject} AS subject, ${OF_PAYMENT}, ${amountMinor} AS amountMinor, ${sinceMs} AS sinceMs,
    ${failureReason} AS failureReason
  FROM ${withPayment} WHERE ${where} ORDER BY ${sinceMs} LIMIT ?1`;
};
const shownRefund = (kind: CaseKind) => shown(kind, 'r.refund_id', 'r.amount_minor', 'r.failure_reason');

export const OPEN_CASE_STATEMENTS: Readonly<Record<CaseKind, string>> = {
  payment_undetermined: shown('payment_undetermined', 't.transaction_id', 't.amount_minor'),
  refund_undetermined: shownRefund('refund_undetermined'),
  late_charge_kept: shownRefund('late_charge_kept'),
  refund_reversed: shownRefund('refund_reversed'),
  external_refund_unbooked: shown('external_refund_unbooked', EXTERNAL_REFUND, 'u.amount_minor'),
};

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
  const kinds = Object.keys(OPEN_CASE_STATEMENTS) as CaseKind[];
  const statementOf = (kind: CaseKind) =>
    tenant === null
      ? db.d1.prepare(OPEN_CASE_STATEMENTS[kind]).bind(limit)
      : db.d1.prepare(ofTenant(OPEN_CASE_STATEMENTS[kind])).bind(ALL, tenant, limit);
  const results = await runBatch(db, Object.fromEntries(kinds.map((kind) => [kind, statementOf(kind)])));
  return kinds.flatMap((kind) => {
    const result = results[kind];
    return result === undefined ? [] : rowsOf<OpenCase>(result);
  });
}

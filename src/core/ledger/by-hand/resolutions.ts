/** What a person has dealt with, and why: written once for each subject, and never changed. */

import type { Refund } from '../../domain/transaction.ts';
import { auditResolution } from '../audit/insert-entry.ts';
import type { D1PreparedStatement } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';

export interface ManualResolution {
  subject: string;
  tenant: string;
  /** As it was typed. It is not in the audit log. */
  reason: string;
  resolvedBy: string;
  resolvedAtMs: number;
}

const RESOLUTION_COLUMNS = `
  m.subject, m.tenant, m.reason, m.resolved_by AS resolvedBy, m.resolved_at_ms AS resolvedAtMs`;
const FIND_RESOLUTION = `SELECT ${RESOLUTION_COLUMNS} FROM manual_resolutions m WHERE m.subject = ?1`;
// The table has a row for each case that a person has dealt with, and no index by time.
const LIST_RESOLUTIONS = `
  SELECT ${RESOLUTION_COLUMNS} FROM manual_resolutions m WHERE ?2 IS NULL OR m.tenant = ?2 ORDER BY m.resolved_at_ms DESC LIMIT ?1`;

/**
 * The newest ones first.
 *
 * @param tenant whose they are; null: anybody's
 */
export async function listResolutions(
  db: Database,
  limit: number,
  tenant: string | null = null,
): Promise<ManualResolution[]> {
  const { found } = await runBatch(db, { found: db.d1.prepare(LIST_RESOLUTIONS).bind(limit, tenant) });
  return rowsOf<ManualResolution>(found);
}

export async function findResolution(db: Database, subject: string): Promise<ManualResolution | null> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_RESOLUTION).bind(subject) });
  return rowOf<ManualResolution>(found);
}

const INSERT = 'INSERT INTO manual_resolutions (subject, tenant, reason, resolved_by, resolved_at_ms)';

/** Of a refund `r`: the gateway has refused to pay the late charge back, and has not done so after all. */
export const LATE_CHARGE_KEPT = "r.kind = 'late_charge' AND r.status = 'failed' AND r.gateway_reference IS NULL";

// Each only of a row that still needs it. A subject that has a resolution keeps it: a trigger ignores the second one.
const DEAL_WITH_REFUND = `
  ${INSERT} SELECT ?1, r.tenant, ?2, ?3, ?4 FROM refunds r
  WHERE r.refund_id = ?1 AND (r.status = 'reversed' OR (${LATE_CHARGE_KEPT}))`;
const DEAL_WITH_UNBOOKED = `
  ${INSERT} SELECT ?1, t.tenant, ?2, ?3, ?4 FROM unbooked_refunds u JOIN transactions t USING (transaction_id)
  WHERE u.transaction_id = ?5 AND u.gateway_reference = ?6`;

/** `atMs`: also by which a batch that is repeated finds what it has written. */
interface Dealing {
  subject: string;
  reason: string;
  atMs: number;
}

/** How an external refund is named that no payment had room for: the provider's name alone says nothing of where it is. */
export function unbookedSubject(transactionId: string, gatewayReference: string): string {
  return `${transactionId}/${gatewayReference}`;
}

/** Whether a person has to pay it back in another way: no service ever will. */
export function isUnpaidForGood({ kind, status, gatewayReference }: Refund): boolean {
  return status === 'reversed' || (status === 'failed' && kind === 'late_charge' && gatewayReference === null);
}

/**
 * Writes that the author has dealt with it elsewhere, with its entry in the audit log.
 *
 * @param unbooked the refund at the provider that it is about; absent for a refund of the ledger
 * @returns the resolution that the subject has now, which another one may have written; null where it needs none
 */
export async function dealWith(
  db: Database,
  { subject, reason, atMs }: Dealing,
  unbooked?: { transactionId: string; gatewayReference: string },
): Promise<ManualResolution | null> {
  const { actor } = db.author;
  const results = await runBatch(db, {
    resolved:
      unbooked === undefined
        ? db.d1.prepare(DEAL_WITH_REFUND).bind(subject, reason, actor, atMs)
        : db.d1
            .prepare(DEAL_WITH_UNBOOKED)
            .bind(subject, reason, actor, atMs, unbooked.transactionId, unbooked.gatewayReference),
    audited: auditResolution(db, { atMs, action: 'outcome.dealt_with', subject, outcome: 'done' }),
    found: db.d1.prepare(FIND_RESOLUTION).bind(subject),
  });
  return rowOf<ManualResolution>(results.found);
}

const KEEP_REASON_OF_PAYMENT = `
  ${INSERT} SELECT ?1, tenant, ?2, ?3, ?4 FROM transactions WHERE transaction_id = ?5 AND ended_by = ?6`;
const KEEP_REASON_OF_REFUND = `
  ${INSERT} SELECT ?1, tenant, ?2, ?3, ?4 FROM refunds WHERE refund_id = ?5 AND written_by = ?6`;

/** A refund may have to be dealt with after its outcome was recorded, and that is another resolution. */
export function outcomeSubject(id: string): string {
  return id.startsWith('REF-') ? `${id}/outcome` : id;
}

/** The statement that keeps why the author recorded the outcome of this payment or refund, if it is the attempt of this id that has recorded it. */
export function keepReason(
  { d1, author }: Database,
  { id, reason, atMs }: { id: string; reason: string; atMs: number },
  attemptId: string,
): D1PreparedStatement {
  const sql = id.startsWith('REF-') ? KEEP_REASON_OF_REFUND : KEEP_REASON_OF_PAYMENT;
  return d1.prepare(sql).bind(outcomeSubject(id), reason, author.actor, atMs, id, attemptId);
}

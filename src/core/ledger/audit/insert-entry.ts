/**
 * An entry of the audit log, written by the batch that does what the entry reports: so neither is there without the other. Entries are
 * never changed (the tables' triggers see to that), and contain no user id and no email address.
 */

import type { D1PreparedStatement } from '../d1.ts';
import type { Author, Database } from '../database.ts';

export type AuditAction =
  | 'payment.attempted'
  | 'payment.challenged'
  | 'payment.authorized'
  | 'payment.authorize'
  | 'payment.capture'
  | 'payment.void'
  | 'payment.expire'
  | 'payment.ended'
  | 'refund.attempted'
  | 'refund.owed'
  | 'refund.ended'
  | 'refund.external'
  | 'refund.reversed'
  | 'dispute.reported'
  | 'status.read'
  | 'payments.searched'
  | 'payment.read'
  | 'key.created'
  | 'key.revoked'
  | 'keys.read'
  | 'encryption.rotated'
  | 'personal_data.exported'
  | 'personal_data.erased'
  | 'audit.exported'
  | 'audit.read'
  | 'ledger.exported'
  | 'archive.restored'
  | 'refund.ordered'
  | 'capture.ordered'
  | 'void.ordered'
  | 'events.resent'
  | 'look_up.ordered'
  | 'reconciliation.ordered'
  | 'outcome.resolved'
  | 'outcome.dealt_with';

export interface AuditEntry {
  atMs: number;
  action: AuditAction;
  /** A TXN-, a REF- or a key id, or what else it was done to. */
  subject: string;
  outcome: string;
  detail?: Readonly<Record<string, string | number | null>>;
}

const COLUMNS = 'at_ms, actor, request_id, address, action, subject, detail, outcome, tenant';

function parameters({ actor, requestId, address }: Author, { atMs, action, subject, detail }: AuditEntry) {
  return [atMs, actor, requestId, address, action, subject, detail === undefined ? null : JSON.stringify(detail)];
}

/**
 * The number of the next entry. A row that is written has it beside the fact, in its `…_entry`: by that number a batch that is repeated
 * finds the entry there, and writes no second one.
 */
export const NEXT_ENTRY = '(SELECT coalesce(max(sequence), 0) + 1 FROM audit_entries)';

const isFree = (entry: string) => `NOT EXISTS (SELECT 1 FROM audit_entries WHERE sequence = ${entry})`;

/** Which row shows that something was done, by which attempt, and the entry's number. `?6` is the entry's subject, `?9` the attempt. */
const FACTS = {
  /** The event of this id ended the payment that is the subject. */
  payment_ended: { number: 'ended_entry', row: 'transactions WHERE transaction_id = ?6 AND ended_by = ?9' },
  /** The attempt found that the payment that is the subject waits, and for what. */
  substate_written: { number: 'substate_entry', row: 'transactions WHERE transaction_id = ?6 AND substate_by = ?9' },
  /** The attempt began a step of the payment that is the subject. */
  step_begun: { number: 'step_entry', row: 'transactions WHERE transaction_id = ?6 AND step_by = ?9' },
  /** The attempt gave the refund that is the subject the status that is the entry's outcome. */
  refund_written: {
    number: 'written_entry',
    row: 'refunds WHERE refund_id = ?6 AND written_by = ?9 AND status = ?8',
  },
  /** The attempt inserted the refund that is the subject. */
  refund_created: { number: 'created_entry', row: 'refunds WHERE refund_id = ?6 AND created_by = ?9' },
  /** The attempt wrote a dispute of the payment that is the subject. */
  dispute_reported: { number: 'told_entry', row: 'disputes WHERE transaction_id = ?6 AND told_by = ?9' },
} as const;

const INSERT_OF_FACT = Object.fromEntries(
  Object.entries(FACTS).map(([fact, { number, row }]) => [
    fact,
    `
  INSERT INTO audit_entries (sequence, ${COLUMNS})
  SELECT ${number}, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, tenant FROM ${row} AND ${isFree(number)}`,
  ]),
) as Record<keyof typeof FACTS, string>;

/** The entry of what this attempt has done, if the row shows it. It belongs behind the statement that writes the row. */
export function auditFact(
  { d1, author }: Database,
  fact: keyof typeof FACTS,
  attemptId: string,
  entry: AuditEntry,
): D1PreparedStatement {
  return d1.prepare(INSERT_OF_FACT[fact]).bind(...parameters(author, entry), entry.outcome, attemptId);
}

// What leaves no row of its own is found by what it says. The first condition is the one of the index.
const notWrittenBefore = (outcome: string) => `NOT EXISTS (
    SELECT 1 FROM audit_entries e WHERE e.outcome IN ('not_claimed', 'asked', 'read', 'done', 'created', 'revoked') AND e.at_ms = ?1
      AND e.subject = ?6 AND e.action = ?5 AND e.outcome = ${outcome} AND e.actor = ?2 AND e.request_id IS ?3
      AND e.address IS ?4 AND e.detail IS ?7)`;

// An attempt is written down whether or not a row came of it. If none came of a try whose answer was lost, one may come of the next:
// that is another outcome, and another entry.
const INSERT_OF_ATTEMPT = `
  INSERT INTO audit_entries (sequence, ${COLUMNS})
  SELECT claimed.entry, ?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN claimed.entry IS NULL THEN 'not_claimed' ELSE 'claimed' END, ?8
  FROM (SELECT coalesce((SELECT attempted_entry FROM transactions WHERE transaction_id = ?6),
    (SELECT created_entry FROM refunds WHERE refund_id = ?6)) AS entry) AS claimed
  WHERE CASE WHEN claimed.entry IS NULL THEN ${notWrittenBefore("'not_claimed'")} ELSE ${isFree('claimed.entry')} END`;

/** The entry of an attempt to write the row that `subject` names. It belongs behind the statement that does. */
export function auditAttempt(
  { d1, author }: Database,
  tenant: string,
  entry: Omit<AuditEntry, 'outcome'>,
): D1PreparedStatement {
  return d1.prepare(INSERT_OF_ATTEMPT).bind(...parameters(author, { ...entry, outcome: '' }), tenant);
}

const KEY_FACTS = { 'key.created': 'created_at_ms', 'key.revoked': 'revoked_at_ms' } as const;

/** The entry of what was done at this time to the key that `subject` names. It belongs behind the statement that does it. */
export function auditKeyChange(
  { d1, author }: Database,
  entry: AuditEntry & { action: keyof typeof KEY_FACTS; outcome: 'created' | 'revoked' },
): D1PreparedStatement {
  return d1
    .prepare(
      `INSERT INTO audit_entries (${COLUMNS})
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, tenant FROM api_keys
       WHERE key_id = ?6 AND ${KEY_FACTS[entry.action]} = ?1 AND ${notWrittenBefore('?8')}`,
    )
    .bind(...parameters(author, entry), entry.outcome);
}

const INSERT_ONCE = `
  INSERT INTO audit_entries (${COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE ${notWrittenBefore('?8')}`;

/** The entry of something that has no row of its own, such as a look at what is there. */
export function audit(
  { d1, author }: Database,
  tenant: string,
  entry: AuditEntry & { outcome: 'asked' | 'read' | 'done' },
): D1PreparedStatement {
  return d1.prepare(INSERT_ONCE).bind(...parameters(author, entry), entry.outcome, tenant);
}

/** The entry of a resolution that was written at this time for the subject. It belongs behind the statement that writes it. */
export function auditResolution(
  { d1, author }: Database,
  entry: AuditEntry & { action: 'outcome.dealt_with'; outcome: 'done' },
): D1PreparedStatement {
  return d1
    .prepare(
      `INSERT INTO audit_entries (${COLUMNS})
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, tenant FROM manual_resolutions
       WHERE subject = ?6 AND resolved_at_ms = ?1 AND resolved_by = ?2 AND ${notWrittenBefore('?8')}`,
    )
    .bind(...parameters(author, entry), entry.outcome);
}

/** The entry of a look-up that was ordered. It belongs behind the statement that makes it due. @param due the row, if it is due */
export function auditLookUpOrder(
  { d1, author }: Database,
  entry: AuditEntry & { action: 'look_up.ordered'; outcome: 'asked' },
  due: string,
): D1PreparedStatement {
  return d1
    .prepare(
      `INSERT INTO audit_entries (${COLUMNS})
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, tenant FROM ${due} AND ${notWrittenBefore('?8')}`,
    )
    .bind(...parameters(author, entry), entry.outcome);
}

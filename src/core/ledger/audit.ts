/**
 * The audit log in D1: each entry is written by the batch that does what it tells of, so that there is none without the other.
 * Nothing of it is ever changed (the tables' triggers see to that), and it names no user and no address of one.
 */
import type { D1PreparedStatement } from './d1.ts';
import { type Author, type Database, rowOf, rowsOf, runBatch } from './database.ts';

export type AuditAction =
  | 'payment.attempted'
  | 'payment.ended'
  | 'refund.attempted'
  | 'refund.owed'
  | 'refund.ended'
  | 'refund.made_outside'
  | 'refund.reversed'
  | 'dispute.told'
  | 'status.read'
  | 'key.created'
  | 'key.revoked'
  | 'keys.read'
  | 'encryption.rotated'
  | 'person.exported'
  | 'person.erased'
  | 'audit.exported';

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

// The batch may be repeated. Where no row of its own says that it was carried out before, the entry itself does.
const NOT_WRITTEN_BEFORE = `NOT EXISTS (
    SELECT 1 FROM audit_entries WHERE outcome IN ('not_claimed', 'asked', 'read', 'done')
      AND at_ms = ?1 AND subject = ?6 AND action = ?5 AND actor = ?2 AND request_id IS ?3 AND address IS ?4)`;

/** What the statement before it has changed: it belongs right behind that one, and a repeated batch writes it once. */
const INSERT_OF_PAYMENT = `
  INSERT INTO audit_entries (${COLUMNS})
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, tenant FROM transactions WHERE transaction_id = ?9 AND changes() > 0`;

/** The entry of what the statement before it has done to this payment, or to a refund or dispute of it. */
export function auditChange({ d1, author }: Database, transactionId: string, entry: AuditEntry): D1PreparedStatement {
  return d1.prepare(INSERT_OF_PAYMENT).bind(...parameters(author, entry), entry.outcome, transactionId);
}

// An attempt is written down whether or not a row came of it.
const INSERT_OF_ATTEMPT = `
  INSERT INTO audit_entries (${COLUMNS})
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN changes() > 0 THEN 'claimed' ELSE 'not_claimed' END, ?8
  WHERE changes() > 0 OR (${NOT_WRITTEN_BEFORE} AND NOT EXISTS (
    SELECT 1 FROM transactions WHERE transaction_id = ?6 UNION ALL SELECT 1 FROM refunds WHERE refund_id = ?6))`;

/** The entry of an attempt to write the row that `subject` names, right behind the statement that does. */
export function auditAttempt(
  { d1, author }: Database,
  tenant: string,
  entry: Omit<AuditEntry, 'outcome'>,
): D1PreparedStatement {
  return d1.prepare(INSERT_OF_ATTEMPT).bind(...parameters(author, { ...entry, outcome: '' }), tenant);
}

const INSERT_OF_KEY = `
  INSERT INTO audit_entries (${COLUMNS})
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, tenant FROM api_keys WHERE key_id = ?6 AND changes() > 0`;

/** The entry of what the statement before it has done to the key that `subject` names. */
export function auditKeyChange({ d1, author }: Database, entry: AuditEntry): D1PreparedStatement {
  return d1.prepare(INSERT_OF_KEY).bind(...parameters(author, entry), entry.outcome);
}

const INSERT_ONCE = `
  INSERT INTO audit_entries (${COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE ${NOT_WRITTEN_BEFORE}`;

/** The entry of something that has no row of its own, such as a look at what is there. */
export function audit(
  { d1, author }: Database,
  tenant: string,
  entry: AuditEntry & { outcome: 'asked' | 'read' | 'done' },
): D1PreparedStatement {
  return d1.prepare(INSERT_ONCE).bind(...parameters(author, entry), entry.outcome, tenant);
}

/** An entry as it stands, under the names of its columns. */
export interface AuditRow {
  sequence: number;
  at_ms: number;
  tenant: string;
  actor: string;
  request_id: string | null;
  address: string | null;
  action: string;
  subject: string;
  outcome: string;
  detail: string | null;
}

export interface AuditSeal {
  sequence: number;
  hash: string;
}

const LAST_SEAL = 'SELECT sequence, hash FROM audit_seals ORDER BY sequence DESC LIMIT 1';
const UNSEALED = `
  SELECT * FROM audit_entries WHERE sequence > coalesce((SELECT max(sequence) FROM audit_seals), 0)
  ORDER BY sequence LIMIT ?1`;

/** The oldest entries that have no seal yet, and the seal before them. */
export async function unsealedEntries(
  db: Database,
  limit: number,
): Promise<{ last: AuditSeal | null; entries: AuditRow[] }> {
  const { last, entries } = await runBatch(db, {
    last: db.d1.prepare(LAST_SEAL),
    entries: db.d1.prepare(UNSEALED).bind(limit),
  });
  return { last: rowOf<AuditSeal>(last), entries: rowsOf<AuditRow>(entries) };
}

// Two at once make the same seals; the second one finds them there.
const INSERT_SEALS = `
  INSERT INTO audit_seals (sequence, hash)
  SELECT value ->> 'sequence', value ->> 'hash' FROM json_each(?1)
  WHERE value ->> 'sequence' > coalesce((SELECT max(sequence) FROM audit_seals), 0)`;

export async function writeSeals(db: Database, seals: readonly AuditSeal[]): Promise<void> {
  await runBatch(db, { sealed: db.d1.prepare(INSERT_SEALS).bind(JSON.stringify(seals)) });
}

/** Writes down that the log is exported, before it is. */
export async function auditExport(db: Database, nowMs: number): Promise<void> {
  await runBatch(db, {
    audited: audit(db, '*', { atMs: nowMs, action: 'audit.exported', subject: 'audit_entries', outcome: 'read' }),
  });
}

const EXPORT = `
  SELECT e.*, s.hash FROM audit_entries e LEFT JOIN audit_seals s USING (sequence)
  WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2`;

/** Up to `limit` entries behind this one, each with its seal; null where it has none yet. */
export async function auditEntriesAfter(
  db: Database,
  sequence: number,
  limit: number,
): Promise<(AuditRow & { hash: string | null })[]> {
  const { page } = await runBatch(db, { page: db.d1.prepare(EXPORT).bind(sequence, limit) });
  return rowsOf(page);
}

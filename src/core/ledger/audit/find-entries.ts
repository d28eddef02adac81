/** Finds where in the audit log entries about something may be, without reading the log from its beginning. */

import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { audit } from './insert-entry.ts';

/** Records that the entries about something were read, before they are. Returns the number of the last entry. */
export async function auditRead(db: Database, subject: string, nowMs: number): Promise<number> {
  const { last } = await runBatch(db, {
    audited: audit(db, '*', { atMs: nowMs, action: 'audit.read', subject, outcome: 'read' }),
    last: db.d1.prepare('SELECT max(sequence) AS sequence FROM audit_entries'),
  });
  return rowOf<{ sequence: number }>(last)?.sequence ?? 0;
}

/** What the ledger knows of a subject. */
export interface KnownSubject {
  /** The ids of its rows. Of a payment, those of its refunds as well; of a dispute, its payment's. */
  subjects: string[];
  /** When the first entry about it can have been written; null where no row says so. */
  sinceMs: number | null;
  /** Numbers of entries that its rows name. */
  entries: number[];
}

const REFUND_NUMBERS = 'created_entry AS a, written_entry AS b, NULL AS c, NULL AS d';
const PAYMENT = `
  SELECT transaction_id AS id, created_at_ms AS sinceMs, attempted_entry AS a, substate_entry AS b, step_entry AS c, ended_entry AS d
  FROM transactions WHERE transaction_id = ?1`;
const REFUNDS_OF_PAYMENT = `SELECT refund_id AS id, NULL AS sinceMs, ${REFUND_NUMBERS} FROM refunds WHERE transaction_id = ?1`;
const REFUND = `SELECT refund_id AS id, created_at_ms AS sinceMs, ${REFUND_NUMBERS} FROM refunds WHERE refund_id = ?1`;
// Few payments are disputed, and a provider's own name for a dispute is in no index by itself.
const DISPUTES = `
  SELECT transaction_id AS id, opened_at_ms AS sinceMs, told_entry AS a, NULL AS b, NULL AS c, NULL AS d FROM disputes
  WHERE dispute_id = ?1`;
const DISPUTES_OF_PAYMENT = `
  SELECT transaction_id AS id, NULL AS sinceMs, told_entry AS a, NULL AS b, NULL AS c, NULL AS d FROM disputes
  WHERE transaction_id = ?1`;
const API_KEY = `
  SELECT key_id AS id, created_at_ms AS sinceMs, NULL AS a, NULL AS b, NULL AS c, NULL AS d FROM api_keys WHERE key_id = ?1`;

type KnownRow = { id: string; sinceMs: number | null } & Record<'a' | 'b' | 'c' | 'd', number | null>;

/** What the rows say of a payment, a refund, an API key or a dispute; nothing where there are none. */
export async function knownSubject(db: Database, id: string): Promise<KnownSubject> {
  const isLedgerId = /^(TXN|REF)-/.test(id);
  const of = (sql: string) => db.d1.prepare(sql).bind(id);
  const results = await runBatch(db, {
    payment: of(PAYMENT),
    refunds: of(REFUNDS_OF_PAYMENT),
    disputesOfPayment: of(DISPUTES_OF_PAYMENT),
    refund: of(REFUND),
    key: of(API_KEY),
    disputes: isLedgerId ? null : of(DISPUTES),
  });
  const rows = Object.values(results).flatMap((result) => (result === undefined ? [] : rowsOf<KnownRow>(result)));
  const times = rows.flatMap(({ sinceMs }) => sinceMs ?? []);
  return {
    subjects: [...new Set(rows.map((row) => row.id))],
    sinceMs: times.length === 0 ? null : Math.min(...times),
    entries: [...new Set(rows.flatMap(({ a, b, c, d }) => [a, b, c, d]).filter((number) => number !== null))],
  };
}

// A block's time is that of its seal, which no entry of it is younger than. Before the first block are entries of former versions.
const AT = `
  SELECT b.first_sequence AS first, b.last_sequence AS last,
    CASE WHEN b.first_sequence <= ?1 THEN b.at_ms ELSE (SELECT at_ms FROM audit_entries WHERE sequence = ?1) END AS atMs
  FROM audit_blocks b WHERE b.last_sequence >= ?1 ORDER BY b.last_sequence LIMIT 1`;
const LAST_BLOCK = 'SELECT max(last_sequence) AS last FROM audit_blocks';

/** The number of the first entry that may be this young, or of one before it. A block is found in some twenty steps, however long the log is. */
export async function firstEntrySince(db: Database, sinceMs: number): Promise<number> {
  const { end } = await runBatch(db, { end: db.d1.prepare(LAST_BLOCK) });
  let low = 1;
  for (let high = (rowOf<{ last: number | null }>(end)?.last ?? 0) + 1; low < high; ) {
    const middle = Math.floor((low + high) / 2);
    const { at } = await runBatch(db, { at: db.d1.prepare(AT).bind(middle) });
    const found = rowOf<{ first: number; last: number; atMs: number | null }>(at);
    const isTooOld = found !== null && found.atMs !== null && found.atMs < sinceMs;
    if (isTooOld) low = middle < found.first ? middle + 1 : found.last + 1;
    else high = Math.min(middle, found?.first ?? middle);
  }
  return low;
}

const PAGE_OF = `
  SELECT CASE
    WHEN EXISTS (SELECT 1 FROM audit_entries WHERE sequence = ?1) THEN ?1
    ELSE coalesce(
      (SELECT first_sequence FROM (SELECT * FROM audit_blocks WHERE last_sequence >= ?1 ORDER BY last_sequence LIMIT 1)
       WHERE packed IS NOT NULL AND first_sequence <= ?1),
      (SELECT first_sequence FROM (
         SELECT * FROM archived_ranges WHERE kind = 'audit' AND first_sequence <= ?1 ORDER BY first_sequence DESC LIMIT 1)
       WHERE last_sequence >= ?1),
      ?1) END AS first`;

/** With which entry the page begins that has this one: its own, its block's first, or its object's. */
export async function pageOfEntry(db: Database, sequence: number): Promise<number> {
  const { page } = await runBatch(db, { page: db.d1.prepare(PAGE_OF).bind(sequence) });
  return rowOf<{ first: number }>(page)?.first ?? sequence;
}

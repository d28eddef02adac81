/** Exports the audit log, a page at a time. */

import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { AuditRow } from './hash-chain.ts';
import { audit } from './insert-entry.ts';

/** Records the export in the log itself, before it begins. Returns the sequence of the last entry, perhaps this one's. */
export async function auditExport(db: Database, nowMs: number): Promise<number> {
  const { last } = await runBatch(db, {
    audited: audit(db, '*', { atMs: nowMs, action: 'audit.exported', subject: 'audit_entries', outcome: 'read' }),
    last: db.d1.prepare('SELECT max(sequence) AS sequence FROM audit_entries'),
  });
  return rowOf<{ sequence: number }>(last)?.sequence ?? 0;
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

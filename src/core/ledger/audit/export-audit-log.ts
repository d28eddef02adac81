/** Exports the audit log, a page at a time. */

import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { AuditBlock, AuditRow } from './hash-chain.ts';
import { audit } from './insert-entry.ts';

/** Records the export in the log itself, before it begins. Returns the sequence of the last entry, perhaps this one's. */
export async function auditExport(db: Database, nowMs: number): Promise<number> {
  const { last } = await runBatch(db, {
    audited: audit(db, '*', { atMs: nowMs, action: 'audit.exported', subject: 'audit_entries', outcome: 'read' }),
    last: db.d1.prepare('SELECT max(sequence) AS sequence FROM audit_entries'),
  });
  return rowOf<{ sequence: number }>(last)?.sequence ?? 0;
}

/** An entry, with the hash that a former version has sealed it with by itself; null for all others. */
export type ExportedEntry = AuditRow & { hash: string | null };

const ENTRIES = `
  SELECT e.*, s.hash FROM audit_entries e LEFT JOIN audit_seals s USING (sequence)
  WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2`;
const BLOCKS = `
  SELECT first_sequence, last_sequence, entries, hash FROM audit_blocks
  WHERE last_sequence > ?1 ORDER BY last_sequence LIMIT ?2`;

/** Up to `limit` entries behind this one, and the seals of the blocks that end among them. */
export async function auditEntriesAfter(
  db: Database,
  sequence: number,
  limit: number,
): Promise<{ entries: ExportedEntry[]; blocks: AuditBlock[] }> {
  const results = await runBatch(db, {
    entries: db.d1.prepare(ENTRIES).bind(sequence, limit),
    blocks: db.d1.prepare(BLOCKS).bind(sequence, limit),
  });
  const entries = rowsOf<ExportedEntry>(results.entries);
  const end = entries.at(-1)?.sequence ?? sequence;
  return {
    entries,
    blocks: rowsOf<AuditBlock>(results.blocks).filter(({ last_sequence }) => last_sequence <= end),
  };
}

/** The lines of an export: each entry, and behind the last one of a block its seal. */
export function exportedLines({ entries, blocks }: { entries: ExportedEntry[]; blocks: AuditBlock[] }): string[] {
  const blockEndingAt = new Map(blocks.map((block) => [block.last_sequence, block]));
  return entries.flatMap((entry) => {
    const block = blockEndingAt.get(entry.sequence);
    return block === undefined ? [JSON.stringify(entry)] : [JSON.stringify(entry), JSON.stringify({ block })];
  });
}

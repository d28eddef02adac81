/** Exports the audit log, a page at a time. */

import type { ArchivedRange } from '../archive/archive-bucket.ts';
import { archivedRangeAt } from '../archive/archived-ranges.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { AuditBlock, AuditRow, BlockCodec } from './hash-chain.ts';
import { audit } from './insert-entry.ts';
import { type PackedColumn, packedIn } from './pack-block.ts';

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

/** Where what follows an entry is: in its own table, packed with its block, or in an object of the archive. */
export type ExportedPage =
  | { kind: 'entries'; entries: ExportedEntry[]; blocks: AuditBlock[] }
  | { kind: 'packed'; block: AuditBlock; packed: Uint8Array }
  | { kind: 'archived'; range: ArchivedRange };

const ENTRIES = `
  SELECT e.*, s.hash FROM audit_entries e LEFT JOIN audit_seals s USING (sequence)
  WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2`;
const BLOCKS = `
  SELECT first_sequence, last_sequence, entries, hash FROM audit_blocks
  WHERE last_sequence > ?1 ORDER BY last_sequence LIMIT ?2`;
const PACKED = `
  SELECT packed FROM audit_blocks WHERE first_sequence = ?1 + 1
    AND last_sequence = (SELECT min(last_sequence) FROM audit_blocks WHERE last_sequence > ?1)`;

/**
 * What follows this entry: up to `limit` entries with the seals of the blocks that end among them, or the packed block that begins with the
 * next one. Entries that are in neither are missing, which whoever verifies the export finds.
 */
export async function auditLogAfter(db: Database, sequence: number, limit: number): Promise<ExportedPage> {
  const results = await runBatch(db, {
    entries: db.d1.prepare(ENTRIES).bind(sequence, limit),
    blocks: db.d1.prepare(BLOCKS).bind(sequence, limit),
    packed: db.d1.prepare(PACKED).bind(sequence),
    archived: archivedRangeAt(db.d1, 'audit', sequence + 1),
  });
  const entries = rowsOf<ExportedEntry>(results.entries);
  const blocks = rowsOf<AuditBlock>(results.blocks);
  const packed = packedIn(rowOf<{ packed: PackedColumn }>(results.packed)?.packed ?? null);
  const [block] = blocks;
  // Entries that are packed may still be in their table: for a moment, or because what was packed does not match them. And what has been
  // restored is in the archive as well.
  const areInTable = entries[0]?.sequence === sequence + 1;
  if (block !== undefined && packed !== null && !areInTable) return { kind: 'packed', block, packed };
  const range = rowOf<ArchivedRange>(results.archived);
  if (range !== null && !areInTable) return { kind: 'archived', range };
  const together = entries.filter((entry, index) => entry.sequence - index === entries[0]?.sequence);
  const last = together.at(-1)?.sequence ?? sequence;
  const whole = blocks.filter(({ last_sequence }) => last_sequence <= last);
  // A page that is full ends with a block: what follows may be packed before it is read.
  const end = entries.length < limit ? last : (whole.at(-1)?.last_sequence ?? last);
  return { kind: 'entries', entries: together.filter((entry) => entry.sequence <= end), blocks: whole };
}

export interface ExportReading {
  unpack: BlockCodec['unpack'];
  /** The lines of an object. Throws where it can't be read, or is not what was archived. */
  readArchived(range: ArchivedRange): Promise<string[]>;
  entriesAtOnce: number;
}

/**
 * All lines of an export, a page at a time: each entry, and behind the last one of a block its seal. With each page comes the number of its
 * last entry.
 *
 * @param behind the number of the entry before the first one; where that is packed or archived, the end of a page
 */
export async function* exportAuditLog(
  db: Database,
  { unpack, readArchived, entriesAtOnce }: ExportReading,
  behind = 0,
): AsyncGenerator<{ lines: string[]; until: number }> {
  for (let after = behind; ; ) {
    const page = await auditLogAfter(db, after, entriesAtOnce);
    if (page.kind === 'archived') {
      after = page.range.lastSequence;
      yield { lines: await readArchived(page.range), until: after };
      continue;
    }
    if (page.kind === 'packed') {
      after = page.block.last_sequence;
      yield { lines: await unpack(page.packed), until: after };
      continue;
    }
    const last = page.entries.at(-1);
    if (last === undefined) return;
    after = last.sequence;
    yield { lines: exportedLines(page), until: after };
  }
}

/** The lines of entries, and of the seals of their blocks. */
export function exportedLines({ entries, blocks }: { entries: ExportedEntry[]; blocks: AuditBlock[] }): string[] {
  const blockEndingAt = new Map(blocks.map((block) => [block.last_sequence, block]));
  return entries.flatMap((entry) => {
    const block = blockEndingAt.get(entry.sequence);
    return block === undefined ? [JSON.stringify(entry)] : [JSON.stringify(entry), JSON.stringify({ block })];
  });
}

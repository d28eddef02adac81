/** Packed blocks of the audit log that may leave the database. Their seals stay. */

import type { AuditBlock } from '../audit/hash-chain.ts';
import { type PackedColumn, packedIn } from '../audit/pack-block.ts';
import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import type { ArchivedRange } from './archive-bucket.ts';
import { isArchived, newArchivedRange } from './archived-ranges.ts';

// One whose entries are still in their table does not match them: nothing of it leaves, nor of what follows it.
const NEXT_BLOCKS = `
  SELECT first_sequence, last_sequence, entries, at_ms AS atMs, hash, packed, EXISTS (
    SELECT 1 FROM audit_entries WHERE sequence BETWEEN first_sequence AND last_sequence) AS isBroken
  FROM audit_blocks
  WHERE last_sequence > (SELECT position FROM job_positions WHERE job = 'archive')
    AND last_sequence <= (SELECT position FROM job_positions WHERE job = 'pack')
  ORDER BY last_sequence LIMIT ?1`;

export type PackedBlock = AuditBlock & { packed: Uint8Array };

/**
 * The next blocks that were packed and sealed before this time, at most `limit` of them. They follow each other: behind the first one that
 * has to wait, none is taken.
 */
export async function blocksToArchive(db: Database, beforeMs: number, limit: number): Promise<PackedBlock[]> {
  const { blocks } = await runBatch(db, { blocks: db.d1.prepare(NEXT_BLOCKS).bind(limit) });
  const taken: PackedBlock[] = [];
  for (const { packed: column, atMs, isBroken, ...block } of rowsOf<BlockRow>(blocks)) {
    const packed = packedIn(column);
    if (packed === null || isBroken === 1 || atMs > beforeMs) break;
    taken.push({ ...block, packed });
  }
  return taken;
}

type BlockRow = AuditBlock & { atMs: number; packed: PackedColumn; isBroken: 0 | 1 };

const EMPTY_BLOCKS = `
  UPDATE audit_blocks SET packed = NULL
  WHERE last_sequence BETWEEN ?2 AND ?3 AND packed IS NOT NULL AND ${isArchived('audit')}`;
const MOVE_ON = `
  UPDATE job_positions SET position = ?3
  WHERE job = 'archive' AND position < ?3 AND ${isArchived('audit')}`;

/** Writes down that the object has these blocks, and empties them. */
export async function recordArchivedBlocks(db: Database, range: ArchivedRange): Promise<void> {
  const { object, firstSequence, lastSequence } = range;
  await runBatch(db, {
    range: newArchivedRange(db.d1, range),
    emptied: db.d1.prepare(EMPTY_BLOCKS).bind(object, firstSequence, lastSequence),
    moved: db.d1.prepare(MOVE_ON).bind(object, firstSequence, lastSequence),
  });
}

/** The statement that tells, as `due`, whether a block may be archived. */
export function countBlocksToArchive(d1: D1Database, beforeMs: number): D1PreparedStatement {
  return d1
    .prepare(`SELECT count(*) AS due FROM (${NEXT_BLOCKS}) WHERE atMs <= ?2 AND packed IS NOT NULL AND NOT isBroken`)
    .bind(1, beforeMs);
}

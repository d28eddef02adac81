/** Packs sealed blocks of the audit log: what took 256 bytes an entry takes a quarter of that, and can be archived as it is. */

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { AuditBlock, AuditRow } from './hash-chain.ts';

/** For so long entries stay in their table, where a query finds them. */
export const PACKED_AFTER_MS = 60 * 60_000;

// One after the other, so that none is left out. Not the block with the newest entry, whose number the next one follows.
const NEXT = `
  SELECT first_sequence, last_sequence, entries, hash FROM (
    SELECT * FROM audit_blocks
    WHERE last_sequence > (SELECT position FROM job_positions WHERE job = 'pack')
      AND last_sequence < (SELECT max(sequence) FROM audit_entries)
    ORDER BY last_sequence LIMIT 1)
  WHERE at_ms <= ?1`;
const ENTRIES = `
  SELECT e.* FROM (${NEXT}) b JOIN audit_entries e ON e.sequence BETWEEN b.first_sequence AND b.last_sequence
  ORDER BY e.sequence`;
const hashBeforeEntry = (first: string) => `
  coalesce((SELECT hash FROM audit_blocks WHERE last_sequence = ${first} - 1),
    (SELECT hash FROM audit_seals WHERE sequence = ${first} - 1))`;
const HASH_BEFORE = `SELECT ${hashBeforeEntry('b.first_sequence')} AS hash FROM (${NEXT}) b`;

/** The statement that finds the `hash` that a block follows which begins with this entry; null: it is the first one. */
export function hashBefore(d1: D1Database, firstSequence: number): D1PreparedStatement {
  return d1.prepare(`SELECT ${hashBeforeEntry('?1')} AS hash`).bind(firstSequence);
}

export interface BlockToPack {
  block: AuditBlock;
  entries: AuditRow[];
  /** Null: it is the first one. */
  hashBefore: string | null;
}

/** The oldest block that may be packed, with its entries; null where there is none. */
export async function blockToPack(db: Database, nowMs: number): Promise<BlockToPack | null> {
  const before = nowMs - PACKED_AFTER_MS;
  const { next, entries, hash } = await runBatch(db, {
    next: db.d1.prepare(NEXT).bind(before),
    entries: db.d1.prepare(ENTRIES).bind(before),
    hash: db.d1.prepare(HASH_BEFORE).bind(before),
  });
  const block = rowOf<AuditBlock>(next);
  if (block === null) return null;
  return {
    block,
    entries: rowsOf<AuditRow>(entries),
    hashBefore: rowOf<{ hash: string | null }>(hash)?.hash ?? null,
  };
}

// Not where the job has gone on: D1 may carry this out late, when the block has left for the archive.
const KEEP = `
  UPDATE audit_blocks SET packed = ?2 WHERE last_sequence = ?1 AND packed IS NULL
    AND last_sequence > (SELECT position FROM job_positions WHERE job = 'pack')`;

/** Keeps the packed block, unless it is there. Returns what is there, which is to be compared before the entries are deleted. */
export async function keepPacked(db: Database, block: AuditBlock, packed: Uint8Array): Promise<Uint8Array | null> {
  const { kept } = await runBatch(db, {
    packed: db.d1.prepare(KEEP).bind(block.last_sequence, packed),
    kept: db.d1.prepare('SELECT packed FROM audit_blocks WHERE last_sequence = ?1').bind(block.last_sequence),
  });
  return packedIn(rowOf<{ packed: PackedColumn }>(kept)?.packed ?? null);
}

/** D1 answers with the bytes of a BLOB as numbers, SQLite with the bytes. */
export type PackedColumn = readonly number[] | Uint8Array | null;

export function packedIn(column: PackedColumn): Uint8Array | null {
  return column === null ? null : Uint8Array.from(column);
}

// The trigger lets go of what a packed block has, and of nothing else.
const DELETE_ENTRIES = 'DELETE FROM audit_entries WHERE sequence BETWEEN ?1 AND ?2';
const MOVE_ON = `UPDATE job_positions SET position = ?1 WHERE job = 'pack' AND position < ?1`;

/** Deletes the entries of a packed block from their table. */
export async function deletePackedEntries(db: Database, { first_sequence, last_sequence }: AuditBlock): Promise<void> {
  await runBatch(db, {
    deleted: db.d1.prepare(DELETE_ENTRIES).bind(first_sequence, last_sequence),
    moved: db.d1.prepare(MOVE_ON).bind(last_sequence),
  });
}

/** Goes on behind a block that is not packed. Its entries stay, so it never leaves for the archive. */
export async function passBlock(db: Database, { last_sequence }: AuditBlock): Promise<void> {
  await runBatch(db, { moved: db.d1.prepare(MOVE_ON).bind(last_sequence) });
}

/** The statement that tells, as `due`, whether a block may be packed. */
export function countToPack(d1: D1Database, nowMs: number): D1PreparedStatement {
  return d1.prepare(`SELECT count(*) AS due FROM (${NEXT})`).bind(nowMs - PACKED_AFTER_MS);
}

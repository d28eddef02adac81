/** Seals audit entries: the hash of a block of them is kept, and never changed (the tables' triggers see to that). */

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { AuditBlock, AuditRow } from './hash-chain.ts';

/** Up to where the log is sealed, and with which hash. Former versions have sealed each entry by itself. */
export interface LastSeal {
  sequence: number;
  hash: string;
}

const LAST_SEAL = `
  SELECT sequence, hash FROM (
    SELECT * FROM (SELECT last_sequence AS sequence, hash, 1 AS rank FROM audit_blocks ORDER BY last_sequence DESC LIMIT 1)
    UNION ALL SELECT * FROM (SELECT sequence, hash, 2 AS rank FROM audit_seals ORDER BY sequence DESC LIMIT 1))
  ORDER BY rank LIMIT 1`;
const SEALED_UNTIL =
  'coalesce((SELECT max(last_sequence) FROM audit_blocks), (SELECT max(sequence) FROM audit_seals), 0)';
const UNSEALED = `SELECT * FROM audit_entries WHERE sequence > ${SEALED_UNTIL} ORDER BY sequence LIMIT ?1`;

/** The oldest entries that have no seal yet, and the seal before them. */
export async function unsealedEntries(
  db: Database,
  limit: number,
): Promise<{ last: LastSeal | null; entries: AuditRow[] }> {
  const { last, entries } = await runBatch(db, {
    last: db.d1.prepare(LAST_SEAL),
    entries: db.d1.prepare(UNSEALED).bind(limit),
  });
  return { last: rowOf<LastSeal>(last), entries: rowsOf<AuditRow>(entries) };
}

// Of two at once, the second one finds the block there, or another one in its place.
const INSERT_BLOCK = `
  INSERT INTO audit_blocks (first_sequence, last_sequence, entries, hash, at_ms)
  SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?1 = ${SEALED_UNTIL} + 1`;
const HAS_BLOCK = 'SELECT 1 FROM audit_blocks WHERE last_sequence = ?1 AND hash = ?2';

/**
 * Seals the block, unless its entries are sealed already. Returns whether this seal is in the chain.
 *
 * @param atMs when it is sealed, by the clock of this job: entries have those of their writers
 */
export async function insertBlock(db: Database, block: AuditBlock, atMs: number): Promise<boolean> {
  const { first_sequence, last_sequence, entries, hash } = block;
  const { there } = await runBatch(db, {
    sealed: db.d1.prepare(INSERT_BLOCK).bind(first_sequence, last_sequence, entries, hash, atMs),
    there: db.d1.prepare(HAS_BLOCK).bind(last_sequence, hash),
  });
  return rowOf(there) !== null;
}

const COUNT_UNSEALED = `SELECT count(*) AS due FROM (SELECT 1 FROM audit_entries WHERE sequence > ${SEALED_UNTIL} LIMIT ?1)`;

/** The statement that counts entries without a seal, as `due`, up to `limit`. */
export function countUnsealed(d1: D1Database, limit: number): D1PreparedStatement {
  return d1.prepare(COUNT_UNSEALED).bind(limit);
}

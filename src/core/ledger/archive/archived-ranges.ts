/** Which ranges have left the database for the archive: written once, in the batch that deletes them, and never changed. */

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import type { ArchivedKind, ArchivedRange } from './archive-bucket.ts';

const INSERT = `
  INSERT INTO archived_ranges (kind, first_sequence, last_sequence, entries, object, bytes, sha256, last_hash, archived_at_ms)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
  WHERE NOT EXISTS (SELECT 1 FROM archived_ranges WHERE kind = ?1 AND first_sequence = ?2 AND object = ?5)`;

const INSERT_PARAMETERS = 9;

/**
 * The statement that writes the range down. What is deleted with it is guarded by `isArchived`.
 *
 * @param guard what has to be true as well, and its parameters, the first of which has the number that `also` is given
 */
export function newArchivedRange(
  d1: D1Database,
  range: ArchivedRange,
  guard?: { also: (first: number) => string; parameters: readonly (string | number)[] },
): D1PreparedStatement {
  const { kind, firstSequence, lastSequence, entries, object, bytes, sha256, lastHash, archivedAtMs } = range;
  return d1
    .prepare(guard === undefined ? INSERT : `${INSERT} AND ${guard.also(INSERT_PARAMETERS + 1)}`)
    .bind(
      ...[kind, firstSequence, lastSequence, entries, object, bytes, sha256, lastHash, archivedAtMs],
      ...(guard?.parameters ?? []),
    );
}

/** The object of `?1`, of this kind, is written down. */
export const isArchived = (kind: ArchivedKind) =>
  `EXISTS (SELECT 1 FROM archived_ranges WHERE kind = '${kind}' AND first_sequence = ?2 AND object = ?1)`;

const COLUMNS = `kind, first_sequence AS firstSequence, last_sequence AS lastSequence, entries, object, bytes, sha256,
  last_hash AS lastHash, archived_at_ms AS archivedAtMs`;

/** The statement that finds the range that begins with this sequence. */
export function archivedRangeAt(d1: D1Database, kind: ArchivedKind, sequence: number): D1PreparedStatement {
  return d1
    .prepare(`SELECT ${COLUMNS} FROM archived_ranges WHERE kind = ?1 AND first_sequence = ?2`)
    .bind(kind, sequence);
}

const RANGES = `SELECT ${COLUMNS} FROM archived_ranges WHERE kind = ?1 AND first_sequence > ?2 ORDER BY first_sequence LIMIT ?3`;

/** Up to `limit` ranges of a kind that begin behind this sequence. */
export async function archivedRangesAfter(
  db: Database,
  kind: ArchivedKind,
  sequence: number,
  limit: number,
): Promise<ArchivedRange[]> {
  const { ranges } = await runBatch(db, { ranges: db.d1.prepare(RANGES).bind(kind, sequence, limit) });
  return rowsOf<ArchivedRange>(ranges);
}

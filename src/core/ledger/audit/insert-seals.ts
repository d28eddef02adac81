/** Seals audit entries: their hashes are kept beside them. */

import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { AuditRow } from './hash-chain.ts';

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

export async function insertSeals(db: Database, seals: readonly AuditSeal[]): Promise<void> {
  await runBatch(db, { sealed: db.d1.prepare(INSERT_SEALS).bind(JSON.stringify(seals)) });
}

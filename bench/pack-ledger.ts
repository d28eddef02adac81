/** Packs the audit log of a database that was filled, past the service: as its jobs leave what is old enough. */
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type ExportedEntry, exportedLines } from '../src/core/ledger/audit/export-audit-log.ts';
import type { AuditBlock } from '../src/core/ledger/audit/hash-chain.ts';

const BLOCKS_AT_ONCE = 200;

/**
 * Packs all blocks but the last one. No Worker uses the file meanwhile.
 *
 * @param olderThanMs leaves those that were sealed less than this before the last one
 * @returns how much of the log is packed, from 0 to 1
 * @throws Error where entries are not sealed, or blocks do not have the entries that they say
 */
export async function packLedger(file: string, olderThanMs = 0): Promise<number> {
  const database = new DatabaseSync(file);
  const count = (sql: string) => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
  try {
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
    const packedBefore = count("SELECT position FROM job_positions WHERE job = 'pack'");
    const entriesInAll = packedBefore + count('SELECT count(*) FROM audit_entries');
    const sealed = count('SELECT coalesce(sum(entries), 0) FROM audit_blocks');
    if (sealed !== entriesInAll) throw new Error(`${sealed} of ${entriesInAll} audit entries are sealed, and not all`);

    const old = database
      .prepare(
        `SELECT first_sequence, last_sequence, entries, hash FROM audit_blocks
         WHERE last_sequence > ?1 AND last_sequence < (SELECT max(last_sequence) FROM audit_blocks)
           AND at_ms <= (SELECT max(at_ms) FROM audit_blocks) - ?2
         ORDER BY last_sequence`,
      )
      .all(packedBefore, olderThanMs) as unknown as AuditBlock[];
    const entriesOf = database.prepare('SELECT * FROM audit_entries WHERE sequence BETWEEN ? AND ? ORDER BY sequence');
    const keep = database.prepare('UPDATE audit_blocks SET packed = ? WHERE last_sequence = ?');
    const remove = database.prepare('DELETE FROM audit_entries WHERE sequence BETWEEN ? AND ?');
    for (let start = 0; start < old.length; start += BLOCKS_AT_ONCE) {
      await setImmediate(); // for whoever ends it
      database.exec('BEGIN');
      for (const block of old.slice(start, start + BLOCKS_AT_ONCE)) {
        const { first_sequence, last_sequence } = block;
        const entries = entriesOf.all(first_sequence, last_sequence) as unknown as ExportedEntry[];
        if (entries.length !== block.entries) {
          throw new Error(`the block until ${last_sequence} has ${entries.length} entries, and not ${block.entries}`);
        }
        const lines = exportedLines({ entries: entries.map((entry) => ({ ...entry, hash: null })), blocks: [block] });
        keep.run(gzipSync(lines.map((line) => `${line}\n`).join('')), last_sequence);
        remove.run(first_sequence, last_sequence);
      }
      database.exec('COMMIT');
    }
    const packedUntil = old.at(-1)?.last_sequence ?? packedBefore;
    database.exec(`UPDATE job_positions SET position = ${packedUntil} WHERE job = 'pack'`);
    // What was deleted is free space, which later rows use; D1 does not count it.
    database.exec('VACUUM');
    database.exec('PRAGMA journal_mode = WAL');
    return packedUntil / entriesInAll;
  } finally {
    database.close();
  }
}

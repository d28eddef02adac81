/** Packs the audit log of a database that was filled, past the service: as its jobs leave what is older than an hour. */
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type ExportedEntry, exportedLines } from '../src/core/ledger/audit/export-audit-log.ts';
import type { AuditBlock } from '../src/core/ledger/audit/hash-chain.ts';

const BLOCKS_AT_ONCE = 200;

/** All blocks but the last one. No Worker uses the file meanwhile. */
export async function packLedger(file: string): Promise<void> {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
    const blocks = database
      .prepare('SELECT first_sequence, last_sequence, entries, hash FROM audit_blocks ORDER BY last_sequence')
      .all() as unknown as AuditBlock[];
    const entriesOf = database.prepare('SELECT * FROM audit_entries WHERE sequence BETWEEN ? AND ? ORDER BY sequence');
    const keep = database.prepare('UPDATE audit_blocks SET packed = ? WHERE last_sequence = ?');
    const remove = database.prepare('DELETE FROM audit_entries WHERE sequence BETWEEN ? AND ?');
    for (const [index, block] of blocks.slice(0, -1).entries()) {
      if (index % BLOCKS_AT_ONCE === 0) {
        if (index > 0) database.exec('COMMIT');
        await setImmediate(); // for whoever ends it
        database.exec('BEGIN');
      }
      const { first_sequence, last_sequence } = block;
      const entries = entriesOf.all(first_sequence, last_sequence) as unknown as ExportedEntry[];
      const lines = exportedLines({ entries: entries.map((entry) => ({ ...entry, hash: null })), blocks: [block] });
      keep.run(gzipSync(lines.map((line) => `${line}\n`).join('')), last_sequence);
      remove.run(first_sequence, last_sequence);
    }
    if (blocks.length > 1) database.exec('COMMIT');
    const packedUntil = blocks.at(-2)?.last_sequence ?? 0;
    database.exec(`UPDATE job_positions SET position = ${packedUntil} WHERE job = 'pack'`);
    database.exec("UPDATE job_positions SET position = (SELECT max(sequence) FROM events) WHERE job = 'sweep'");
    // What was deleted is free space, which later rows use; D1 does not count it.
    database.exec('VACUUM');
    database.exec('PRAGMA journal_mode = WAL');
  } finally {
    database.close();
  }
}

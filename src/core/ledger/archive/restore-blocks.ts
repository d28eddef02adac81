/** Blocks of the audit log from the archive, back in the database: packed, as they were before they left. */

import { type AuditBlock, type AuditRow, type BlockCodec, CHAIN_START } from '../audit/hash-chain.ts';
import { hashBefore } from '../audit/pack-block.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { NotRestored } from './restore-rows.ts';

const SEAL = 'SELECT first_sequence, last_sequence, entries, hash FROM audit_blocks WHERE last_sequence = ?1';
const FILL = 'UPDATE audit_blocks SET packed = ?2 WHERE last_sequence = ?1 AND packed IS NULL';

/**
 * Fills the blocks that the lines of an object end with their seals. Safe to repeat: one that is filled stays as it is.
 *
 * @throws NotRestored where a block does not match the seal that the database has
 */
export async function restoreBlocks(db: Database, lines: readonly string[], codec: BlockCodec): Promise<void> {
  let open: string[] = [];
  for (const line of lines) {
    open.push(line);
    const { block } = JSON.parse(line) as { block?: AuditBlock };
    if (block === undefined) continue;
    const { first_sequence, last_sequence } = block;
    const { seal, before } = await runBatch(db, {
      seal: db.d1.prepare(SEAL).bind(last_sequence),
      before: hashBefore(db.d1, first_sequence),
    });
    const entries = open.slice(0, -1).map((entry) => JSON.parse(entry) as AuditRow);
    const previous = rowOf<{ hash: string | null }>(before)?.hash ?? CHAIN_START;
    const isSealed = JSON.stringify(rowOf<AuditBlock>(seal)) === JSON.stringify(block);
    if (!isSealed || (await codec.blockHash(previous, entries)) !== block.hash) {
      throw new NotRestored(`Block ${first_sequence} to ${last_sequence} does not match its seal in the database`);
    }
    await runBatch(db, { filled: db.d1.prepare(FILL).bind(last_sequence, await codec.pack(open)) });
    open = [];
  }
}

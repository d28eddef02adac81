/** Packs what the audit log has sealed, block by block. Nothing is deleted before it has been read back and compared. */

import { JOB_MAX_DURATION_MS } from '../invocation-limits.ts';
import { exportedLines } from '../ledger/audit/export-audit-log.ts';
import { type BlockCodec, CHAIN_START } from '../ledger/audit/hash-chain.ts';
import {
  type BlockToPack,
  blockToPack,
  deletePackedEntries,
  keepPacked,
  passBlock,
} from '../ledger/audit/pack-block.ts';
import { type Database, statementsLeft } from '../ledger/database.ts';

/** A block takes seven; once more the same for connections that break, and what is left to the caller. */
const STATEMENTS_NEEDED = 3 * 7 + 10;

/**
 * Packs the oldest blocks, until none is left that is old enough or it has been enough for one invocation. Answers with whether it was the
 * last. An alarm reports a block that does not match its seal: its entries stay where they are, and the blocks behind it are packed.
 */
export async function packAudit(
  { db, nowMs }: { db: Database; nowMs: () => number },
  codec: BlockCodec,
): Promise<boolean> {
  const startedAtMs = nowMs();
  for (;;) {
    if (nowMs() - startedAtMs >= JOB_MAX_DURATION_MS || statementsLeft(db) < STATEMENTS_NEEDED) return true;
    const next = await blockToPack(db, nowMs());
    if (next === null) return false;
    await packBlock(db, next, codec);
  }
}

async function packBlock(db: Database, { block, entries, hashBefore }: BlockToPack, codec: BlockCodec): Promise<void> {
  const { first_sequence, last_sequence, hash } = block;
  const broken = (why: string) => {
    db.log('error', 'audit.block_broken', { first_sequence, last_sequence, reason: why });
    return passBlock(db, block);
  };
  if ((await codec.blockHash(hashBefore ?? CHAIN_START, entries)) !== hash) {
    return broken('its entries do not match its seal');
  }
  const lines = exportedLines({ entries: entries.map((entry) => ({ ...entry, hash: null })), blocks: [block] });
  const kept = await keepPacked(db, block, await codec.pack(lines));
  // What is not gzip has no lines.
  const unpacked = kept === null ? [] : await codec.unpack(kept).catch((): string[] => []);
  if (unpacked.join('\n') !== lines.join('\n')) return broken('what was packed is not what is stored');
  await deletePackedEntries(db, block);
}

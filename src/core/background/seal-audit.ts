/** Seals the audit log: what has been written since the last time becomes part of the hash chain, in its order. */

import { JOB_MAX_DURATION_MS } from '../invocation-limits.ts';
import { type BlockHash, CHAIN_START } from '../ledger/audit/hash-chain.ts';
import { insertBlock, unsealedEntries } from '../ledger/audit/insert-block.ts';
import { type Database, statementsLeft } from '../ledger/database.ts';

/** Of one block, and of one query: some 300 KB. */
const BLOCK_MAX_ENTRIES = 1_000;
/** A block is read and written by four; once more the same for connections that break, and what is left to the caller. */
const STATEMENTS_NEEDED = 3 * 4 + 10;

/**
 * Seals the oldest entries, block by block, until all are or it has been enough for one invocation. Answers with whether it was the last, so
 * that there may be more to seal. The newest hash goes into the log, where nobody who can change the database can change it too.
 */
export async function sealAudit(
  { db, nowMs }: { db: Database; nowMs: () => number },
  blockHash: BlockHash,
): Promise<boolean> {
  const startedAtMs = nowMs();
  let newest: { sequence: number; hash: string } | null = null;
  let more = true;
  while (more && nowMs() - startedAtMs < JOB_MAX_DURATION_MS && statementsLeft(db) >= STATEMENTS_NEEDED) {
    const { last, entries } = await unsealedEntries(db, BLOCK_MAX_ENTRIES);
    const [first, end] = [entries[0], entries.at(-1)];
    if (first === undefined || end === undefined) return logged(db, newest, false);
    const hash = await blockHash(last?.hash ?? CHAIN_START, entries);
    const range = { first_sequence: first.sequence, last_sequence: end.sequence, entries: entries.length };
    if (await insertBlock(db, { ...range, hash }, nowMs())) newest = { sequence: end.sequence, hash };
    more = entries.length === BLOCK_MAX_ENTRIES;
  }
  return logged(db, newest, more);
}

function logged({ log }: Database, newest: { sequence: number; hash: string } | null, more: boolean): boolean {
  if (newest !== null) log('info', 'audit.sealed', newest);
  return more;
}

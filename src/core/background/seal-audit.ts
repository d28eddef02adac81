/** Seals the audit log: what has been written since the last time becomes part of the hash chain, in its order. */

import { CHAIN_START, type ChainHash } from '../ledger/audit/hash-chain.ts';
import { type AuditSeal, insertSeals, unsealedEntries } from '../ledger/audit/insert-seals.ts';
import type { Database } from '../ledger/database.ts';

const ENTRIES_AT_ONCE = 500;
/** Of one cron: two hundred entries a second are kept up with. */
const MAX_ROUNDS = 24;

/**
 * Seals the oldest entries, until all are or it has been enough for one run. The newest hash goes into the log, where nobody who
 * can change the database can change it too.
 */
export async function sealAudit(db: Database, chainHash: ChainHash): Promise<void> {
  let newest: AuditSeal | null = null;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { last, entries } = await unsealedEntries(db, ENTRIES_AT_ONCE);
    const seals: AuditSeal[] = [];
    let hash = last?.hash ?? CHAIN_START;
    for (const entry of entries) {
      hash = await chainHash(hash, entry);
      seals.push({ sequence: entry.sequence, hash });
    }
    newest = seals.at(-1) ?? newest;
    if (seals.length > 0) await insertSeals(db, seals);
    if (seals.length < ENTRIES_AT_ONCE) break;
  }
  if (newest !== null) db.log('info', 'audit.sealed', { sequence: newest.sequence, hash: newest.hash });
}

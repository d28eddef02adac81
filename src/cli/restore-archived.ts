/** Brings an object of the archive back into the database, once it has been compared with what was archived. */
import type { ArchiveBucket, ArchivedRange } from '../core/ledger/archive/archive-bucket.ts';
import type { EventRow } from '../core/ledger/archive/archive-events.ts';
import type { ArchivedTransaction } from '../core/ledger/archive/archive-transactions.ts';
import { beginRestoring } from '../core/ledger/archive/archive-waits.ts';
import { restoreBlocks } from '../core/ledger/archive/restore-blocks.ts';
import { restoreEvents, restoreTransactions } from '../core/ledger/archive/restore-rows.ts';
import { blockHash, sha256 } from '../core/ledger/audit/hash-chain.ts';
import { pack, unpack } from '../core/ledger/audit/packed-lines.ts';
import type { Database } from '../core/ledger/database.ts';
import { readArchived } from './read-archived.ts';

/**
 * Safe to repeat: what is in the database stays as it is.
 *
 * @param waitsUntilMs until then, no event and no transaction leaves the database again
 * @throws ArchiveBroken, NotRestored: nothing has been restored of an event's or a transaction's step, or of a block, that does not fit
 */
export async function restoreArchived(
  db: Database,
  archive: ArchiveBucket | null,
  range: ArchivedRange,
  { nowMs, waitsUntilMs }: { nowMs: number; waitsUntilMs: number },
): Promise<void> {
  const lines = await readArchived(archive, range);
  await beginRestoring(db, range, nowMs, waitsUntilMs);
  switch (range.kind) {
    case 'audit':
      return restoreBlocks(db, lines, { blockHash, pack, unpack, sha256 });
    case 'events':
      return restoreEvents(db, lines.map(parsed<EventRow>));
    case 'transactions':
      return restoreTransactions(db, lines.map(parsed<ArchivedTransaction>));
  }
}

function parsed<Row>(line: string): Row {
  return JSON.parse(line);
}

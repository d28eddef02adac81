/** Transactions of a time range that are in the archive only, each once, however often it was restored and has left again. */
import type { ArchiveBucket, ArchivedRange } from '../../core/ledger/archive/archive-bucket.ts';
import type { ArchivedTransaction } from '../../core/ledger/archive/archive-transactions.ts';
import type { Database } from '../../core/ledger/database.ts';
import { transactionsThere } from '../../core/ledger/finance/archived-rows.ts';
import { readArchived } from '../read-archived.ts';

/** An object at a time. What the database has as well was restored, and is left out. */
export async function* archivedTransactions(
  db: Database,
  bucket: ArchiveBucket | null,
  objects: readonly ArchivedRange[],
): AsyncGenerator<ArchivedTransaction[]> {
  // What has left twice is in two objects, the newer of which has it as it is now.
  const newestFirst = objects.toSorted((a, b) => b.archivedAtMs - a.archivedAtMs);
  const seen = new Set<string>();
  for (const range of newestFirst) {
    const others = newestFirst.filter((other) => other !== range && overlap(other, range));
    const records = (await readArchived(bucket, range)).map((line): ArchivedTransaction => JSON.parse(line));
    const there = await transactionsThere(db, records.map(idOf));
    yield records.filter((record) => !there.has(idOf(record)) && !seen.has(idOf(record)));
    for (const record of records) {
      const madeAtMs = Number(record.transaction.created_at_ms);
      if (others.some((other) => other.firstSequence <= madeAtMs && madeAtMs <= other.lastSequence))
        seen.add(idOf(record));
    }
  }
}

function overlap(one: ArchivedRange, other: ArchivedRange): boolean {
  return one.firstSequence <= other.lastSequence && other.firstSequence <= one.lastSequence;
}

function idOf({ transaction }: ArchivedTransaction): string {
  return String(transaction.transaction_id);
}

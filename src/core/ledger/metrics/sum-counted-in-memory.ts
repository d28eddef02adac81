import { type Database, rowOf, runBatch } from '../database.ts';

const SUM = 'SELECT coalesce(sum(value), 0) AS value FROM counted_in_memory WHERE metric = ?1';

/** What isolates have counted under this name and reported, with any labels. @throws LedgerUnavailable, LedgerNotMigrated */
export async function sumCountedInMemory(db: Database, metric: string): Promise<number> {
  const { sum } = await runBatch(db, { sum: db.d1.prepare(SUM).bind(metric) });
  return rowOf<{ value: number }>(sum)?.value ?? 0;
}

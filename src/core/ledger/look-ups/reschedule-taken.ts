import type { Transaction } from '../../domain/transaction.ts';
import { type Database, runBatch } from '../database.ts';

/** Sets when a payment is looked up next, unless it has become due again since this look-up was taken; null: never. */
export async function rescheduleTaken(
  db: Database,
  { transactionId, nextLookupAtMs: takenMs }: Transaction,
  nextLookUpAtMs: number | null,
): Promise<void> {
  if (nextLookUpAtMs === takenMs) return;
  await runBatch(db, {
    scheduled: db.d1
      .prepare('UPDATE transactions SET next_lookup_at_ms = ?3 WHERE transaction_id = ?1 AND next_lookup_at_ms IS ?2')
      .bind(transactionId, takenMs, nextLookUpAtMs),
  });
}

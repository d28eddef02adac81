import type { Refund, Transaction } from '../../domain/transaction.ts';
import { type Database, runBatch } from '../database.ts';
import { tableOf } from './look-up-task.ts';

/** Sets when a payment or refund is looked up next, if it still has this status; null: never. */
export async function scheduleLookUp(
  db: Database,
  id: string,
  status: Transaction['status'] | Refund['status'],
  nextLookUpAtMs: number | null,
): Promise<void> {
  const [table, column] = tableOf(id);
  await runBatch(db, {
    scheduled: db.d1
      .prepare(`UPDATE ${table} SET next_lookup_at_ms = ?3 WHERE ${column} = ?1 AND status = ?2`)
      .bind(id, status, nextLookUpAtMs),
  });
}

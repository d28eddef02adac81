/** Orders a reconciliation of the last 24 hours at once, instead of in the night. */
import { orderLast24Hours } from '../ledger/reconciliations/order-reconciliation.ts';
import type { Shards } from '../shards.ts';
import { wakeAtOnce } from './jobs.ts';

/**
 * If one that was ordered before still runs, no other is ordered.
 *
 * @returns when the time that it compares begins: its name among the reconciliations
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function orderReconciliation(shards: Shards): Promise<{ fromMs: number } | null> {
  const context = shards.at(0);
  const ordered = await orderLast24Hours(context.db, context.nowMs());
  await wakeAtOnce(context, 'reconcile');
  return ordered;
}

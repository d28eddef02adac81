/** Orders a reconciliation of the last 24 hours, for whoever does not want to wait for the night. */
import { orderLast24Hours } from '../ledger/reconciliations/order-reconciliation.ts';
import type { Shards } from '../shards.ts';
import { wakeAtOnce } from './jobs.ts';

/**
 * One that has been ordered before and still runs takes its place.
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

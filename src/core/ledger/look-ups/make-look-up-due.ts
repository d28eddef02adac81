import { auditLookUpOrder } from '../audit/insert-entry.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { tableOf } from './look-up-task.ts';

/**
 * Makes the look-up of a pending payment or refund due now, however seldom it is looked up by then, and records who wanted that. Returns
 * whether it is pending: what has ended, or waits for its payer or its capture, is not looked up because somebody asks for it here.
 */
export async function makeLookUpDue(db: Database, id: string, nowMs: number): Promise<boolean> {
  const [table, column] = tableOf(id);
  const isOpen =
    table === 'transactions' ? `status = 'pending' AND (substate IS NULL OR step IS NOT NULL)` : `status = 'pending'`;
  const { due } = await runBatch(db, {
    scheduled: db.d1
      .prepare(
        `UPDATE ${table} SET next_lookup_at_ms = min(coalesce(next_lookup_at_ms, ?2), ?2) WHERE ${column} = ?1 AND ${isOpen}`,
      )
      .bind(id, nowMs),
    audited: auditLookUpOrder(
      db,
      { atMs: nowMs, action: 'look_up.ordered', subject: id, outcome: 'asked' },
      `${table} WHERE ${column} = ?6 AND ${isOpen} AND next_lookup_at_ms <= ?1`,
    ),
    due: db.d1
      .prepare(`SELECT 1 FROM ${table} WHERE ${column} = ?1 AND ${isOpen} AND next_lookup_at_ms <= ?2`)
      .bind(id, nowMs),
  });
  return rowOf(due) !== null;
}

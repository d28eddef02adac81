import type { Refund } from '../../domain/transaction.ts';
import { REFUND_COLUMNS } from '../columns.ts';
import { type Database, rowOf, runBatch } from '../database.ts';

const FIND_KEYED_REFUND = `
  SELECT ${REFUND_COLUMNS} FROM idempotency_keys k JOIN refunds r ON r.refund_id = k.claimed_id
  WHERE k.tenant = ?1 AND k.path = '/payment/refund' AND k.idempotency_key = ?2`;

/** The refund that a key has claimed, whatever was asked for with it; null where it has claimed none. */
export async function findRefundOfKey(db: Database, tenant: string, key: string): Promise<Refund | null> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_KEYED_REFUND).bind(tenant, key) });
  return rowOf<Refund>(found);
}

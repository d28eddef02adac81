/** How full and how busy a database is, for whoever looks after it. */

import { countUnsealed } from './audit/insert-block.ts';
import { type Database, rowOf, runBatch } from './database.ts';
import { idRange, type TimeRange } from './id-range.ts';

export interface DatabaseState {
  /** Null where D1 does not say. */
  bytes: number | null;
  /** Payments that were created in the time. */
  payments: number;
  pending: number;
  /** Of the payments that were counted as pending. */
  oldestPendingMs: number | null;
  waitingEvents: number;
  unsealedEntries: number;
  /** Of the oldest payment, event or audit entry; null in an empty database. */
  oldestMs: number | null;
}

// Ids begin with the time of their making; the clock that made them may differ.
const PAYMENTS = `
  SELECT count(*) AS payments FROM (SELECT 1 FROM transactions
    WHERE transaction_id > ?1 AND transaction_id < ?2 AND created_at_ms >= ?3 AND created_at_ms < ?4 LIMIT ?5)`;
const PENDING = `
  SELECT count(*) AS pending, min(created_at_ms) AS oldestPendingMs FROM (SELECT created_at_ms FROM transactions
    WHERE status = 'pending' AND next_lookup_at_ms IS NOT NULL LIMIT ?1)`;
const WAITING_EVENTS = `
  SELECT count(*) AS waitingEvents FROM (SELECT 1 FROM events WHERE delivered_at_ms IS NULL LIMIT ?1)`;
const OLDEST = `
  SELECT min(at_ms) AS oldestMs FROM (
    SELECT * FROM (SELECT created_at_ms AS at_ms FROM transactions ORDER BY transaction_id LIMIT 1)
    UNION ALL SELECT * FROM (SELECT created_at_ms FROM events ORDER BY sequence LIMIT 1)
    UNION ALL SELECT * FROM (SELECT at_ms FROM audit_entries ORDER BY sequence LIMIT 1))`;

/** @param limit rows of each kind that are counted: a number as high as this is this many, or more */
export async function readDatabaseState(db: Database, during: TimeRange, limit: number): Promise<DatabaseState> {
  const { after, before } = idRange('TXN-', during);
  const results = await runBatch(db, {
    payments: db.d1.prepare(PAYMENTS).bind(after, before, during.fromMs, during.toMs, limit),
    pending: db.d1.prepare(PENDING).bind(limit),
    waiting: db.d1.prepare(WAITING_EVENTS).bind(limit),
    unsealed: countUnsealed(db.d1, limit),
    oldest: db.d1.prepare(OLDEST),
  });
  const { payments = 0 } = rowOf<Pick<DatabaseState, 'payments'>>(results.payments) ?? {};
  const pending = rowOf<Pick<DatabaseState, 'pending' | 'oldestPendingMs'>>(results.pending);
  const { waitingEvents = 0 } = rowOf<Pick<DatabaseState, 'waitingEvents'>>(results.waiting) ?? {};
  return {
    bytes: results.oldest.meta.size_after ?? null,
    payments,
    ...(pending ?? { pending: 0, oldestPendingMs: null }),
    waitingEvents,
    unsealedEntries: rowOf<{ due: number }>(results.unsealed)?.due ?? 0,
    oldestMs: rowOf<Pick<DatabaseState, 'oldestMs'>>(results.oldest)?.oldestMs ?? null,
  };
}

/**
 * Transactions that may leave the database, each with its refunds and disputes. Of a completed one its booking stays, in `archived_bookings`:
 * a trigger sees to that (invariant 1).
 */

import type { D1Database, D1PreparedStatement, D1Result } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { idRange, wasMadeBy } from '../id-range.ts';
import { DECIDED_STATUSES } from '../payments/record-dispute.ts';
import type { ArchivedRange } from './archive-bucket.ts';
import { isArchived, newArchivedRange } from './archived-ranges.ts';

/** A row under the names of its columns. */
export type StoredRow = Readonly<Record<string, string | number | null>>;

export interface ArchivedTransaction {
  transaction: StoredRow;
  refunds: StoredRow[];
  disputes: StoredRow[];
  dispute_reports: StoredRow[];
  unbooked_refunds: StoredRow[];
}

/** What is read of a transaction before it leaves. */
export interface LeavingTransaction {
  transactionId: string;
  createdAtMs: number;
  archived: ArchivedTransaction;
  /** All that could still have changed of it. */
  seen: string;
}

/** Which transactions leave. */
export interface LeavingBefore {
  /** They ended before this. */
  endedBeforeMs: number;
  nowMs: number;
}

/** A dispute that nobody has reported as decided for so long is decided all the same: its provider does not report that here. */
const DISPUTE_DECIDED_AFTER_MS = 180 * 24 * 60 * 60_000;

// What a look-up, a follow-up, an event or a dispute still needs stays. By the range of ids, which is one of times: what stays of it is little.
const leaves = (first: number) => `
  t.transaction_id < ?${first} AND t.status <> 'pending' AND t.processed_at_ms < ?${first + 1} AND t.next_lookup_at_ms IS NULL
  AND NOT EXISTS (SELECT 1 FROM events WHERE event_id = t.ended_by)
  AND NOT EXISTS (
    SELECT 1 FROM refunds r LEFT JOIN events e ON e.refund_id = r.refund_id
    WHERE r.transaction_id = t.transaction_id
      AND (r.status = 'pending' OR r.next_lookup_at_ms IS NOT NULL OR e.event_id IS NOT NULL))
  AND NOT EXISTS (
    SELECT 1 FROM dispute_reports p JOIN events USING (event_id) WHERE p.transaction_id = t.transaction_id)
  AND NOT EXISTS (
    SELECT 1 FROM disputes d WHERE d.transaction_id = t.transaction_id AND d.told_at_ms > ?${first + 2}
      AND lower(d.status) NOT IN (SELECT value FROM json_each(?${first + 3})))`;

function leavesParameters({ endedBeforeMs, nowMs }: LeavingBefore): (string | number)[] {
  const { before } = idRange('TXN-', { fromMs: 0, toMs: endedBeforeMs });
  return [before, endedBeforeMs, nowMs - DISPUTE_DECIDED_AFTER_MS, JSON.stringify(DECIDED_STATUSES)];
}

const SEEN = `
  json_array(t.status, t.refunded_minor, t.gateway_reference,
    (SELECT json_group_array(json_array(r.refund_id, r.status, r.gateway_reference)) FROM refunds r
     WHERE r.transaction_id = t.transaction_id),
    (SELECT json_group_array(json_array(d.dispute_id, d.status, d.told_at_ms)) FROM disputes d
     WHERE d.transaction_id = t.transaction_id),
    (SELECT count(*) FROM dispute_reports p WHERE p.transaction_id = t.transaction_id),
    (SELECT count(*) FROM unbooked_refunds u WHERE u.transaction_id = t.transaction_id))`;

const NEXT = `
  SELECT t.*, ${SEEN} AS seen FROM transactions t
  WHERE t.transaction_id > ?5 AND ${leaves(1)} ORDER BY t.transaction_id LIMIT ?6`;

const ofTransactions = (table: string) =>
  `SELECT * FROM ${table} WHERE transaction_id IN (SELECT value FROM json_each(?1))`;

/** The oldest transactions behind this id that leave. */
export async function leavingTransactions(
  db: Database,
  before: LeavingBefore,
  afterId: string,
  limit: number,
): Promise<LeavingTransaction[]> {
  const { next } = await runBatch(db, {
    next: db.d1.prepare(NEXT).bind(...leavesParameters(before), afterId, limit),
  });
  const rows = rowsOf<StoredRow & { transaction_id: string; created_at_ms: number; seen: string }>(next);
  if (rows.length === 0) return [];
  const ids = JSON.stringify(rows.map(({ transaction_id }) => transaction_id));
  const found = await runBatch(db, {
    refunds: db.d1.prepare(ofTransactions('refunds')).bind(ids),
    disputes: db.d1.prepare(ofTransactions('disputes')).bind(ids),
    dispute_reports: db.d1.prepare(ofTransactions('dispute_reports')).bind(ids),
    unbooked_refunds: db.d1.prepare(ofTransactions('unbooked_refunds')).bind(ids),
  });
  const [refundsOf, disputesOf, reportsOf, unbookedOf] = [
    byTransaction(found.refunds),
    byTransaction(found.disputes),
    byTransaction(found.dispute_reports),
    byTransaction(found.unbooked_refunds),
  ];
  return rows.map(({ seen, ...transaction }) => {
    const { transaction_id: transactionId, created_at_ms: createdAtMs } = transaction;
    const archived = {
      transaction,
      refunds: refundsOf(transactionId),
      disputes: disputesOf(transactionId),
      dispute_reports: reportsOf(transactionId),
      unbooked_refunds: unbookedOf(transactionId),
    };
    return { transactionId, createdAtMs, seen, archived };
  });
}

function byTransaction(result: D1Result): (transactionId: string) => StoredRow[] {
  const byId = Map.groupBy(rowsOf<StoredRow>(result), ({ transaction_id }) => transaction_id);
  return (transactionId) => byId.get(transactionId) ?? [];
}

const stillAsSeen = (first: number) => `
  SELECT t.transaction_id FROM json_each(?${first}) s CROSS JOIN transactions t ON t.transaction_id = s.value ->> 'id'
  WHERE ${leaves(first + 1)} AND ${SEEN} = s.value ->> 'seen'`;

const DELETE = `
  DELETE FROM transactions WHERE transaction_id IN (${stillAsSeen(3)}) AND ${isArchived('transactions')}`;
const HAVE_LEFT = `
  UPDATE job_positions SET position = ?3
  WHERE job = 'transactions_left' AND position < ?3 AND ${isArchived('transactions')}`;
const IS_RECORDED = `SELECT ${isArchived('transactions')} AS recorded`;

/**
 * Writes down that the object has these transactions, and deletes them: all of them, or none where one has changed since it was read.
 * Returns whether they have left.
 */
export async function recordArchivedTransactions(
  db: Database,
  range: ArchivedRange,
  leaving: readonly LeavingTransaction[],
  before: LeavingBefore,
): Promise<boolean> {
  const { object, firstSequence, lastSequence } = range;
  const seen = JSON.stringify(leaving.map(({ transactionId, seen }) => ({ id: transactionId, seen })));
  const stillSo = [seen, ...leavesParameters(before)];
  const { recorded } = await runBatch(db, {
    range: newArchivedRange(db.d1, range, {
      also: (first) => `?4 = (SELECT count(*) FROM (${stillAsSeen(first)}))`,
      parameters: stillSo,
    }),
    deleted: db.d1.prepare(DELETE).bind(object, firstSequence, ...stillSo),
    left: db.d1.prepare(HAVE_LEFT).bind(object, firstSequence, lastSequence),
    recorded: db.d1.prepare(IS_RECORDED).bind(object, firstSequence),
  });
  return rowOf<{ recorded: number }>(recorded)?.recorded === 1;
}

/** The statement that tells, as `due`, whether a transaction leaves. */
export function countOldTransactions(d1: D1Database, before: LeavingBefore): D1PreparedStatement {
  return d1
    .prepare(`SELECT count(*) AS due FROM (SELECT 1 FROM transactions t WHERE ${leaves(1)} LIMIT 1)`)
    .bind(...leavesParameters(before));
}

const LEFT_UNTIL = "SELECT position AS atMs FROM job_positions WHERE job = 'transactions_left'";

/** When the newest transaction was made of those that have left the database; 0 where none has. */
export async function transactionsLeftUntilMs(db: Database): Promise<number> {
  const { left } = await runBatch(db, { left: db.d1.prepare(LEFT_UNTIL) });
  return rowOf<{ atMs: number }>(left)?.atMs ?? 0;
}

/**
 * Whether a payment or refund that the database does not have is from a time whose transactions have left. One that has never been there
 * cannot be told apart from it: there is no row for each that has left.
 */
export async function mayHaveLeft(db: Database, id: string): Promise<boolean> {
  const leftMs = await transactionsLeftUntilMs(db);
  return leftMs > 0 && wasMadeBy(id, leftMs);
}

const IS_PAID = 'SELECT 1 FROM archived_bookings WHERE tenant = ?1 AND booking_id = ?2';

/** Whether a transaction that has left has paid the booking. */
export async function isPaidByArchived(db: Database, tenant: string, bookingId: string): Promise<boolean> {
  const { paid } = await runBatch(db, { paid: db.d1.prepare(IS_PAID).bind(tenant, bookingId) });
  return rowOf(paid) !== null;
}

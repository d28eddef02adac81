/** Payments that ended in a time range, a page at a time, without a walk through the table. */

import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { idRange, type TimeRange } from '../id-range.ts';
import type { ExportedPayment } from './exported-rows.ts';

/** As the condition of the indexes has it: what ended later than that after it was made is found by them, all else by the id. */
const ENDED_LATE_AFTER_MS = 86_400_000;

export interface Wanted extends TimeRange {
  /** Only of this organisation; null: of all. */
  tenant: string | null;
}

/** Rows that may have ended in the range and are not in the index of late ones were made within it, or a day before. */
export function madeAround(prefix: 'TXN-' | 'REF-', { fromMs, toMs }: TimeRange) {
  return idRange(prefix, { fromMs: fromMs - ENDED_LATE_AFTER_MS, toMs });
}

const COLUMNS = `
  t.transaction_id AS transactionId, t.tenant, t.booking_id AS bookingId, t.gateway, t.payment_method AS paymentMethod,
  t.currency, t.status, t.gateway_reference AS gatewayReference, t.error_code AS errorCode,
  t.amount_minor AS amountMinor, t.refunded_minor AS refundedMinor, t.created_at_ms AS createdAtMs,
  t.processed_at_ms AS processedAtMs`;

/** SQLite uses the index transactions_ended_late only where its condition stands as it is there. */
const ENDED_LATE = 't.processed_at_ms > t.created_at_ms + 86400000';

const STEP = `
  SELECT transaction_id FROM transactions WHERE transaction_id > ?1 AND transaction_id < ?2
  ORDER BY transaction_id LIMIT ?3`;
const STEP_END = `SELECT max(transaction_id) AS lastId, count(*) AS looked FROM (${STEP})`;
const SOON = `
  SELECT ${COLUMNS} FROM transactions t
  WHERE t.transaction_id IN (${STEP}) AND t.processed_at_ms >= ?4 AND t.processed_at_ms < ?5 AND NOT (${ENDED_LATE})
    AND (?6 IS NULL OR t.tenant = ?6)
  ORDER BY t.transaction_id`;
const LATE = `
  SELECT ${COLUMNS} FROM transactions t
  WHERE ${ENDED_LATE} AND (t.processed_at_ms, t.transaction_id) > (?1, ?2) AND t.processed_at_ms < ?3
    AND (?5 IS NULL OR t.tenant = ?5)
  ORDER BY t.processed_at_ms, t.transaction_id LIMIT ?4`;

/** Pages of the payments that ended in the range, each payment once. A page may be empty. */
export async function* paymentsEnded(db: Database, wanted: Wanted, perPage: number): AsyncGenerator<ExportedPayment[]> {
  yield* endedSoon(db, wanted, perPage);
  yield* endedLate(db, wanted, perPage);
}

async function* endedSoon(db: Database, wanted: Wanted, perPage: number): AsyncGenerator<ExportedPayment[]> {
  const { fromMs, toMs, tenant } = wanted;
  const { after, before } = madeAround('TXN-', wanted);
  for (let afterId = after; ; ) {
    const { page, end } = await runBatch(db, {
      page: db.d1.prepare(SOON).bind(afterId, before, perPage, fromMs, toMs, tenant),
      end: db.d1.prepare(STEP_END).bind(afterId, before, perPage),
    });
    yield rowsOf<ExportedPayment>(page);
    const step = rowOf<{ lastId: string | null; looked: number }>(end);
    if (step === null || step.lastId === null || step.looked < perPage) return;
    afterId = step.lastId;
  }
}

async function* endedLate(
  db: Database,
  { fromMs, toMs, tenant }: Wanted,
  perPage: number,
): AsyncGenerator<ExportedPayment[]> {
  for (let [afterMs, afterId] = [fromMs, '']; ; ) {
    const { page } = await runBatch(db, {
      page: db.d1.prepare(LATE).bind(afterMs, afterId, toMs, perPage, tenant),
    });
    const rows = rowsOf<ExportedPayment>(page);
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < perPage) return;
    [afterMs, afterId] = [last.processedAtMs, last.transactionId];
  }
}

/**
 * Refunds that ended or were reversed in a time range, and late charges that were found in it: a page at a time, without a walk through
 * the table.
 */

import { SHOWN_REFUND_KIND } from '../columns.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { CLOCK_SLACK_MS } from '../id-range.ts';
import type { ExportedRefund } from './exported-rows.ts';
import { madeAround, type Wanted } from './payments-ended.ts';

const COLUMNS = `
  r.refund_id AS refundId, r.transaction_id AS transactionId, r.tenant, t.booking_id AS bookingId, t.gateway,
  t.payment_method AS paymentMethod, t.currency,
  ${SHOWN_REFUND_KIND} AS kind, r.status,
  r.gateway_reference AS gatewayReference, r.error_code AS errorCode, r.reason, r.amount_minor AS amountMinor,
  r.created_at_ms AS createdAtMs, r.processed_at_ms AS processedAtMs, r.reversed_at_ms AS reversedAtMs`;
const FROM = 'FROM refunds r JOIN transactions t ON t.transaction_id = r.transaction_id';

/** SQLite uses the index refunds_ended_late only where its condition stands as it is there. */
const ENDED_LATE = "(r.processed_at_ms > r.created_at_ms + 86400000 OR r.kind = 'late_charge')";

const STEP = `
  SELECT refund_id FROM refunds WHERE refund_id > ?1 AND refund_id < ?2 ORDER BY refund_id LIMIT ?3`;
const STEP_END = `SELECT max(refund_id) AS lastId, count(*) AS looked FROM (${STEP})`;
const SOON = `
  SELECT ${COLUMNS} ${FROM}
  WHERE r.refund_id IN (${STEP}) AND r.processed_at_ms >= ?4 AND r.processed_at_ms < ?5 AND NOT ${ENDED_LATE}
    AND (?6 IS NULL OR r.tenant = ?6)
  ORDER BY r.refund_id`;

/** By the columns of an index, behind `?1` and `?2`. `?4` and `?5` are the range, `?6` the organisation. */
const byIndex = (time: string, condition: string) => `
  SELECT ${COLUMNS}, ${time} AS atMs ${FROM}
  WHERE ${condition} AND (${time}, r.refund_id) > (?1, ?2) AND (?6 IS NULL OR r.tenant = ?6)
  ORDER BY ${time}, r.refund_id LIMIT ?3`;
const LATE = byIndex('r.processed_at_ms', `${ENDED_LATE} AND r.processed_at_ms < ?5`);
/** The expression of the index refunds_reversed. */
const REVERSED_AT = 'coalesce(r.reversed_at_ms, r.processed_at_ms)';
/** And did not end in it. */
const REVERSED = byIndex(
  REVERSED_AT,
  `r.status = 'reversed' AND ${REVERSED_AT} < ?5 AND r.reversed_at_ms IS NOT NULL
    AND (r.processed_at_ms < ?4 OR r.processed_at_ms >= ?5)`,
);
/** Late charges that were found in the range and did not end in it. What was reversed in it is among those already. */
const FOUND = `r.kind = 'late_charge' AND r.created_at_ms >= ?4 AND r.created_at_ms < ?5
    AND NOT coalesce(r.reversed_at_ms >= ?4 AND r.reversed_at_ms < ?5, 0)`;
const FOUND_AND_ENDED = byIndex(
  'r.processed_at_ms',
  `${ENDED_LATE} AND ${FOUND} AND (r.processed_at_ms < ?4 OR r.processed_at_ms >= ?5)`,
);
const FOUND_AND_PENDING = `
  SELECT ${COLUMNS} ${FROM}
  WHERE ${ENDED_LATE} AND r.processed_at_ms IS NULL AND ${FOUND} AND r.refund_id > ?2 AND ?1 IS NOT NULL
    AND (?6 IS NULL OR r.tenant = ?6)
  ORDER BY r.refund_id LIMIT ?3`;

/** Pages of the refunds that belong to the range (`belongsTo`), each refund once. A page may be empty. */
export async function* refundsMoved(db: Database, wanted: Wanted, perPage: number): AsyncGenerator<ExportedRefund[]> {
  yield* endedSoon(db, wanted, perPage);
  yield* behind(db, LATE, wanted.fromMs, wanted, perPage);
  yield* behind(db, REVERSED, wanted.fromMs, wanted, perPage);
  yield* behind(db, FOUND_AND_ENDED, wanted.fromMs - CLOCK_SLACK_MS, wanted, perPage);
  yield* behind(db, FOUND_AND_PENDING, wanted.fromMs, wanted, perPage);
}

async function* endedSoon(db: Database, wanted: Wanted, perPage: number): AsyncGenerator<ExportedRefund[]> {
  const { fromMs, toMs, tenant } = wanted;
  const { after, before } = madeAround('REF-', wanted);
  for (let afterId = after; ; ) {
    const { page, end } = await runBatch(db, {
      page: db.d1.prepare(SOON).bind(afterId, before, perPage, fromMs, toMs, tenant),
      end: db.d1.prepare(STEP_END).bind(afterId, before, perPage),
    });
    yield rowsOf<ExportedRefund>(page);
    const step = rowOf<{ lastId: string | null; looked: number }>(end);
    if (step === null || step.lastId === null || step.looked < perPage) return;
    afterId = step.lastId;
  }
}

async function* behind(
  db: Database,
  sql: string,
  firstMs: number,
  { fromMs, toMs, tenant }: Wanted,
  perPage: number,
): AsyncGenerator<ExportedRefund[]> {
  for (let [afterMs, afterId] = [firstMs, '']; ; ) {
    const { page } = await runBatch(db, {
      page: db.d1.prepare(sql).bind(afterMs, afterId, perPage, fromMs, toMs, tenant),
    });
    const rows = rowsOf<ExportedRefund & { atMs?: number }>(page);
    yield rows.map(({ atMs: _, ...refund }) => refund);
    const last = rows.at(-1);
    if (last === undefined || rows.length < perPage) return;
    [afterMs, afterId] = [last.atMs ?? afterMs, last.refundId];
  }
}

/** What reconciliation reads: which payments belong to a time range, and each of them with all that hangs on it. */

import type { EventType } from '../../contract/events.ts';
import type { Refund, Transaction } from '../domain/transaction.ts';
import { REFUND_COLUMNS, TRANSACTION_COLUMNS } from './columns.ts';
import type { D1Database, D1PreparedStatement } from './d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from './database.ts';
import { idsOfTime, madeAtMs, type TimeRange } from './id-range.ts';

/** An event as the outbox has it. */
export interface RecordedEvent {
  eventId: string;
  eventType: EventType;
  transactionId: string;
  /** Null for the event of the payment itself, and of a dispute. */
  refundId: string | null;
  createdAtMs: number;
  /** When an operator last had it sent again; null: never. */
  replayedAtMs: number | null;
  attempts: number;
  /** When RabbitMQ confirmed it; null while it waits. */
  deliveredAtMs: number | null;
  lastError: string | null;
}

/** A payment, its refunds, and the events of both and of its disputes, as they were at one moment. */
export interface PaymentRecord {
  transaction: Transaction;
  refunds: Refund[];
  events: RecordedEvent[];
  /** Statuses of its disputes that were to be published, and the ids of their events. */
  disputeReports: { eventId: string; reportedAtMs: number }[];
}

const PAYMENTS_CREATED = `
  SELECT transaction_id AS transactionId FROM transactions
  WHERE transaction_id > ?1 AND transaction_id < ?2 ORDER BY transaction_id LIMIT ?3`;

/** Up to `limit` ids of payments that were made in the range, by their own time, in their order, those behind `afterId`. */
export async function paymentsCreated(
  db: Database,
  range: TimeRange,
  afterId: string | null,
  limit: number,
): Promise<string[]> {
  const { after, before } = idsOfTime('TXN-', range);
  const { page } = await runBatch(db, { page: db.d1.prepare(PAYMENTS_CREATED).bind(afterId ?? after, before, limit) });
  return rowsOf<{ transactionId: string }>(page).map(({ transactionId }) => transactionId);
}

/** A refund, and the payment that it belongs to. */
export type RefundOf = Pick<Refund, 'refundId' | 'transactionId'>;

const REFUNDS_CREATED = `
  SELECT refund_id AS refundId, transaction_id AS transactionId FROM refunds
  WHERE refund_id > ?1 AND refund_id < ?2 ORDER BY refund_id LIMIT ?3`;

/** The same of refunds. One of a late charge carries its payment's time. */
export async function refundsCreated(
  db: Database,
  range: TimeRange,
  afterId: string | null,
  limit: number,
): Promise<RefundOf[]> {
  const { after, before } = idsOfTime('REF-', range);
  const { page } = await runBatch(db, { page: db.d1.prepare(REFUNDS_CREATED).bind(afterId ?? after, before, limit) });
  return rowsOf<RefundOf>(page);
}

const NTH_PAYMENT = `
  SELECT transaction_id AS id FROM transactions WHERE transaction_id > ?1 AND transaction_id < ?2 ORDER BY transaction_id LIMIT 1 OFFSET ?3`;
const NTH_REFUND = `
  SELECT refund_id AS id FROM refunds WHERE refund_id > ?1 AND refund_id < ?2 ORDER BY refund_id LIMIT 1 OFFSET ?3`;

/** When this many payments, or refunds, of the range had been made, whichever was sooner; null where there are not so many. */
export async function createdUntilMs(db: Database, range: TimeRange, count: number): Promise<number | null> {
  const [payments, refunds] = [idsOfTime('TXN-', range), idsOfTime('REF-', range)];
  const { payment, refund } = await runBatch(db, {
    payment: db.d1.prepare(NTH_PAYMENT).bind(payments.after, payments.before, count),
    refund: db.d1.prepare(NTH_REFUND).bind(refunds.after, refunds.before, count),
  });
  const next = [payment, refund].flatMap((found) => rowOf<{ id: string }>(found)?.id ?? []);
  return next.length === 0 ? null : Math.min(...next.map(madeAtMs));
}

const FIND_REFUNDS = `
  SELECT refund_id AS refundId, transaction_id AS transactionId FROM refunds
  WHERE refund_id IN (SELECT value FROM json_each(?1))`;

/** The refunds with these ids, as far as there are any. */
export async function findRefunds(db: Database, refundIds: string[]): Promise<RefundOf[]> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_REFUNDS).bind(JSON.stringify(refundIds)) });
  return rowsOf<RefundOf>(found);
}

const ASKED_FOR = 'IN (SELECT value FROM json_each(?1))';
const PAYMENTS = `
  SELECT ${TRANSACTION_COLUMNS} FROM transactions t WHERE t.transaction_id ${ASKED_FOR} ORDER BY t.transaction_id`;
const REFUNDS = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.transaction_id ${ASKED_FOR} ORDER BY r.refund_id`;

const EVENT_COLUMNS = `
  e.event_id AS eventId, e.event_type AS eventType, e.transaction_id AS transactionId, e.refund_id AS refundId,
  e.created_at_ms AS createdAtMs, e.replayed_at_ms AS replayedAtMs, e.attempts, e.delivered_at_ms AS deliveredAtMs, e.last_error AS lastError`;
// In parts, because each of them has an index. A payment names its event, and a trigger lets no other one report it.
const EVENTS = `
  SELECT ${EVENT_COLUMNS} FROM transactions t JOIN events e ON e.event_id = t.ended_by
  WHERE t.transaction_id ${ASKED_FOR}
  UNION ALL
  SELECT ${EVENT_COLUMNS} FROM refunds r JOIN events e ON e.refund_id = r.refund_id
  WHERE r.transaction_id ${ASKED_FOR}
  UNION ALL
  SELECT e.event_id, e.event_type, p.transaction_id, NULL, e.created_at_ms, e.replayed_at_ms, e.attempts, e.delivered_at_ms,
    e.last_error
  FROM dispute_reports p JOIN events e USING (event_id) WHERE p.transaction_id ${ASKED_FOR}`;
const REPORTS = `
  SELECT event_id AS eventId, transaction_id AS transactionId, reported_at_ms AS reportedAtMs FROM dispute_reports WHERE transaction_id ${ASKED_FOR}`;

/** The statement that finds the events of these payments, of their refunds and of their disputes. */
export function eventsOfPayments(d1: D1Database, transactionIds: readonly string[]): D1PreparedStatement {
  return d1.prepare(EVENTS).bind(JSON.stringify(transactionIds));
}

/** The payments with these ids, as far as there are any. One batch, so that rows, balances and events are of one moment. */
export async function readPaymentRecords(db: Database, transactionIds: string[]): Promise<PaymentRecord[]> {
  const ids = JSON.stringify(transactionIds);
  const { payments, refunds, events, reports } = await runBatch(db, {
    payments: db.d1.prepare(PAYMENTS).bind(ids),
    refunds: db.d1.prepare(REFUNDS).bind(ids),
    events: eventsOfPayments(db.d1, transactionIds),
    reports: db.d1.prepare(REPORTS).bind(ids),
  });
  const records = new Map<string, PaymentRecord>();
  for (const transaction of rowsOf<Transaction>(payments)) {
    records.set(transaction.transactionId, { transaction, refunds: [], events: [], disputeReports: [] });
  }
  for (const refund of rowsOf<Refund>(refunds)) records.get(refund.transactionId)?.refunds.push(refund);
  for (const event of rowsOf<RecordedEvent>(events)) records.get(event.transactionId)?.events.push(event);
  for (const { transactionId, ...report } of rowsOf<ReportRow>(reports)) {
    records.get(transactionId)?.disputeReports.push(report);
  }
  return [...records.values()];
}

type ReportRow = { eventId: string; transactionId: string; reportedAtMs: number };

/** When the newest event was made of those that have left the database; 0 where none has. */
export async function eventsLeftUntilMs(db: Database): Promise<number> {
  const { left } = await runBatch(db, {
    left: db.d1.prepare("SELECT position AS atMs FROM job_positions WHERE job = 'events_left'"),
  });
  return rowOf<{ atMs: number }>(left)?.atMs ?? 0;
}

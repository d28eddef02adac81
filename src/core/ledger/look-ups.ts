/**
 * Which payments and refunds the gateway is to be asked about, and when. Whoever takes a look-up puts off the next one in
 * the same batch, so that however many ask, the gateway is asked at a measured pace.
 */

import type { Refund, Transaction } from '../domain/transaction.ts';
import {
  REFUND_COLUMNS,
  RETURNED_REFUND_COLUMNS,
  RETURNED_TRANSACTION_COLUMNS,
  TRANSACTION_COLUMNS,
} from './columns.ts';
import type { D1Database, D1PreparedStatement } from './d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from './database.ts';

/** Doubled from look-up to look-up. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** A shift by more than this would say nothing new. */
const MAX_DOUBLINGS = 16;

const PUT_OFF = `
  lookups = lookups + 1,
  next_lookup_at_ms = ?1 + min(${LONGEST_PAUSE_MS}, ${FIRST_PAUSE_MS} << min(lookups, ${MAX_DOUBLINGS}))`;

const ID_IS_DUE = `= ?2 AND next_lookup_at_ms <= ?1`;

/** Both the first condition of a partial index; the other half of the rows costs no reads. */
const ARE_PENDING = `status = 'pending'`;
const HAVE_ENDED = `status <> 'pending'`;

/**
 * The ids of the `?2` that have been due longest, except those of the gateways in `?3`. Ties are broken in the order of the index, so
 * that each statement means the same rows and reads no others.
 */
const duePayments = (which: string) => `
  IN (SELECT transaction_id FROM transactions
      WHERE ${which} AND next_lookup_at_ms <= ?1 AND gateway NOT IN (SELECT value FROM json_each(?3))
      ORDER BY next_lookup_at_ms, gateway, transaction_id LIMIT ?2)`;
const dueRefunds = (which: string) => `
  IN (SELECT due.refund_id FROM refunds due CROSS JOIN transactions of_due USING (transaction_id)
      WHERE due.${which} AND due.next_lookup_at_ms <= ?1 AND of_due.gateway NOT IN (SELECT value FROM json_each(?3))
      ORDER BY due.next_lookup_at_ms, due.refund_id LIMIT ?2)`;

const takePayments = (which: string) => `
  UPDATE transactions SET ${PUT_OFF} WHERE transaction_id ${which}
  RETURNING ${RETURNED_TRANSACTION_COLUMNS}, lookups AS lookUps`;
const TAKE_PAYMENT = takePayments(ID_IS_DUE);
const TAKE_PENDING_PAYMENTS = takePayments(duePayments(ARE_PENDING));
const TAKE_PAYMENT_FOLLOW_UPS = takePayments(duePayments(HAVE_ENDED));

const takeRefunds = (which: string) => ({
  payments: `
    SELECT ${TRANSACTION_COLUMNS} FROM transactions t
    WHERE t.transaction_id IN (SELECT transaction_id FROM refunds WHERE refund_id ${which})`,
  refunds: `UPDATE refunds SET ${PUT_OFF} WHERE refund_id ${which} RETURNING ${RETURNED_REFUND_COLUMNS}`,
});
const TAKE_REFUND = takeRefunds(ID_IS_DUE);
const TAKE_PENDING_REFUNDS = takeRefunds(dueRefunds(ARE_PENDING));
const TAKE_REFUND_FOLLOW_UPS = takeRefunds(dueRefunds(HAVE_ENDED));

export interface PaymentLookUp {
  kind: 'payment';
  transaction: Transaction;
  /** How often it has been asked about since it became due, this time included. */
  lookUps: number;
}

/** What is to be asked about now. Its `nextLookupAtMs` is when it may be asked about again. */
export type LookUpTask = PaymentLookUp | { kind: 'refund'; refund: Refund; transaction: Transaction };

/** The look-up of this payment or refund, if it is due. */
export async function takeLookUp(db: Database, id: string, nowMs: number): Promise<LookUpTask | null> {
  const tasks = id.startsWith('REF-')
    ? await takeRefundTasks(db, TAKE_REFUND, nowMs, [id])
    : await takePaymentTasks(db, TAKE_PAYMENT, nowMs, [id]);
  return tasks[0] ?? null;
}

const FIND_PAYMENT = `SELECT ${TRANSACTION_COLUMNS}, t.lookups AS lookUps FROM transactions t WHERE t.transaction_id = ?1`;
const FIND_REFUND = `SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.refund_id = ?1`;
const FIND_PAYMENT_OF_REFUND = `
  SELECT ${TRANSACTION_COLUMNS} FROM refunds r JOIN transactions t USING (transaction_id) WHERE r.refund_id = ?1`;

/** The same of a payment or refund of which the provider has told: whether or not it is due, and nothing is put off. */
export async function findLookUp(db: Database, id: string): Promise<LookUpTask | null> {
  if (!id.startsWith('REF-')) {
    const { found } = await runBatch(db, { found: db.d1.prepare(FIND_PAYMENT).bind(id) });
    const row = rowOf<PaymentRow>(found);
    return row && paymentLookUp(row);
  }
  const results = await runBatch(db, {
    refund: db.d1.prepare(FIND_REFUND).bind(id),
    transaction: db.d1.prepare(FIND_PAYMENT_OF_REFUND).bind(id),
  });
  const [refund, transaction] = [rowOf<Refund>(results.refund), rowOf<Transaction>(results.transaction)];
  return refund && transaction && { kind: 'refund', refund, transaction };
}

/** What `takeDueLookUps` takes first where there is more than enough of both. */
export type LookUpPreference = 'payments' | 'refunds';

/** Statements that one take of due look-ups sends at most. */
export const TAKE_DUE_STATEMENTS = 6;

/**
 * Takes up to `limit` look-ups that are due: pending payments and refunds before follow-ups of what has ended, and of each
 * those that have been due longest. Callers alternate `first`, so that neither payments nor refunds wait for all of the other.
 *
 * @param notOf names of gateways to leave out
 */
export async function takeDueLookUps(
  db: Database,
  { nowMs, limit, first, notOf }: { nowMs: number; limit: number; first: LookUpPreference; notOf: readonly string[] },
): Promise<LookUpTask[]> {
  const gateways = JSON.stringify(notOf);
  const pending = [
    (count: number) => takePaymentTasks(db, TAKE_PENDING_PAYMENTS, nowMs, [count, gateways]),
    (count: number) => takeRefundTasks(db, TAKE_PENDING_REFUNDS, nowMs, [count, gateways]),
  ];
  const followUps = [
    (count: number) => takePaymentTasks(db, TAKE_PAYMENT_FOLLOW_UPS, nowMs, [count, gateways]),
    (count: number) => takeRefundTasks(db, TAKE_REFUND_FOLLOW_UPS, nowMs, [count, gateways]),
  ];
  const inOrder =
    first === 'payments' ? [...pending, ...followUps] : [...pending.toReversed(), ...followUps.toReversed()];
  const taken: LookUpTask[] = [];
  for (const take of inOrder) {
    if (taken.length < limit) taken.push(...(await take(limit - taken.length)));
  }
  return taken;
}

// Of each kind of row so many are counted, and not all: what is asked is only how many slots the backlog needs.
const countDue = (table: string, which: string) =>
  `(SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE ${which} AND next_lookup_at_ms <= ?1 LIMIT ?2))`;
const COUNT_DUE_LOOK_UPS = `
  SELECT ${countDue('transactions', ARE_PENDING)} + ${countDue('refunds', ARE_PENDING)}
    + ${countDue('transactions', HAVE_ENDED)} + ${countDue('refunds', HAVE_ENDED)} AS due`;

/** The statement that counts look-ups that are due, as `due`, up to `limit` of each kind. */
export function countDueLookUps(d1: D1Database, nowMs: number, limit: number): D1PreparedStatement {
  return d1.prepare(COUNT_DUE_LOOK_UPS).bind(nowMs, limit);
}

async function takePaymentTasks(
  db: Database,
  take: string,
  nowMs: number,
  which: readonly (string | number)[],
): Promise<LookUpTask[]> {
  const { taken } = await runBatch(db, { taken: db.d1.prepare(take).bind(nowMs, ...which) });
  return rowsOf<PaymentRow>(taken).map(paymentLookUp);
}

type PaymentRow = Transaction & Pick<PaymentLookUp, 'lookUps'>;

function paymentLookUp({ lookUps, ...transaction }: PaymentRow): PaymentLookUp {
  return { kind: 'payment', transaction, lookUps };
}

async function takeRefundTasks(
  db: Database,
  take: typeof TAKE_REFUND,
  nowMs: number,
  which: readonly (string | number)[],
): Promise<LookUpTask[]> {
  const { payments, refunds } = await runBatch(db, {
    payments: db.d1.prepare(take.payments).bind(nowMs, ...which),
    refunds: db.d1.prepare(take.refunds).bind(nowMs, ...which),
  });
  const byId = new Map(rowsOf<Transaction>(payments).map((transaction) => [transaction.transactionId, transaction]));
  return rowsOf<Refund>(refunds).map((refund) => {
    const transaction = byId.get(refund.transactionId);
    if (transaction === undefined) throw new Error('a refund has no payment');
    return { kind: 'refund', refund, transaction };
  });
}

const tableOf = (id: string) =>
  id.startsWith('REF-') ? (['refunds', 'refund_id'] as const) : (['transactions', 'transaction_id'] as const);

/** Sets when it is asked about again, if it still has this status; null: never. */
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

/** Sets when a payment is looked up again, unless it has become due anew since this look-up was taken; null: never. */
export async function rescheduleTaken(
  db: Database,
  { transactionId, nextLookupAtMs: takenMs }: Transaction,
  nextLookUpAtMs: number | null,
): Promise<void> {
  if (nextLookUpAtMs === takenMs) return;
  await runBatch(db, {
    scheduled: db.d1
      .prepare('UPDATE transactions SET next_lookup_at_ms = ?3 WHERE transaction_id = ?1 AND next_lookup_at_ms IS ?2')
      .bind(transactionId, takenMs, nextLookUpAtMs),
  });
}

/**
 * Schedules the next look-up of a pending row whose outcome the gateway cannot tell. Returns whether this is the first time, so that
 * the caller raises the alarm once.
 */
export async function scheduleUndetermined(
  db: Database,
  id: string,
  nowMs: number,
  nextLookUpAtMs: number,
): Promise<boolean> {
  const [table, column] = tableOf(id);
  const { scheduled } = await runBatch(db, {
    scheduled: db.d1
      .prepare(
        `UPDATE ${table} SET next_lookup_at_ms = ?3, undetermined_at_ms = coalesce(undetermined_at_ms, ?2)
         WHERE ${column} = ?1 AND status = 'pending' RETURNING undetermined_at_ms AS undeterminedAtMs`,
      )
      .bind(id, nowMs, nextLookUpAtMs),
  });
  return rowOf<{ undeterminedAtMs: number }>(scheduled)?.undeterminedAtMs === nowMs;
}

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import type { Database } from '../database.ts';
import { type LookUpTask, takePayments, takePaymentTasks, takeRefunds, takeRefundTasks } from './look-up-task.ts';

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

const TAKE_PENDING_PAYMENTS = takePayments(duePayments(ARE_PENDING));
const TAKE_PAYMENT_FOLLOW_UPS = takePayments(duePayments(HAVE_ENDED));
const TAKE_PENDING_REFUNDS = takeRefunds(dueRefunds(ARE_PENDING));
const TAKE_REFUND_FOLLOW_UPS = takeRefunds(dueRefunds(HAVE_ENDED));

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

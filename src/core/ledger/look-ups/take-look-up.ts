import type { Database } from '../database.ts';
import { type LookUpTask, takePayments, takePaymentTasks, takeRefunds, takeRefundTasks } from './look-up-task.ts';

const ID_IS_DUE = `= ?2 AND next_lookup_at_ms <= ?1`;

const TAKE_PAYMENT = takePayments(ID_IS_DUE);
const TAKE_REFUND = takeRefunds(ID_IS_DUE);

/** Takes the look-up of this payment or refund, if it is due. */
export async function takeLookUp(db: Database, id: string, nowMs: number): Promise<LookUpTask | null> {
  const tasks = id.startsWith('REF-')
    ? await takeRefundTasks(db, TAKE_REFUND, nowMs, [id])
    : await takePaymentTasks(db, TAKE_PAYMENT, nowMs, [id]);
  return tasks[0] ?? null;
}

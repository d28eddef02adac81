/**
 * What the gateway is to be asked about: a payment or a refund. Whoever takes a look-up puts off the next one in the same batch, so
 * that however many ask, the gateway is asked at a measured pace.
 */

import type { Refund, Transaction } from '../../domain/transaction.ts';
import { RETURNED_REFUND_COLUMNS, RETURNED_TRANSACTION_COLUMNS, TRANSACTION_COLUMNS } from '../columns.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';

export interface PaymentLookUp {
  kind: 'payment';
  transaction: Transaction;
  /** How often it has been asked about since it became due, this time included. */
  lookUps: number;
}

export interface RefundLookUp {
  kind: 'refund';
  refund: Refund;
  transaction: Transaction;
}

/** `nextLookupAtMs` of its row: when it may be asked about again. */
export type LookUpTask = PaymentLookUp | RefundLookUp;

/** Doubled from look-up to look-up. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** A shift by more than this would say nothing new. */
const MAX_DOUBLINGS = 16;

const PUT_OFF = `
  lookups = lookups + 1,
  next_lookup_at_ms = ?1 + min(${LONGEST_PAUSE_MS}, ${FIRST_PAUSE_MS} << min(lookups, ${MAX_DOUBLINGS}))`;

/** Takes the payments whose ids `which` selects. */
export const takePayments = (which: string) => `
  UPDATE transactions SET ${PUT_OFF} WHERE transaction_id ${which}
  RETURNING ${RETURNED_TRANSACTION_COLUMNS}, lookups AS lookUps`;

/** The same of refunds, with their payments. */
export const takeRefunds = (which: string) => ({
  payments: `
    SELECT ${TRANSACTION_COLUMNS} FROM transactions t
    WHERE t.transaction_id IN (SELECT transaction_id FROM refunds WHERE refund_id ${which})`,
  refunds: `UPDATE refunds SET ${PUT_OFF} WHERE refund_id ${which} RETURNING ${RETURNED_REFUND_COLUMNS}`,
});

export async function takePaymentTasks(
  db: Database,
  take: string,
  nowMs: number,
  which: readonly (string | number)[],
): Promise<LookUpTask[]> {
  const { taken } = await runBatch(db, { taken: db.d1.prepare(take).bind(nowMs, ...which) });
  return rowsOf<PaymentRow>(taken).map(paymentLookUp);
}

export type PaymentRow = Transaction & Pick<PaymentLookUp, 'lookUps'>;

export function paymentLookUp({ lookUps, ...transaction }: PaymentRow): PaymentLookUp {
  return { kind: 'payment', transaction, lookUps };
}

export async function takeRefundTasks(
  db: Database,
  take: ReturnType<typeof takeRefunds>,
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

/** The table and the column of an id. */
export const tableOf = (id: string) =>
  id.startsWith('REF-') ? (['refunds', 'refund_id'] as const) : (['transactions', 'transaction_id'] as const);

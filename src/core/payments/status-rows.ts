/** The rows that a status is answered from: whether a look-up of them is due, and when those of a replica that lags are believed. */
import type { Refund, Transaction } from '../domain/transaction.ts';

export interface StatusRows {
  transaction: Transaction;
  /** Where the id is a refund's. */
  refund: Refund | null;
}

export function isLookUpDue({ transaction, refund }: StatusRows, nowMs: number): boolean {
  const { status, nextLookupAtMs } = refund ?? transaction;
  // A completed payment is due where its provider has reported refunds that the ledger does not have.
  const isOpen = status === 'pending' || (refund === null && status === 'completed');
  return isOpen && nextLookupAtMs !== null && nextLookupAtMs <= nowMs;
}

/**
 * Whether a status may be answered from rows that are older than the ledger's, nobody knows how much: only if no later write can change
 * the answer. A completed payment is not such a row. It can be refunded, and a caller that reads "nothing refunded" a moment after its
 * own partial refund may send that a second time, which the ledger would pay. A completed refund can be reversed.
 *
 * @param takesStale the caller has said that it takes what was true a while ago: then whatever has ended, and has no refund under way
 */
export function isBelieved(rows: StatusRows, nowMs: number, takesStale: boolean): boolean {
  if (isFinal(rows)) return true;
  const { transaction, refund } = rows;
  const hasEnded = (refund ?? transaction).status !== 'pending';
  return takesStale && hasEnded && transaction.reservedMinor === 0 && !isLookUpDue(rows, nowMs);
}

/** Nothing leaves these states (invariant 6), and the balance of a payment changes only while it is completed. */
function isFinal({ transaction, refund }: StatusRows): boolean {
  if (refund !== null) return refund.status === 'failed' || refund.status === 'reversed';
  return transaction.status === 'failed' || transaction.status === 'refunded';
}

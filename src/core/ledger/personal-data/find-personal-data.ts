import type { Refund, Transaction } from '../../domain/transaction.ts';
import { DISPUTE_COLUMNS, REFUND_COLUMNS, TRANSACTION_COLUMNS } from '../columns.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import { emailOf } from '../payments/find-payment.ts';
import type { RecordedDispute } from '../payments/record-dispute.ts';
import { END_OF_STEP, lastIdOf, OF_USER, openedOrNull, type Step } from './steps.ts';

export interface PersonalRecord {
  /** `userEmail` is null where there is none, or `isUnopened`. */
  transaction: Omit<Transaction, 'sealedEmail'> & { userEmail: string | null };
  /** Whether there is an address that can't be opened. */
  isUnopened: boolean;
  refunds: Refund[];
  disputes: RecordedDispute[];
}

/** A user's payments among the next `limit` ones, with all that belongs to them, and the address opened. */
export async function personalRecords(
  db: Database,
  { tenant, userId }: { tenant: string; userId: string },
  afterId: string,
  limit: number,
): Promise<Step<PersonalRecord[]>> {
  const scope = [afterId, limit, tenant, userId] as const;
  const { payments, refunds, disputes, end } = await runBatch(db, {
    payments: db.d1
      .prepare(`SELECT ${TRANSACTION_COLUMNS} FROM transactions t WHERE t.transaction_id IN (${OF_USER})`)
      .bind(...scope),
    refunds: db.d1
      .prepare(`SELECT ${REFUND_COLUMNS} FROM refunds r WHERE r.transaction_id IN (${OF_USER})`)
      .bind(...scope),
    disputes: db.d1
      .prepare(`SELECT ${DISPUTE_COLUMNS} FROM disputes d WHERE d.transaction_id IN (${OF_USER})`)
      .bind(...scope),
    end: db.d1.prepare(END_OF_STEP).bind(afterId, limit),
  });
  const refundsOf = Map.groupBy(rowsOf<Refund>(refunds), ({ transactionId }) => transactionId);
  const disputesOf = Map.groupBy(rowsOf<RecordedDispute>(disputes), ({ transactionId }) => transactionId);
  const found = await Promise.all(
    rowsOf<Transaction>(payments).map(async (row) => {
      const { sealedEmail, ...transaction } = row;
      const userEmail = await openedOrNull(emailOf(db, row));
      return {
        transaction: { ...transaction, userEmail },
        isUnopened: sealedEmail !== null && userEmail === null,
        refunds: refundsOf.get(row.transactionId) ?? [],
        disputes: disputesOf.get(row.transactionId) ?? [],
      };
    }),
  );
  return { found, lastId: lastIdOf(end) };
}

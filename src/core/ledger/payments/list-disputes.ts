/** Lists disputes, with the bookings of their payments. */

import { DISPUTE_COLUMNS } from '../columns.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import { DECIDED_STATUSES, type RecordedDispute } from './record-dispute.ts';

export interface ListedDispute extends RecordedDispute {
  tenant: string;
  bookingId: string;
}

/** By the primary key; a dispute belongs to one payment in a hundred at most. */
const PAGE = `
  SELECT ${DISPUTE_COLUMNS}, d.tenant, t.booking_id AS bookingId
  FROM disputes d JOIN transactions t ON t.transaction_id = d.transaction_id
  WHERE (d.tenant, d.provider, d.dispute_id) > (?1, ?2, ?3)
    AND NOT (?4 AND lower(d.status) IN (SELECT value FROM json_each(?5)))
  ORDER BY d.tenant, d.provider, d.dispute_id LIMIT ?6`;

const OF_PAYMENT = `
  SELECT ${DISPUTE_COLUMNS} FROM disputes d WHERE d.transaction_id = ?1 ORDER BY d.opened_at_ms, d.dispute_id LIMIT ?2`;

/** Far more than a payment ever has. */
const DISPUTES_OF_PAYMENT_MAX = 100;

/** Those of a payment, the oldest first, also the decided ones. */
export async function disputesOf(db: Database, transactionId: string): Promise<RecordedDispute[]> {
  const { disputes } = await runBatch(db, {
    disputes: db.d1.prepare(OF_PAYMENT).bind(transactionId, DISPUTES_OF_PAYMENT_MAX),
  });
  return rowsOf<RecordedDispute>(disputes);
}

/** Up to `limit` disputes behind this one; the first ones without it. `openOnly`: those that the provider has not decided. */
export async function disputesAfter(
  db: Database,
  after: ListedDispute | null,
  openOnly: boolean,
  limit: number,
): Promise<ListedDispute[]> {
  const { tenant = '', provider = '', disputeId = '' } = after ?? {};
  const { page } = await runBatch(db, {
    page: db.d1
      .prepare(PAGE)
      .bind(tenant, provider, disputeId, openOnly ? 1 : 0, JSON.stringify(DECIDED_STATUSES), limit),
  });
  return rowsOf<ListedDispute>(page);
}

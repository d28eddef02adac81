/** Lists disputes, with the bookings of their payments. */

import { DISPUTE_COLUMNS } from '../columns.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import { DECIDED_STATUSES, isDecided, type RecordedDispute } from './record-dispute.ts';

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

/** Of the open ones the oldest first, since it has to be answered first; of the decided ones the newest. */
export function openFirst(a: RecordedDispute, b: RecordedDispute): number {
  const isOpen = !isDecided(a.status);
  if (isOpen !== !isDecided(b.status)) return isOpen ? -1 : 1;
  return isOpen ? a.openedAtMs - b.openedAtMs : b.reportedAtMs - a.reportedAtMs;
}

const LISTED = `${DISPUTE_COLUMNS}, d.tenant, t.booking_id AS bookingId FROM disputes d CROSS JOIN transactions t USING (transaction_id)`;
// Each along its own index, from the end that is wanted.
const OPEN = `
  SELECT ${LISTED} WHERE lower(d.status) NOT IN (${DECIDED_STATUSES.map((status) => `'${status}'`).join(', ')})
  ORDER BY d.told_at_ms LIMIT ?1`;
const NEWEST = `SELECT ${LISTED} ORDER BY d.told_at_ms DESC LIMIT ?1`;
const NEWEST_OF_TENANT = `SELECT ${LISTED} WHERE d.tenant = ?2 ORDER BY d.told_at_ms DESC LIMIT ?1`;

/**
 * Open ones and those that were reported last, each at most `limit`, in no order; of one organisation only those that were reported last.
 *
 * @param tenant null: of all organisations
 */
export async function recentDisputes(db: Database, tenant: string | null, limit: number): Promise<ListedDispute[]> {
  const { open, newest } = await runBatch(db, {
    open: tenant === null ? db.d1.prepare(OPEN).bind(limit) : null,
    newest: tenant === null ? db.d1.prepare(NEWEST).bind(limit) : db.d1.prepare(NEWEST_OF_TENANT).bind(limit, tenant),
  });
  const found = [...(tenant === null ? rowsOf<ListedDispute>(open) : []), ...rowsOf<ListedDispute>(newest)];
  const nameOf = (one: ListedDispute) => JSON.stringify([one.tenant, one.provider, one.disputeId]);
  return [...new Map(found.map((dispute) => [nameOf(dispute), dispute])).values()];
}

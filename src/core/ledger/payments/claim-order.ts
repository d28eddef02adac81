/** Whose a payer's order is, where its bookings may be in several databases: each of them knows only the payments that it has. */

import { type Database, rowOf, runBatch } from '../database.ts';

export interface OrderClaim {
  gateway: string;
  /** The provider's id of the order. */
  order: string;
  transactionId: string;
  claimedAtMs: number;
}

const CLAIM = `
  INSERT INTO claimed_orders (gateway, gateway_intent, transaction_id, claimed_at_ms) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT DO NOTHING`;
const TAKE_OVER = `
  UPDATE claimed_orders SET transaction_id = ?3, claimed_at_ms = ?4
  WHERE gateway = ?1 AND gateway_intent = ?2 AND transaction_id = ?5`;
const OWNER = 'SELECT transaction_id AS owner FROM claimed_orders WHERE gateway = ?1 AND gateway_intent = ?2';

/**
 * Claims the order in the database that has its place, and returns its owner: the transaction that claimed it first.
 *
 * @param failedOwner whose claim ends, because it has failed; null: nobody's
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function claimOrder(
  db: Database,
  { gateway, order, transactionId, claimedAtMs }: OrderClaim,
  failedOwner: string | null,
): Promise<string> {
  const { owner } = await runBatch(db, {
    claimed: db.d1.prepare(CLAIM).bind(gateway, order, transactionId, claimedAtMs),
    takenOver:
      failedOwner === null
        ? null
        : db.d1.prepare(TAKE_OVER).bind(gateway, order, transactionId, claimedAtMs, failedOwner),
    owner: db.d1.prepare(OWNER).bind(gateway, order),
  });
  const found = rowOf<{ owner: string }>(owner);
  if (found === null) throw new Error('an order that was claimed has no owner');
  return found.owner;
}

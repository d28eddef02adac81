/** A payment's balance follows from its refunds (invariant 2). */

import type { D1Database, D1PreparedStatement } from '../d1.ts';

// Computed anew from the refunds, and never moved by a difference: a batch that is repeated, or that finds another one's refunds beside
// its own, arrives at the same amounts. A payment that is refunded stays so (invariant 6), even where the bank takes a refund back. One
// that has failed has no balance: what is paid back of it is a late charge.
const SET_BALANCE = `
  UPDATE transactions SET reserved_minor = sums.reserved, refunded_minor = sums.refunded,
    status = CASE WHEN sums.refunded = amount_minor THEN 'refunded' ELSE status END
  FROM (
    SELECT coalesce(sum(CASE WHEN status = 'pending' THEN amount_minor END), 0) AS reserved,
      coalesce(sum(CASE WHEN status = 'completed' THEN amount_minor END), 0) AS refunded
    FROM refunds WHERE transaction_id = ?1 AND kind = 'requested') AS sums
  WHERE transaction_id = ?1 AND status = 'completed'
    AND (reserved_minor <> sums.reserved OR refunded_minor <> sums.refunded)`;

/** The statement that sets what is reserved and refunded of a payment. It belongs behind the one that writes a refund. */
export function setBalance(d1: D1Database, transactionId: string): D1PreparedStatement {
  return d1.prepare(SET_BALANCE).bind(transactionId);
}

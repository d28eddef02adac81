/** Counts a decline: of a place from which hardly any card is good, no more are let in. */

import type { D1PreparedStatement } from '../d1.ts';
import type { Database } from '../database.ts';
import { countsParameter, type VelocityCount } from './count-attempt.ts';

const COUNT_DECLINE = `
  INSERT INTO counted_payments (transaction_id, counted, counts)
  SELECT transaction_id, 'decline', ?3 FROM transactions
  WHERE transaction_id = ?1 AND ended_by = ?2 AND counted IS NOT 'decline'`;

/** The statement that counts a decline once, if this event ended the payment. It belongs behind the one that records the outcome. */
export function countDecline(
  { d1 }: Database,
  { transactionId, eventId }: { transactionId: string; eventId: string },
  counts: readonly VelocityCount[],
): D1PreparedStatement {
  return d1.prepare(COUNT_DECLINE).bind(transactionId, eventId, countsParameter(counts));
}

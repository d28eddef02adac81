import { FAILURE_REASONS } from '../../domain/failure.ts';
import type { D1Result } from '../d1.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { END_OF_STEP, lastIdOf, OF_USER, type Step } from './steps.ts';

export interface Erased {
  payments: number;
  /** Payments that are under way, or a refund of which is, and were left as they are. */
  pending: number;
}

// A refund that is under way may be sent again under its id, and has to be the same one then, reason and all.
const ENDED = `${OF_USER} AND status <> 'pending' AND NOT EXISTS (
  SELECT 1 FROM refunds r WHERE r.transaction_id = transactions.transaction_id AND r.status = 'pending')`;

// Words of a gateway's own server, of a proxy or of a provider can have anything in them: what is not a reason of this service's, or
// not a code, goes. Former versions have stored more of such words.
const OUR_REASONS = JSON.stringify(FAILURE_REASONS);
const ourWords = (column: string) => `CASE WHEN ${column} IN (SELECT value FROM json_each(?5)) THEN ${column} END`;
const code = (column: string) => `CASE WHEN ${column} GLOB '*[^A-Za-z0-9_.-]*' THEN '' ELSE ${column} END`;

/**
 * Erases the user from the next `limit` payments: removes the address, the reasons of refunds, and whatever a gateway or provider wrote
 * in its own words, and replaces the user's id with `pseudonym`. Amounts, dates and bookings stay, as accounting law requires. Events
 * that are still waiting are published without the address. A pending payment, or one with a pending refund, is left for another time.
 */
export async function erasePersonalData(
  db: Database,
  { tenant, userId, pseudonym }: { tenant: string; userId: string; pseudonym: string },
  afterId: string,
  limit: number,
): Promise<Step<Erased>> {
  const scope = [afterId, limit, tenant, userId] as const;
  const { erased, pending, end } = await runBatch(db, {
    refunds: db.d1
      .prepare(
        `UPDATE refunds SET reason = '', failure_reason = ${ourWords('failure_reason')} WHERE transaction_id IN (${ENDED})`,
      )
      .bind(...scope, OUR_REASONS),
    disputes: db.d1
      .prepare(
        `UPDATE disputes SET status = ${code('status')}, reason = ${code('reason')} WHERE transaction_id IN (${ENDED})`,
      )
      .bind(...scope),
    reports: db.d1
      .prepare(
        `UPDATE dispute_reports SET status = ${code('status')}, reason = ${code('reason')} WHERE transaction_id IN (${ENDED})`,
      )
      .bind(...scope),
    // Of those that are under way, too: why an event waits is nothing that has to be repeated.
    events: db.d1
      .prepare(
        `UPDATE events SET last_error = NULL WHERE last_error IS NOT NULL AND event_id IN (
           SELECT ended_by FROM transactions WHERE transaction_id IN (${OF_USER})
           UNION ALL SELECT e.event_id FROM refunds r JOIN events e ON e.refund_id = r.refund_id
           WHERE r.transaction_id IN (${OF_USER})
           UNION ALL SELECT event_id FROM dispute_reports WHERE transaction_id IN (${OF_USER}))`,
      )
      .bind(...scope),
    payments: db.d1
      .prepare(
        `UPDATE transactions SET user_email = NULL, sealed_email = NULL, sealed_action_url = NULL,
           sealed_return_url = NULL, user_id = ?6,
           failure_reason = ${ourWords('failure_reason')}, gateway_intent = nullif(${code('gateway_intent')}, '')
         WHERE transaction_id IN (${ENDED})`,
      )
      .bind(...scope, OUR_REASONS, pseudonym),
    // Counted by the rows as they are now: a batch that is repeated changes nothing any more.
    erased: db.d1.prepare(`SELECT count(*) AS count FROM (${OF_USER})`).bind(afterId, limit, tenant, pseudonym),
    pending: db.d1.prepare(`SELECT count(*) AS count FROM (${OF_USER})`).bind(...scope),
    end: db.d1.prepare(END_OF_STEP).bind(afterId, limit),
  });
  return { found: { payments: countOf(erased), pending: countOf(pending) }, lastId: lastIdOf(end) };
}

function countOf(result: D1Result): number {
  return rowOf<{ count: number }>(result)?.count ?? 0;
}

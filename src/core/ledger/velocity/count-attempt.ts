/**
 * How often a card, a user or an address tries to pay, counted in D1 by the batch that claims the payment: of attempts that come at
 * once, no more are let in than the limit says. A window of time is counted for itself.
 */

import type { D1PreparedStatement, D1Result } from '../d1.ts';
import { type Database, rowOf } from '../database.ts';

/** What is counted, in one window. `subject` is a keyed hash: what it is of, the database does not know. */
export interface VelocityCount {
  tenant: string;
  subject: string;
  windowStartMs: number;
  windowEndMs: number;
  /** How many attempts are let in; null: as many as come. */
  maxAttempts: number | null;
  /** From so many attempts on, so many of a hundred of them may be declined; null: all. */
  declines: { fromAttempts: number; maxPercent: number } | null;
}

/** A list is one parameter: `?15` of the statement that claims a payment. */
export function countsParameter(counts: readonly VelocityCount[]): string {
  return counts.length === 0 ? '[]' : JSON.stringify(counts);
}

const exceeded = (counts: '?1' | '?15') => `
  FROM json_each(${counts}) c JOIN velocity_counters v ON v.window_start_ms = c.value ->> 'windowStartMs'
    AND v.tenant = c.value ->> 'tenant' AND v.subject = c.value ->> 'subject'
  WHERE v.attempts >= c.value ->> 'maxAttempts'
    OR (v.attempts >= c.value ->> '$.declines.fromAttempts'
      AND v.declines * 100 > v.attempts * (c.value ->> '$.declines.maxPercent'))`;

/** Part of the statement that claims a payment. */
export const WITHIN_VELOCITY = `NOT EXISTS (SELECT 1 ${exceeded('?15')})`;

// Each attempt has a higher entry than those before it: what has been counted, a batch that is repeated does not count again.
const COUNT_ATTEMPT = `
  INSERT INTO velocity_counters (window_start_ms, tenant, subject, attempts, counted_entry)
  SELECT c.value ->> 'windowStartMs', c.value ->> 'tenant', c.value ->> 'subject', 1, t.attempted_entry
  FROM transactions t, json_each(?2) c WHERE t.transaction_id = ?1
  ON CONFLICT DO UPDATE SET attempts = attempts + 1, counted_entry = excluded.counted_entry
  WHERE counted_entry < excluded.counted_entry`;

/** The statement that counts an attempt once, if its payment is there. It belongs behind the one that claims it. */
export function countAttempt({ d1 }: Database, transactionId: string, countsParameter: string): D1PreparedStatement {
  return d1.prepare(COUNT_ATTEMPT).bind(transactionId, countsParameter);
}

const FIND_EXCEEDED = `SELECT c.value ->> 'subject' AS subject, c.value ->> 'windowEndMs' AS windowEndMs ${exceeded('?1')} ORDER BY 2 DESC LIMIT 1`;

export interface ExceededVelocity {
  subject: string;
  windowEndMs: number;
}

/** The statement that finds what is exceeded. */
export function findExceeded({ d1 }: Database, countsParameter: string): D1PreparedStatement {
  return d1.prepare(FIND_EXCEEDED).bind(countsParameter);
}

export const exceededOf = (result: D1Result) => rowOf<ExceededVelocity>(result);

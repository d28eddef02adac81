/** What is stored of persons: found, erased, and sealed under another key. In steps, each of a bounded number of payments. */

import { FAILURE_REASONS } from '../domain/failure.ts';
import type { Refund, Transaction } from '../domain/transaction.ts';
import { CannotOpen, PLAIN } from '../security/cipher.ts';
import { audit } from './audit.ts';
import { DISPUTE_COLUMNS, REFUND_COLUMNS, TRANSACTION_COLUMNS } from './columns.ts';
import type { D1Result } from './d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from './database.ts';
import type { RecordedDispute } from './disputes.ts';
import { emailOf } from './emails.ts';

/** A step looks at so many payments, whoever's they are: there is no index of persons, since only this would need it. */
const STEP = 'SELECT transaction_id FROM transactions WHERE transaction_id > ?1 ORDER BY transaction_id LIMIT ?2';
const END_OF_STEP = `SELECT max(transaction_id) AS lastId FROM (${STEP})`;

/** The first step begins behind this one. */
export const BEFORE_ALL = '';

export interface Step<Found> {
  found: Found;
  /** To go on behind; null: that was all. */
  lastId: string | null;
}

function lastIdOf(result: D1Result): string | null {
  return rowOf<{ lastId: string | null }>(result)?.lastId ?? null;
}

export interface PersonalRecord {
  /** `userEmail` is null where there is none, or `isUnopened`. */
  transaction: Omit<Transaction, 'sealedEmail'> & { userEmail: string | null };
  /** Whether there is an address that can't be opened. */
  isUnopened: boolean;
  refunds: Refund[];
  disputes: RecordedDispute[];
}

const OF_USER = `SELECT transaction_id FROM transactions WHERE transaction_id IN (${STEP}) AND tenant = ?3 AND user_id = ?4`;

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
    // Of those that are under way, too: why an event waits is nothing that has to be repeated.
    events: db.d1
      .prepare(`UPDATE events SET last_error = NULL WHERE last_error IS NOT NULL AND transaction_id IN (${OF_USER})`)
      .bind(...scope),
    payments: db.d1
      .prepare(
        `UPDATE transactions SET user_email = NULL, sealed_email = NULL, user_id = ?6,
           failure_reason = ${ourWords('failure_reason')}, gateway_intent = nullif(${code('gateway_intent')}, '')
         WHERE transaction_id IN (${ENDED})`,
      )
      .bind(...scope, OUR_REASONS, pseudonym),
    // Counted by what stands: a batch that is repeated changes nothing any more.
    erased: db.d1.prepare(`SELECT count(*) AS count FROM (${OF_USER})`).bind(afterId, limit, tenant, pseudonym),
    pending: db.d1.prepare(`SELECT count(*) AS count FROM (${OF_USER})`).bind(...scope),
    end: db.d1.prepare(END_OF_STEP).bind(afterId, limit),
  });
  return { found: { payments: countOf(erased), pending: countOf(pending) }, lastId: lastIdOf(end) };
}

function countOf(result: D1Result): number {
  return rowOf<{ count: number }>(result)?.count ?? 0;
}

/** Writes down that somebody's data was looked at or erased. The log does not say whose: that would be one more place to erase. */
export async function auditPersonalData(
  db: Database,
  tenant: string,
  entry: { atMs: number; action: 'person.exported' | 'person.erased'; subject: string; payments: number },
): Promise<void> {
  const { atMs, action, subject, payments } = entry;
  await runBatch(db, {
    audited: audit(db, tenant, { atMs, action, subject, outcome: 'done', detail: { payments } }),
  });
}

// Sealed under another key than `?3`, or not at all.
const OTHERWISE_SEALED = `(user_email IS NOT NULL OR (sealed_email IS NOT NULL AND sealed_email NOT LIKE ?3 || '.%'))`;

const FIND_OTHERWISE_SEALED = `
  SELECT transaction_id AS transactionId, coalesce(sealed_email, '${PLAIN}.' || user_email) AS sealedEmail
  FROM transactions WHERE transaction_id IN (${STEP}) AND ${OTHERWISE_SEALED}`;

// Only what is still as it was read: another one may have rewritten or erased it meanwhile.
const RESEAL = `
  UPDATE transactions SET sealed_email = value ->> 'resealed', user_email = NULL FROM json_each(?1)
  WHERE transaction_id = value ->> 'transactionId'
    AND coalesce(sealed_email, '${PLAIN}.' || user_email) = value ->> 'sealedEmail'`;

export interface Resealed {
  rewritten: number;
  /** Payments whose address can't be opened, and so stays as it is. */
  unopened: string[];
}

/** Rewrites the addresses among the next `limit` payments that are not sealed under the current key. */
export async function resealEmails(db: Database, afterId: string, limit: number): Promise<Step<Resealed>> {
  const keyName = await db.cipher.keyName();
  const { found, end } = await runBatch(db, {
    found: db.d1.prepare(FIND_OTHERWISE_SEALED).bind(afterId, limit, keyName),
    end: db.d1.prepare(END_OF_STEP).bind(afterId, limit),
  });
  const resealed: Row[] = [];
  const unopened: string[] = [];
  for (const row of rowsOf<Row>(found)) {
    const email = await openedOrNull(db.cipher.open(row.sealedEmail, row.transactionId));
    if (email === null) unopened.push(row.transactionId);
    else resealed.push({ ...row, resealed: await db.cipher.seal(email, row.transactionId) });
  }
  if (resealed.length > 0) {
    await runBatch(db, { resealed: db.d1.prepare(RESEAL).bind(JSON.stringify(resealed)) });
  }
  return { found: { rewritten: resealed.length, unopened }, lastId: lastIdOf(end) };
}

interface Row {
  transactionId: string;
  sealedEmail: string;
  resealed?: string;
}

/** Null for what can't be opened: one address that was altered must not keep the others from what is done to them. */
async function openedOrNull<T>(opening: Promise<T>): Promise<T | null> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof CannotOpen)) throw error;
    return null;
  }
}

/** Writes down that all addresses are sealed under the current key. */
export async function auditRotation(db: Database, rewritten: number, nowMs: number): Promise<void> {
  const subject = await db.cipher.keyName();
  await runBatch(db, {
    audited: audit(db, '*', {
      atMs: nowMs,
      action: 'encryption.rotated',
      subject,
      outcome: 'done',
      detail: { rewritten },
    }),
  });
}

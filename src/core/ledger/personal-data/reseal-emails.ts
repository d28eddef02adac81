/** Encrypts email addresses under the current key. */

import { PLAIN } from '../../security/cipher.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';
import { END_OF_STEP, lastIdOf, openedOrNull, STEP, type Step } from './steps.ts';

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

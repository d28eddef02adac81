/** Operations on personal data go through all payments in steps, each of a bounded number. */

import { CannotOpen } from '../../security/cipher.ts';
import type { D1Result } from '../d1.ts';
import { rowOf } from '../database.ts';

/** A step reads so many payments, of all users: no other operation would need an index by user. */
export const STEP =
  'SELECT transaction_id FROM transactions WHERE transaction_id > ?1 ORDER BY transaction_id LIMIT ?2';
export const END_OF_STEP = `SELECT max(transaction_id) AS lastId FROM (${STEP})`;

/** The first step begins behind this one. */
export const BEFORE_ALL = '';

export interface Step<Found> {
  found: Found;
  /** To go on behind; null: that was all. */
  lastId: string | null;
}

export function lastIdOf(result: D1Result): string | null {
  return rowOf<{ lastId: string | null }>(result)?.lastId ?? null;
}

export const OF_USER = `SELECT transaction_id FROM transactions WHERE transaction_id IN (${STEP}) AND tenant = ?3 AND user_id = ?4`;

/** Null for what can't be opened: one address that was altered must not keep the others from what is done to them. */
export async function openedOrNull<T>(opening: Promise<T>): Promise<T | null> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof CannotOpen)) throw error;
    return null;
  }
}

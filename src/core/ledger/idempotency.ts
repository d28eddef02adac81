/**
 * Idempotency keys in D1 (invariant 8). A key is claimed in the batch that writes the payment or the refund it stands for,
 * and is given back in the same batch where none came of it: so whoever holds a key has a row.
 */
import type { D1Database } from './d1.ts';
import { type Database, runBatch } from './database.ts';

/** How long a key stands for its request. */
export const KEY_LIFETIME_MS = 24 * 60 * 60_000;

export interface KeyClaim {
  tenant: string;
  /** The same key on another path is another key. */
  path: '/payment/process' | '/payment/refund';
  key: string;
  /** Keyed, and without the card's security code: tells whether a request is the same one. */
  fingerprint: string;
}

const SCOPE = 'tenant = ?1 AND path = ?2 AND idempotency_key = ?3';

/** The statements that belong right before the one that inserts the row; that one asks for `changes() = 1`. */
export function claimKey(
  d1: D1Database,
  { tenant, path, key, fingerprint }: KeyClaim,
  claimedId: string,
  nowMs: number,
) {
  return {
    expiredKey: d1
      .prepare(`DELETE FROM idempotency_keys WHERE ${SCOPE} AND created_at_ms <= ?4`)
      .bind(tenant, path, key, nowMs - KEY_LIFETIME_MS),
    claimedKey: d1
      .prepare(
        `INSERT INTO idempotency_keys (tenant, path, idempotency_key, fingerprint, claimed_id, created_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING`,
      )
      .bind(tenant, path, key, fingerprint, claimedId, nowMs),
  };
}

/** The statement that gives a key back where no row came of it. It belongs behind the one that inserts the row. */
export function releaseUnusedKey(d1: D1Database, { tenant, path, key }: KeyClaim, claimedId: string) {
  return d1
    .prepare(
      `DELETE FROM idempotency_keys WHERE ${SCOPE} AND claimed_id = ?4
         AND NOT EXISTS (SELECT 1 FROM transactions WHERE transaction_id = ?4)
         AND NOT EXISTS (SELECT 1 FROM refunds WHERE refund_id = ?4)`,
    )
    .bind(tenant, path, key, claimedId);
}

/** The statement that finds what a key stands for: its fingerprint, and the row's id. */
export function findKey(d1: D1Database, { tenant, path, key }: KeyClaim) {
  return d1
    .prepare(
      `SELECT fingerprint, claimed_id AS claimedId, created_at_ms AS createdAtMs FROM idempotency_keys WHERE ${SCOPE}`,
    )
    .bind(tenant, path, key);
}

export interface FoundKey {
  fingerprint: string;
  claimedId: string;
  createdAtMs: number;
}

/** Whether its time is over, though nobody has thrown it away yet. */
export function isExpired({ createdAtMs }: FoundKey, nowMs: number): boolean {
  return createdAtMs <= nowMs - KEY_LIFETIME_MS;
}

/** The id for which a key stands, in statements behind `findKey`'s. */
export const CLAIMED_ID = `(SELECT claimed_id FROM idempotency_keys WHERE ${SCOPE})`;

/** Forgets up to `limit` keys whose time is over; answers with how many there were. */
export async function purgeExpiredKeys(db: Database, nowMs: number, limit: number): Promise<number> {
  const { purged } = await runBatch(db, {
    purged: db.d1
      .prepare(
        `DELETE FROM idempotency_keys WHERE (tenant, path, idempotency_key) IN (
           SELECT tenant, path, idempotency_key FROM idempotency_keys WHERE created_at_ms <= ?1 LIMIT ?2)`,
      )
      .bind(nowMs - KEY_LIFETIME_MS, limit),
  });
  return purged.meta.changes;
}

/**
 * Idempotency keys in D1 (invariant 8). A key is claimed in the batch that writes its payment or refund. The row is
 * written only while no other attempt holds the key, and the key only where the row is there: so the holder of a key has a row.
 */

import type { D1Database, D1PreparedStatement } from '../d1.ts';

/** How long a key answers for its request. */
export const KEY_LIFETIME_MS = 24 * 60 * 60_000;

export interface KeyClaim {
  tenant: string;
  /** The same key on another path is another key. */
  path: '/payment/process' | '/payment/refund';
  key: string;
  /** A keyed hash of the request, without the card's security code: equal for the same request. */
  fingerprint: string;
}

const SCOPE = 'tenant = ?1 AND path = ?2 AND idempotency_key = ?3';

/**
 * Part of the statement that inserts a row under a key: no other attempt holds it. True without a key, where `key` is null.
 *
 * @param names of the parameters; `id` is the row's own, and keys that were claimed until `expiredMs` are free
 */
export function keyIsFree({
  tenant,
  path,
  key,
  id,
  expiredMs,
}: Record<'tenant' | 'path' | 'key' | 'id' | 'expiredMs', string>) {
  return `NOT EXISTS (
    SELECT 1 FROM idempotency_keys WHERE tenant = ${tenant} AND path = ${path} AND idempotency_key = ${key}
      AND claimed_id <> ${id} AND created_at_ms > ${expiredMs})`;
}

/** The values of `path`, `key` and `expiredMs` for `keyIsFree`, in this order. */
export function keyParameters(key: KeyClaim | null, nowMs: number): (string | number | null)[] {
  return [key?.path ?? null, key?.key ?? null, nowMs - KEY_LIFETIME_MS];
}

// The next request with an expired key gets it.
const CLAIM_KEY = `
  INSERT INTO idempotency_keys (tenant, path, idempotency_key, fingerprint, claimed_id, created_at_ms)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6
  WHERE EXISTS (SELECT 1 FROM transactions WHERE transaction_id = ?5 UNION ALL SELECT 1 FROM refunds WHERE refund_id = ?5)
  ON CONFLICT DO UPDATE SET fingerprint = excluded.fingerprint, claimed_id = excluded.claimed_id,
    created_at_ms = excluded.created_at_ms
  WHERE created_at_ms <= ?7`;

/** The statement that claims a key for the row with this id, where it is there. It belongs behind the one that inserts the row. */
export function claimKey(
  d1: D1Database,
  { tenant, path, key, fingerprint }: KeyClaim,
  claimedId: string,
  nowMs: number,
): D1PreparedStatement {
  return d1.prepare(CLAIM_KEY).bind(tenant, path, key, fingerprint, claimedId, nowMs, nowMs - KEY_LIFETIME_MS);
}

/** The statement that finds a key: its fingerprint, and the id of the row that it claimed. */
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

/** Whether its time is over, though it has not been purged yet. */
export function isExpired({ createdAtMs }: FoundKey, nowMs: number): boolean {
  return createdAtMs <= nowMs - KEY_LIFETIME_MS;
}

/** The id that a key has claimed, in statements behind `findKey`'s. */
export const CLAIMED_ID = `(SELECT claimed_id FROM idempotency_keys WHERE ${SCOPE})`;

/** Deletes what has served its time. */

import type { D1Database, D1PreparedStatement } from './d1.ts';
import { type Database, runBatch } from './database.ts';
import { KEY_LIFETIME_MS } from './idempotency-keys/claim-key.ts';

/** Longer than providers repeat a webhook, and than an operator resends one by hand. */
const WEBHOOK_LIFETIME_MS = 30 * 24 * 60 * 60_000;
/** Longer than PayPal lets an order be captured. */
const ORDER_LIFETIME_MS = 180 * 24 * 60 * 60_000;
/** Longer than any window that is counted. */
const VELOCITY_LIFETIME_MS = 2 * 60 * 60_000;
/** What ended in a minute. The sums since counting began stay. */
export const METRICS_KEPT_MS = 30 * 24 * 60 * 60_000;

/** What was found and reported, for who looks back. */
const REPORT_LIFETIME_MS = 90 * 24 * 60 * 60_000;

/** By table: its key, and since when and for how long a row is needed. */
const EXPIRING = {
  idempotency_keys: { key: 'tenant, path, idempotency_key', since: 'created_at_ms', lifetimeMs: KEY_LIFETIME_MS },
  provider_events: { key: 'tenant, provider, event_id', since: 'received_at_ms', lifetimeMs: WEBHOOK_LIFETIME_MS },
  claimed_orders: { key: 'gateway, gateway_intent', since: 'claimed_at_ms', lifetimeMs: ORDER_LIFETIME_MS },
  velocity_counters: {
    key: 'window_start_ms, tenant, subject',
    since: 'window_start_ms',
    lifetimeMs: VELOCITY_LIFETIME_MS,
  },
  // Open ones have no such time, and stay.
  alert_episodes: { key: 'alert, started_at_ms', since: 'ended_at_ms', lifetimeMs: REPORT_LIFETIME_MS },
  // Before the reconciliations, to which they belong.
  reconciliation_differences: { key: 'from_ms, kind, subject', since: 'from_ms', lifetimeMs: REPORT_LIFETIME_MS },
  reconciliations: { key: 'from_ms', since: 'from_ms', lifetimeMs: REPORT_LIFETIME_MS },
  metric_minutes: { key: 'minute_ms', since: 'minute_ms', lifetimeMs: METRICS_KEPT_MS },
} as const;

export type ExpiringTable = keyof typeof EXPIRING;
export const EXPIRING_TABLES = Object.keys(EXPIRING) as ExpiringTable[];

/** Deletes up to `limit` expired rows of a table, and returns their number. */
export async function purgeExpired(db: Database, table: ExpiringTable, nowMs: number, limit: number): Promise<number> {
  const { key, since, lifetimeMs } = EXPIRING[table];
  const { purged } = await runBatch(db, {
    purged: db.d1
      .prepare(`DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${since} <= ?1 LIMIT ?2)`)
      .bind(nowMs - lifetimeMs, limit),
  });
  return purged.meta.changes;
}

const expired = Object.entries(EXPIRING).map(
  ([table, { since, lifetimeMs }]) => `EXISTS (SELECT 1 FROM ${table} WHERE ${since} <= ?1 - ${lifetimeMs})`,
);

/** The statement that tells, as `due`, in how many tables something has expired. */
export function countExpired(d1: D1Database, nowMs: number): D1PreparedStatement {
  return d1.prepare(`SELECT ${expired.join(' + ')} AS due`).bind(nowMs);
}

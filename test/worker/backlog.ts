/** Backlogs of rows that are due, as they are after an outage: written past the service, many at once. */
import { env } from 'cloudflare:workers';

const HOUR_MS = 60 * 60_000;

const NUMBERS = 'WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)';

/** An identifier as the service makes them: `prefix`, 18 characters of the test's own, and the number. */
const id = (prefix: string, series: string) => `'${prefix}01ARZ3NDEKTSV4RRFF${series}' || printf('%07d', n)`;

export interface BacklogOptions {
  count: number;
  /** One character, so that two backlogs of a test have different rows. */
  series: string;
  gateway: string;
  /** Of the first; each is a millisecond later than the one before. */
  dueAtMs: number;
  createdAtMs?: number;
}

/** Empties the tables of a backlog, and those that reference them and that other tests have filled. Referencing rows go first. */
export async function clearLedger(): Promise<void> {
  const referencing = ['dispute_reports', 'disputes', 'unbooked_refunds', 'events', 'refunds'];
  const tables = [...referencing, 'transactions', 'archived_bookings', 'job_slots'];
  // Sequences start again here, which they never do where nothing is deleted by hand.
  const fromTheStart = env.DB.prepare("UPDATE job_positions SET position = 0 WHERE job <> 'reconcile'");
  await env.DB.batch([...tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)), fromTheStart]);
}

/** Pending payments whose look-up is due. */
export async function duePayments({
  count,
  series,
  gateway,
  dueAtMs,
  createdAtMs = dueAtMs,
}: BacklogOptions): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, payment_method,
       gateway, created_at_ms, next_lookup_at_ms)
     ${NUMBERS} SELECT ${id('TXN-', series)}, 'default', 'DUE-${series}-' || n, 'u', 'pending', 'USD', 2550, 'paypal', ?2, ?4, ?3 + n
     FROM numbers`,
  )
    .bind(count, gateway, dueAtMs, createdAtMs)
    .run();
}

/** Refunds of paid payments whose look-up is due: pending ones, or completed ones whose follow-up is. */
export async function dueRefunds(
  status: 'pending' | 'completed',
  { count, series, gateway, dueAtMs, createdAtMs = dueAtMs }: BacklogOptions,
): Promise<void> {
  const reserved = status === 'pending' ? 100 : 0;
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, status, currency, amount_minor, reserved_minor,
         refunded_minor, payment_method, gateway, gateway_reference, created_at_ms, processed_at_ms)
       ${NUMBERS} SELECT ${id('TXN-', series)}, 'default', 'PAID-${series}-' || n, 'u', 'completed', 'USD', 2550, ${reserved},
         ${100 - reserved}, 'paypal', ?2, 'charge', ?3, ?3 FROM numbers`,
    ).bind(count, gateway, createdAtMs),
    env.DB.prepare(
      `INSERT INTO refunds (refund_id, tenant, transaction_id, status, amount_minor, reason, gateway_reference, created_at_ms,
         processed_at_ms, next_lookup_at_ms)
       ${NUMBERS} SELECT ${id('REF-', series)}, 'default', ${id('TXN-', series)}, '${status}', 100, 'r', 'refund', ?3,
         ${status === 'pending' ? 'NULL' : '?3'}, ?2 + n FROM numbers`,
    ).bind(count, dueAtMs, createdAtMs),
  ]);
}

export interface WaitingOptions {
  count: number;
  series: string;
  /** So that the address cannot be opened: the key is lost. */
  unopened?: boolean;
  attempts?: number;
  nextAttemptAtMs?: number;
  replayedAtMs?: number | null;
}

/** Events that wait, each of a booking of its own. */
export async function waitingEvents({
  count,
  series,
  unopened = false,
  attempts = 0,
  nextAttemptAtMs = 0,
  replayedAtMs = null,
}: WaitingOptions): Promise<void> {
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO transactions (transaction_id, tenant, booking_id, user_id, sealed_email, status, currency, amount_minor,
         payment_method, gateway, created_at_ms, processed_at_ms)
       ${NUMBERS} SELECT ${id('TXN-', series)}, 'default', 'WAITING-${series}-' || n, 'u', ?2, 'completed', 'USD', 2550, 'paypal',
         'sandbox', n, n FROM numbers`,
    ).bind(count, unopened ? `deadbeef.${'A'.repeat(40)}` : null),
    env.DB.prepare(
      `INSERT INTO events (event_id, tenant, booking_id, event_type, transaction_id, created_at_ms, attempts,
         next_attempt_at_ms, replayed_at_ms)
       ${NUMBERS} SELECT ${id('evt_', series)}, 'default', 'WAITING-${series}-' || n, 'payment.success', ${id('TXN-', series)},
         ?5 + n, ?2, ?3, ?4 FROM numbers`,
      // An hour ago: old events leave the database.
    ).bind(count, attempts, nextAttemptAtMs, replayedAtMs, Date.now() - HOUR_MS),
  ]);
}

export async function countRows(table: string, condition = 'true'): Promise<number> {
  return Number(await env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${condition}`).first('n'));
}

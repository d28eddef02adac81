/** Whether the database has all migrations, asked before money moves. */

import type { D1Database, D1PreparedStatement } from './d1.ts';

/** What the later migrations have added, each by a name that only a database with that migration knows. Reads no rows. */
const COMPLETE = `
  SELECT t.undetermined_at_ms, r.undetermined_at_ms, r.created_by, r.written_by, d.written_by, e.replayed_at_ms, j.lease_id,
    g.account, u.found_by, c.pem, q.url, t.ended_by, t.counted, d.told_by, v.counts, t.step, p.event_id,
    t.ended_entry, r.written_entry, d.told_entry, b.packed, o.position, h.object, w.shards, x.gateway_intent, k.booking_id, r.reversed_at_ms, t.challenged_at_ms,
    y.subject, m.resolved_by, t.gateway_ms, r.gateway_ms
  FROM transactions t, refunds r, disputes d, events e, job_slots j, gateway_accounts g, unbooked_refunds u,
    provider_certificates c, certificate_requests q, counted_payments v, dispute_reports p, audit_blocks b, job_positions o, archived_ranges h,
    database_place w, claimed_orders x, archived_bookings k,
    provider_events y, manual_resolutions m
  LIMIT 0`;

/**
 * The statement that belongs in a batch which claims a payment or reserves a refund: on a database that lacks a migration the
 * batch fails as a whole, with LedgerNotMigrated. Else the claim would succeed, and the outcome of money that moved could not be
 * recorded. A new migration adds its names here.
 */
export function requireSchema(d1: D1Database): D1PreparedStatement {
  return d1.prepare(COMPLETE);
}

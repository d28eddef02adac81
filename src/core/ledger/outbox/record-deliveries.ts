/** Records which events RabbitMQ has confirmed, and puts off the others (invariant 4). */

import { type Database, rowsOf, runBatch } from '../database.ts';
import { type Lease, type LeasedEvent, leaseFirstOfBookings } from './lease-events.ts';

// The confirmation of the broker counts, whoever received it: no lease is needed. But a confirmation of an event before its replay can be reported
// again, so a replayed event needs the lease under which it was sent.
const MARK_DELIVERED = `
  UPDATE events SET delivered_at_ms = ?1, lease_id = NULL, leased_until_ms = NULL, attempts = attempts + 1,
    last_error = NULL
  FROM json_each(?2) AS result
  WHERE event_id = result.value ->> 'eventId' AND delivered_at_ms IS NULL
    AND (replayed_at_ms IS NULL OR lease_id = result.value ->> 'leaseId')`;

// Only by the holder of the lease: another one may be sending the event by now.
const MARK_UNDELIVERED = `
  UPDATE events SET lease_id = NULL, leased_until_ms = NULL, attempts = attempts + 1,
    last_error = result.value ->> 'reason', next_attempt_at_ms = result.value ->> 'nextAttemptAtMs'
  FROM json_each(?1) AS result
  WHERE event_id = result.value ->> 'eventId' AND lease_id = result.value ->> 'leaseId' AND delivered_at_ms IS NULL`;

// What waits behind an event that is put off is put off with it: it could not be sent, and the sweep would look at it each time.
const PUT_OFF_BEHIND_UNDELIVERED = `
  UPDATE events SET next_attempt_at_ms = earlier.next_attempt_at_ms
  FROM (SELECT tenant, booking_id, sequence, next_attempt_at_ms FROM events
    WHERE event_id IN (SELECT value ->> 'eventId' FROM json_each(?1)) AND delivered_at_ms IS NULL) AS earlier
  WHERE events.tenant = earlier.tenant AND events.booking_id = earlier.booking_id
    AND events.sequence > earlier.sequence AND events.delivered_at_ms IS NULL
    AND events.next_attempt_at_ms < earlier.next_attempt_at_ms`;

/** Each event with the lease under which it was sent. */
export interface Deliveries {
  delivered: { eventId: string; leaseId: string }[];
  undelivered: { eventId: string; leaseId: string; reason: string; nextAttemptAtMs: number }[];
}

/**
 * Writes what became of leased events. Where the caller gives a lease, it gets the events for which the delivered ones
 * made way, the next one of each booking, and is to send them at once.
 */
export async function recordDeliveries(
  db: Database,
  deliveries: Deliveries,
  nowMs: number,
  next: Lease | null,
): Promise<LeasedEvent[]> {
  const { delivered, undelivered } = deliveries;
  const putOff = undelivered.length > 0;
  const undeliveredList = JSON.stringify(undelivered);
  const { leased } = await runBatch(db, {
    delivered: db.d1.prepare(MARK_DELIVERED).bind(nowMs, JSON.stringify(delivered)),
    undelivered: putOff ? db.d1.prepare(MARK_UNDELIVERED).bind(undeliveredList) : null,
    putOff: putOff ? db.d1.prepare(PUT_OFF_BEHIND_UNDELIVERED).bind(undeliveredList) : null,
    leased:
      next &&
      leaseFirstOfBookings(
        db.d1,
        next,
        delivered.map(({ eventId }) => eventId),
      ),
  });
  return next === null ? [] : rowsOf<LeasedEvent>(leased);
}

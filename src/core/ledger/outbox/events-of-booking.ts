/** The events of a booking, and whether RabbitMQ has confirmed them. */

import { type Database, rowsOf, runBatch } from '../database.ts';

export interface EventOfBooking {
  eventId: string;
  /** Null while it waits. */
  deliveredAtMs: number | null;
  attempts: number;
  lastError: string | null;
}

// Reads the whole table: no index covers delivered events by booking. Only the checkout demo asks, and its database is small.
const EVENTS_OF_BOOKING = `
  SELECT event_id AS eventId, delivered_at_ms AS deliveredAtMs, attempts, last_error AS lastError
  FROM events WHERE tenant = ?1 AND booking_id = ?2 ORDER BY sequence`;

/** In the order in which they were written, which is the order of their delivery. */
export async function eventsOfBooking(db: Database, tenant: string, bookingId: string): Promise<EventOfBooking[]> {
  const { found } = await runBatch(db, { found: db.d1.prepare(EVENTS_OF_BOOKING).bind(tenant, bookingId) });
  return rowsOf<EventOfBooking>(found);
}

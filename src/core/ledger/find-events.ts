/** Events of the outbox: rendered, and counted. */

import type { EventType, PaymentEvent } from '../../contract/events.ts';
import { paymentEvent, refundEvent } from '../domain/event.ts';
import type { Transaction } from '../domain/transaction.ts';
import { CannotOpen } from '../security/cipher.ts';
import { TRANSACTION_COLUMNS } from './columns.ts';
import type { D1Database, D1PreparedStatement } from './d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from './database.ts';
import { emailOf } from './emails.ts';
import { LIVE, REPLAYED } from './lease-events.ts';

const COUNT_DUE = `
  SELECT count(*) AS due FROM (
    SELECT * FROM (SELECT 1 FROM events e
      WHERE ${LIVE} AND e.delivered_at_ms IS NULL AND e.next_attempt_at_ms <= ?1 LIMIT ?2)
    UNION ALL SELECT * FROM (SELECT 1 FROM events e
      WHERE ${REPLAYED} AND e.delivered_at_ms IS NULL AND e.next_attempt_at_ms <= ?1 LIMIT ?2))`;

/** The statement that counts events that are due, as `due`, up to `limit` of live and as many of replayed ones. */
export function countDueEvents(d1: D1Database, nowMs: number, limit: number): D1PreparedStatement {
  return d1.prepare(COUNT_DUE).bind(nowMs, limit);
}

const FIND_EVENTS = `
  SELECT e.event_id AS eventId, e.created_at_ms AS toldAtMs, r.refund_id AS refundId,
    r.amount_minor AS refundAmountMinor, r.reason AS refundReason, ${TRANSACTION_COLUMNS}
  FROM events e JOIN transactions t USING (transaction_id) LEFT JOIN refunds r USING (refund_id)
  WHERE e.event_id IN (SELECT value FROM json_each(?1)) ORDER BY e.sequence`;

type EventRow = Transaction & { eventId: string; toldAtMs: number } & (
    | { refundId: null }
    | { refundId: string; refundAmountMinor: number; refundReason: string }
  );

/**
 * The events with these ids, rendered from the rows that they tell of, oldest first. `unopened` says of which the address can't
 * be opened, and why: they have to wait for the key.
 */
export async function findEvents(
  db: Database,
  eventIds: string[],
): Promise<{ events: PaymentEvent[]; unopened: Map<string, string> }> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND_EVENTS).bind(JSON.stringify(eventIds)) });
  const events: PaymentEvent[] = [];
  const unopened = new Map<string, string>();
  for (const row of rowsOf<EventRow>(found)) {
    try {
      events.push(rendered(row, await emailOf(db, row)));
    } catch (error) {
      if (!(error instanceof CannotOpen)) throw error;
      unopened.set(row.eventId, `the address of the payment cannot be opened: ${error.message}`);
    }
  }
  return { events, unopened };
}

function rendered(row: EventRow, userEmail: string | null): PaymentEvent {
  const envelope = { eventId: row.eventId, createdAtMs: row.toldAtMs, userEmail };
  if (row.refundId === null) return paymentEvent(envelope, row);
  const { refundId, refundAmountMinor: amountMinor, refundReason: reason } = row;
  return refundEvent(envelope, row, { refundId, amountMinor, reason });
}

export interface WaitingEvent {
  eventId: string;
  eventType: EventType;
  createdAtMs: number;
  attempts: number;
  lastError: string | null;
}

export interface EventsStatus {
  waiting: number;
  /** Of these, how many somebody is sending now. */
  leased: number;
  /** Of these, how many were delivered before, and are sent again behind the others. */
  replayed: number;
  /** Of these, how many are due now; the others are put off. */
  due: number;
  oldest: WaitingEvent | null;
  /** The one that has been sent in vain most often. */
  mostFailed: WaitingEvent | null;
}

const COUNT_WAITING = `
  SELECT count(*) AS waiting, count(CASE WHEN leased_until_ms > ?1 THEN 1 END) AS leased, count(replayed_at_ms) AS replayed,
    count(CASE WHEN next_attempt_at_ms <= ?1 THEN 1 END) AS due
  FROM events WHERE delivered_at_ms IS NULL`;
const waitingEvent = (which: string) => `
  SELECT event_id AS eventId, event_type AS eventType, created_at_ms AS createdAtMs, attempts, last_error AS lastError
  FROM events WHERE delivered_at_ms IS NULL ${which} LIMIT 1`;
// The sign keeps SQLite from walking through the whole table in its order.
const OLDEST_WAITING = waitingEvent('ORDER BY +sequence');
const MOST_FAILED = waitingEvent('AND attempts > 0 ORDER BY attempts DESC, sequence');

/** What waits to be delivered. */
export async function eventsStatus(db: Database, nowMs: number): Promise<EventsStatus> {
  const results = await runBatch(db, {
    counted: db.d1.prepare(COUNT_WAITING).bind(nowMs),
    oldest: db.d1.prepare(OLDEST_WAITING),
    mostFailed: db.d1.prepare(MOST_FAILED),
  });
  const counted = rowOf<Pick<EventsStatus, 'waiting' | 'leased' | 'replayed' | 'due'>>(results.counted);
  return {
    ...(counted ?? { waiting: 0, leased: 0, replayed: 0, due: 0 }),
    oldest: rowOf<WaitingEvent>(results.oldest),
    mostFailed: rowOf<WaitingEvent>(results.mostFailed),
  };
}

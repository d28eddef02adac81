/** How many events wait to be delivered, and which have waited longest or failed most often. */

import type { EventType } from '../../../contract/events.ts';
import { type Database, rowOf, runBatch } from '../database.ts';

export interface WaitingEvent {
  eventId: string;
  eventType: EventType;
  createdAtMs: number;
  attempts: number;
  lastError: string | null;
}

export interface EventsStatus {
  waiting: number;
  /** Of these, how many are being sent now. */
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

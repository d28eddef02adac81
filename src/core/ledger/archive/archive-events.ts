/** Delivered events that may leave the database. The newest one stays, whose number the next one follows. */

import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { ArchivedRange } from './archive-bucket.ts';
import { isArchived, newArchivedRange } from './archived-ranges.ts';

/** A row of `events`, under the names of its columns. */
export type EventRow = Readonly<Record<string, string | number | null>> & {
  sequence: number;
  created_at_ms: number;
  delivered_at_ms: number | null;
};

const OLDEST = `
  SELECT * FROM events WHERE sequence > ?1 AND sequence < (SELECT max(sequence) FROM events)
  ORDER BY sequence LIMIT ?2`;

/** The oldest events behind this one, delivered or not. */
export async function oldestEvents(db: Database, after: number, limit: number): Promise<EventRow[]> {
  const { oldest } = await runBatch(db, { oldest: db.d1.prepare(OLDEST).bind(after, limit) });
  return rowsOf<EventRow>(oldest);
}

// One that an operator has had sent again meanwhile stays until it is delivered.
const DELETE = `
  DELETE FROM events WHERE sequence IN (SELECT value FROM json_each(?1)) AND delivered_at_ms IS NOT NULL`;
const HAVE_LEFT = `UPDATE job_positions SET position = ?1 WHERE job = 'events_left' AND position < ?1`;

const HAS_ARCHIVED = 'SELECT 1 FROM archived_ranges LIMIT 1';

/**
 * Deletes these events: they are in no archive, and gone. Where something has been archived before, nothing is deleted: the archive's binding
 * is missing, and not the archive. Returns whether that is so.
 */
export async function deleteEvents(db: Database, events: readonly EventRow[]): Promise<{ archiveIsMissing: boolean }> {
  const { archived } = await runBatch(db, {
    deleted: db.d1.prepare(`${DELETE} AND NOT EXISTS (${HAS_ARCHIVED})`).bind(sequencesOf(events)),
    left: db.d1.prepare(`${HAVE_LEFT} AND NOT EXISTS (${HAS_ARCHIVED})`).bind(newestMs(events)),
    archived: db.d1.prepare(HAS_ARCHIVED),
  });
  return { archiveIsMissing: rowOf(archived) !== null };
}

/** Writes down that the object has these events, and deletes them. */
export async function recordArchivedEvents(
  db: Database,
  range: ArchivedRange,
  events: readonly EventRow[],
): Promise<void> {
  const { object, firstSequence } = range;
  await runBatch(db, {
    // A batch that is carried out late finds that they have left since, by another object.
    range: newArchivedRange(db.d1, range, {
      also: (first) =>
        `?4 = (SELECT count(*) FROM events WHERE sequence IN (SELECT value FROM json_each(?${first})) AND delivered_at_ms IS NOT NULL)`,
      parameters: [sequencesOf(events)],
    }),
    deleted: db.d1
      .prepare(`${DELETE.replace('?1', '?3')} AND ${isArchived('events')}`)
      .bind(object, firstSequence, sequencesOf(events)),
    left: db.d1
      .prepare(`${HAVE_LEFT.replaceAll('?1', '?3')} AND ${isArchived('events')}`)
      .bind(object, firstSequence, newestMs(events)),
  });
}

function sequencesOf(events: readonly EventRow[]): string {
  return JSON.stringify(events.map(({ sequence }) => sequence));
}

function newestMs(events: readonly EventRow[]): number {
  return Math.max(...events.map(({ created_at_ms }) => created_at_ms));
}

/** The statement that tells, as `due`, whether the oldest event is from before this time. */
export function countOldEvents(d1: D1Database, beforeMs: number): D1PreparedStatement {
  return d1
    .prepare(
      'SELECT count(*) AS due FROM (SELECT created_at_ms FROM events WHERE sequence < (SELECT max(sequence) FROM events) ORDER BY sequence LIMIT 1) WHERE created_at_ms <= ?1',
    )
    .bind(beforeMs);
}

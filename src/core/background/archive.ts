/**
 * Takes out of the database what only grows: delivered events, packed blocks of the audit log, and old transactions. Into the archive where
 * there is one, and nothing is deleted before the object has been read back and compared. Without one, events are deleted, and the others stay.
 */

import type { Context } from '../context.ts';
import { within } from '../deadline.ts';
import { JOB_MAX_DURATION_MS } from '../invocation-limits.ts';
import { blocksToArchive, recordArchivedBlocks } from '../ledger/archive/archive-blocks.ts';
import { type ArchiveBucket, type ArchivedRange, objectName } from '../ledger/archive/archive-bucket.ts';
import { deleteEvents, type EventRow, oldestEvents, recordArchivedEvents } from '../ledger/archive/archive-events.ts';
import {
  type LeavingBefore,
  leavingTransactions,
  recordArchivedTransactions,
} from '../ledger/archive/archive-transactions.ts';
import { archiveWaitsUntilMs } from '../ledger/archive/archive-waits.ts';
import { withoutPersonalData } from '../ledger/archive/without-personal-data.ts';
import { type Database, statementsLeft } from '../ledger/database.ts';
import { isFilling } from '../ledger/fill-level.ts';
import { errorFields } from '../log.ts';

const DAY_MS = 24 * 60 * 60_000;
/** What is younger stays, however full the database is. */
const LEAVES_AFTER_MS = 60 * 60_000;

/** Of some 50 KB each. */
const BLOCKS_OF_OBJECT = 20;
/** Some megabyte of JSON. */
const EVENTS_AT_ONCE = 4_000;
/** With their refunds and indexes, D1 deletes so many within some ten milliseconds. */
const TRANSACTIONS_AT_ONCE = 500;
const BUCKET_DEADLINE_MS = 10_000;
/** Of a step with its reads; once more the same for connections that break, and what is left to the caller. */
const STATEMENTS_NEEDED = 3 * 9 + 10;

/** What was written before this may leave: sooner, where the database fills up. */
export function leavesBeforeMs({ db, settings, nowMs }: Pick<Context, 'db' | 'settings' | 'nowMs'>): number {
  return nowMs() - (isFilling(db) ? LEAVES_AFTER_MS : settings.retentionDays * DAY_MS);
}

/** Transactions that ended before this may leave: not before their events have. */
export function transactionsLeaveBefore({ settings, nowMs }: Pick<Context, 'settings' | 'nowMs'>): LeavingBefore {
  const keptDays = Math.max(settings.transactionsKeptDays, settings.retentionDays);
  return { endedBeforeMs: nowMs() - keptDays * DAY_MS, nowMs: nowMs() };
}

/** Works until nothing is left that is old enough, or it has been enough for one invocation. Answers with whether it was the last. */
export async function archive(context: Context): Promise<boolean> {
  const { db, nowMs, archive: bucket } = context;
  const startedAtMs = nowMs();
  const isOver = () => nowMs() - startedAtMs >= JOB_MAX_DURATION_MS || statementsLeft(db) < STATEMENTS_NEEDED;
  try {
    while (bucket !== null && (await archiveBlocks(context, bucket))) if (isOver()) return true;
    // What was restored of them would leave again.
    if ((await archiveWaitsUntilMs(db)) > nowMs()) return false;
    for (let after: number | null = 0; after !== null; ) {
      if (isOver()) return true;
      after = await takeOutEvents(context, after);
    }
    for (let afterId: string | null = ''; bucket !== null && afterId !== null; ) {
      if (isOver()) return true;
      afterId = await archiveTransactions(context, bucket, afterId);
    }
    return false;
  } catch (error) {
    if (!(error instanceof NotArchived)) throw error;
    // An alarm. Nothing has been deleted; the next run begins with the same.
    db.log('error', 'archive.failed', errorFields(error));
    return false;
  }
}

/** Returns whether there was anything to archive. */
async function archiveBlocks(context: Context, bucket: ArchiveBucket): Promise<boolean> {
  const { db } = context;
  const blocks = await blocksToArchive(db, leavesBeforeMs(context), BLOCKS_OF_OBJECT);
  const [first, last] = [blocks[0], blocks.at(-1)];
  if (first === undefined || last === undefined) return false;
  // Members of gzip behind each other are gzip.
  const bytes = concatenated(blocks.map(({ packed }) => packed));
  const range = await storedRange(context, bucket, bytes, {
    kind: 'audit',
    firstSequence: first.first_sequence,
    lastSequence: last.last_sequence,
    entries: blocks.reduce((sum, { entries }) => sum + entries, 0),
    lastHash: last.hash,
  });
  await recordArchivedBlocks(db, range);
  return true;
}

/** Takes the oldest events behind this one. Returns the last that was looked at; null where the next ones are too young. */
async function takeOutEvents(context: Context, after: number): Promise<number | null> {
  const { db, archive: bucket } = context;
  const beforeMs = leavesBeforeMs(context);
  const rows = await oldestEvents(db, after, EVENTS_AT_ONCE);
  const old = rows.filter(({ created_at_ms }) => created_at_ms <= beforeMs);
  // What still waits stays.
  const events = old.filter(({ delivered_at_ms }) => delivered_at_ms !== null);
  const [first, last] = [events[0], events.at(-1)];
  if (first !== undefined && last !== undefined) {
    if (bucket !== null) await archiveEvents(context, bucket, events, first, last);
    else if ((await deleteEvents(db, events)).archiveIsMissing) {
      throw new NotArchived('something has been archived before, and now there is no binding ARCHIVE');
    }
  }
  const end = old.at(-1);
  return end === undefined || old.length < EVENTS_AT_ONCE ? null : end.sequence;
}

async function archiveEvents(
  context: Context,
  bucket: ArchiveBucket,
  events: readonly EventRow[],
  first: EventRow,
  last: EventRow,
): Promise<void> {
  const bytes = await context.blockCodec.pack(events.map((event) => JSON.stringify(event)));
  const range = await storedRange(context, bucket, bytes, {
    kind: 'events',
    firstSequence: first.sequence,
    lastSequence: last.sequence,
    entries: events.length,
    lastHash: null,
  });
  await recordArchivedEvents(context.db, range, events);
}

/** Takes the oldest transactions behind this one. Returns the last that has left; null where that was all for now. */
async function archiveTransactions(context: Context, bucket: ArchiveBucket, afterId: string): Promise<string | null> {
  const { db, blockCodec } = context;
  const before = transactionsLeaveBefore(context);
  const leaving = await leavingTransactions(db, before, afterId, TRANSACTIONS_AT_ONCE);
  const last = leaving.at(-1);
  if (last === undefined) return null;
  const lines = leaving.map(({ archived }) => JSON.stringify(withoutPersonalData(archived)));
  const madeAtMs = leaving.map(({ createdAtMs }) => createdAtMs);
  const range = await storedRange(context, bucket, await blockCodec.pack(lines), {
    kind: 'transactions',
    firstSequence: Math.min(...madeAtMs),
    lastSequence: Math.max(...madeAtMs),
    entries: leaving.length,
    lastHash: null,
  });
  const haveLeft = await recordArchivedTransactions(db, range, leaving, before);
  // Where one has changed meanwhile, the next run reads them anew.
  return haveLeft && leaving.length === TRANSACTIONS_AT_ONCE ? last.transactionId : null;
}

/** An object was not stored as it should be: nothing may be deleted. */
class NotArchived extends Error {
  override name = 'NotArchived';
}

/** Stores the object, reads it back and compares it. @throws NotArchived */
async function storedRange(
  { db, shard, nowMs, blockCodec }: Context,
  bucket: ArchiveBucket,
  bytes: Uint8Array,
  what: Pick<ArchivedRange, 'kind' | 'firstSequence' | 'lastSequence' | 'entries' | 'lastHash'>,
): Promise<ArchivedRange> {
  const sha256 = await blockCodec.sha256(bytes);
  const object = objectName(shard, { ...what, sha256 });
  let stored: ArrayBuffer | undefined;
  try {
    await within(BUCKET_DEADLINE_MS, 'the archive', bucket.put(object, bytes));
    const found = await within(BUCKET_DEADLINE_MS, 'the archive', bucket.get(object));
    stored = found === null ? undefined : await within(BUCKET_DEADLINE_MS, 'the archive', found.arrayBuffer());
  } catch (error) {
    throw new NotArchived(error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (stored === undefined || (await blockCodec.sha256(new Uint8Array(stored))) !== sha256) {
    throw new NotArchived(`${object} is not what was stored`);
  }
  logArchived(db, object, what.entries);
  return { ...what, object, bytes: bytes.length, sha256, archivedAtMs: nowMs() };
}

function logArchived({ log }: Database, object: string, entries: number): void {
  log('info', 'archive.stored', { object, entries });
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * How full the database is (invariant 10). D1 holds 10 GB, and tells its size with each answer. From 95 % on nothing new is claimed, so that
 * the outcome of what is under way can still be recorded.
 */

import { type Database, runBatch } from './database.ts';

/** From here on what may leave the database leaves sooner. */
const FILLING_FROM = 0.6;
/** From here on an operator is warned, each minute. */
const WARNED_FROM = 0.7;
const CLOSED_FROM = 0.95;

export interface FillLevel {
  /** Of the last answer; null before the first one. Shared by all that use the database in an isolate. */
  size: DatabaseSize;
  maxBytes: number;
}

export interface DatabaseSize {
  bytes: number | null;
}

/**
 * Whether nothing new may be claimed. Asks the database again where the last answer said so: it may have been emptied since. In an isolate
 * that has had no answer yet, false: one claim more finds room.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function isFull(db: Database): Promise<boolean> {
  if (!takesNothingNew(db)) return false;
  await runBatch(db, { size: db.d1.prepare('SELECT 1') });
  return takesNothingNew(db);
}

/** The same by the last answer. */
export function takesNothingNew(db: Database): boolean {
  return isBeyond(db, CLOSED_FROM);
}

/** Whether what only grows leaves before its time. */
export function isFilling(db: Database): boolean {
  return isBeyond(db, FILLING_FROM);
}

/** Asks for the size where this isolate has had no answer of the database yet. */
export async function knowSize(db: Database): Promise<void> {
  if (db.fillLevel?.size.bytes === null) await runBatch(db, { size: db.d1.prepare('SELECT 1') });
}

/** Logs that the database fills up, or that it takes nothing new: alarms, for whoever runs the service. */
export function logFillLevel(db: Database): void {
  if (!isBeyond(db, WARNED_FROM)) return;
  const { bytes, maxBytes } = { bytes: db.fillLevel?.size.bytes ?? 0, maxBytes: db.fillLevel?.maxBytes ?? 0 };
  const fields = { bytes, max_bytes: maxBytes, percent: Math.floor((bytes / maxBytes) * 100) };
  db.log('error', isBeyond(db, CLOSED_FROM) ? 'database.full' : 'database.filling', fields);
}

function isBeyond({ fillLevel }: Database, share: number): boolean {
  return fillLevel !== undefined && (fillLevel.size.bytes ?? 0) >= share * fillLevel.maxBytes;
}

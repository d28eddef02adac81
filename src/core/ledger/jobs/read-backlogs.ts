/** What each job has to do, and which of its slots are in use. */

import { countBlocksToArchive } from '../archive/archive-blocks.ts';
import { countOldEvents } from '../archive/archive-events.ts';
import { countOldTransactions, type LeavingBefore } from '../archive/archive-transactions.ts';
import { countUnsealed } from '../audit/insert-block.ts';
import { countToPack } from '../audit/pack-block.ts';
import type { D1Result } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { countDueLookUps } from '../look-ups/take-due-look-ups.ts';
import { countDueEvents, foundWaitingEvents } from '../outbox/lease-due-events.ts';
import { countExpired } from '../purge-expired.ts';
import { beginNights, countDueReconciliations } from '../reconciliations/nights.ts';
import { JOBS, type Job } from './job-names.ts';

export interface Backlog {
  job: Job;
  /** Rows that are due, as far as they were counted. */
  due: number;
  /** Slots that are in use. */
  taken: readonly number[];
}

const TAKEN_SLOTS = 'SELECT job, slot FROM job_slots WHERE leased_until_ms > ?1';

export interface Counted {
  nowMs: number;
  /** Of each kind of row, so many are counted. */
  limit: number;
  /** What was written before this leaves the database. */
  leavesBeforeMs: number;
  transactionsLeaveBefore: LeavingBefore;
  hasArchive: boolean;
  /** Whether it is the installation's first database, which has what is of all of them. */
  isFirst: boolean;
}

/** What each job has to do; new events that still wait become due for the sweep. */
export async function readBacklogs(
  db: Database,
  { nowMs, limit, leavesBeforeMs, transactionsLeaveBefore, hasArchive, isFirst }: Counted,
): Promise<Backlog[]> {
  const { taken, oldBlocks, oldTransactions, ...due } = await runBatch(db, {
    foundWaiting: foundWaitingEvents(db.d1),
    look_ups: countDueLookUps(db.d1, nowMs, limit),
    sweep: countDueEvents(db.d1, nowMs, limit),
    seal: countUnsealed(db.d1, limit),
    pack: countToPack(db.d1, nowMs),
    archive: countOldEvents(db.d1, leavesBeforeMs),
    oldBlocks: hasArchive ? countBlocksToArchive(db.d1, leavesBeforeMs) : null,
    oldTransactions: hasArchive ? countOldTransactions(db.d1, transactionsLeaveBefore) : null,
    purge: countExpired(db.d1, nowMs),
    firstNight: isFirst ? beginNights(db.d1, nowMs) : null,
    reconcile: isFirst ? countDueReconciliations(db.d1, nowMs) : null,
    taken: db.d1.prepare(TAKEN_SLOTS).bind(nowMs),
  });
  const slots = rowsOf<{ job: Job; slot: number }>(taken);
  return JOBS.map((job) => ({
    job,
    due: dueIn(due[job]) + (job === 'archive' && hasArchive ? dueIn(oldBlocks) + dueIn(oldTransactions) : 0),
    taken: slots.filter((one) => one.job === job).map(({ slot }) => slot),
  }));
}

/** 0 for what was not asked. */
function dueIn(result: D1Result | undefined): number {
  return result === undefined ? 0 : (rowOf<{ due: number }>(result)?.due ?? 0);
}

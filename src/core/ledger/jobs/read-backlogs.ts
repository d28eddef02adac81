/** What each job has to do, and which of its slots are in use. */

import { countUnsealed } from '../audit/insert-block.ts';
import { countToPack } from '../audit/pack-block.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { countDueLookUps } from '../look-ups/take-due-look-ups.ts';
import { countDueEvents, foundWaitingEvents } from '../outbox/lease-due-events.ts';
import { countExpired } from '../purge-expired.ts';
import { JOBS, type Job } from './job-names.ts';

export interface Backlog {
  job: Job;
  /** Rows that are due, as far as they were counted. */
  due: number;
  /** Slots that are in use. */
  taken: readonly number[];
}

const TAKEN_SLOTS = 'SELECT job, slot FROM job_slots WHERE leased_until_ms > ?1';

/** What each job has to do; new events that still wait become due for the sweep. @param limit of each kind of row, so many are counted */
export async function readBacklogs(db: Database, nowMs: number, limit: number): Promise<Backlog[]> {
  const { taken, ...due } = await runBatch(db, {
    foundWaiting: foundWaitingEvents(db.d1),
    look_ups: countDueLookUps(db.d1, nowMs, limit),
    sweep: countDueEvents(db.d1, nowMs, limit),
    seal: countUnsealed(db.d1, limit),
    pack: countToPack(db.d1, nowMs),
    purge: countExpired(db.d1, nowMs),
    taken: db.d1.prepare(TAKEN_SLOTS).bind(nowMs),
  });
  const slots = rowsOf<{ job: Job; slot: number }>(taken);
  return JOBS.map((job) => ({
    job,
    due: rowOf<{ due: number }>(due[job])?.due ?? 0,
    taken: slots.filter((one) => one.job === job).map(({ slot }) => slot),
  }));
}

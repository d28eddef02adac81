/**
 * Slots of the recovery jobs in D1: a wake-up works under the lease of its slot. So a job runs as often at once as it has slots,
 * however often the queue delivers a message and however often the cron sends one.
 */
import { type Database, rowOf, rowsOf, runBatch } from './database.ts';
import { countDueEvents } from './find-events.ts';
import { countDueLookUps } from './look-ups.ts';

export const JOBS = ['look_ups', 'sweep'] as const;
export type Job = (typeof JOBS)[number];

/** `leaseId` is the holder's, new for each invocation. */
export interface SlotLease {
  job: Job;
  slot: number;
  leaseId: string;
}

// Free, or handed on under the lease that the wake-up names, or taken by a first try of this very statement.
const TAKE = `
  INSERT INTO job_slots (job, slot, lease_id, leased_until_ms) VALUES (?1, ?2, ?3, ?5)
  ON CONFLICT (job, slot) DO UPDATE SET lease_id = ?3, leased_until_ms = ?5
  WHERE job_slots.leased_until_ms <= ?4 OR job_slots.lease_id = ?6 OR job_slots.lease_id = ?3`;
const IS_HELD = 'SELECT 1 FROM job_slots WHERE job = ?1 AND slot = ?2 AND lease_id = ?3';
const HOLD_UNTIL = 'UPDATE job_slots SET leased_until_ms = ?4 WHERE job = ?1 AND slot = ?2 AND lease_id = ?3';

/**
 * Takes the slot if it is free.
 *
 * @param handedOn the lease under which the invocation before this one handed the slot on
 * @returns whether it is the caller's now
 */
export async function takeSlot(
  db: Database,
  { job, slot, leaseId }: SlotLease,
  { nowMs, untilMs, handedOn }: { nowMs: number; untilMs: number; handedOn: string | null },
): Promise<boolean> {
  const { held } = await runBatch(db, {
    taken: db.d1.prepare(TAKE).bind(job, slot, leaseId, nowMs, untilMs, handedOn),
    held: db.d1.prepare(IS_HELD).bind(job, slot, leaseId),
  });
  return rowOf(held) !== null;
}

/** Holds the slot until this time, if it is still the caller's; a time that is over releases it. */
export async function holdSlot(db: Database, { job, slot, leaseId }: SlotLease, untilMs: number): Promise<void> {
  await runBatch(db, { held: db.d1.prepare(HOLD_UNTIL).bind(job, slot, leaseId, untilMs) });
}

export interface Backlog {
  job: Job;
  /** Rows that are due, as far as they were counted. */
  due: number;
  /** Slots that somebody works under. */
  taken: readonly number[];
}

const TAKEN_SLOTS = 'SELECT job, slot FROM job_slots WHERE leased_until_ms > ?1';

/** What each job has to do. @param limit of each kind of row, so many are counted */
export async function readBacklogs(db: Database, nowMs: number, limit: number): Promise<Backlog[]> {
  const { taken, ...due } = await runBatch(db, {
    look_ups: countDueLookUps(db.d1, nowMs, limit),
    sweep: countDueEvents(db.d1, nowMs, limit),
    taken: db.d1.prepare(TAKEN_SLOTS).bind(nowMs),
  });
  const slots = rowsOf<{ job: Job; slot: number }>(taken);
  return JOBS.map((job) => ({
    job,
    due: rowOf<{ due: number }>(due[job])?.due ?? 0,
    taken: slots.filter((one) => one.job === job).map(({ slot }) => slot),
  }));
}

/**
 * Slots of the jobs in D1: a wake-up works under the lease of its slot. So a job runs as often at once as it has slots,
 * however often the queue delivers a message and however often the cron sends one.
 */

import { type Database, rowOf, runBatch } from '../database.ts';
import type { Job } from './job-names.ts';

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

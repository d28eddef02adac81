import { type Database, runBatch } from '../database.ts';
import type { SlotLease } from './take-slot.ts';

const HOLD_UNTIL = `
  UPDATE job_slots SET leased_until_ms = ?4, ended_at_ms = coalesce(?5, ended_at_ms)
  WHERE job = ?1 AND slot = ?2 AND lease_id = ?3`;

/**
 * Holds the slot until this time, if it is still the caller's; a time in the past releases it.
 *
 * @param endedAtMs when the caller has done its work; null where it has not
 */
export async function holdSlot(
  db: Database,
  { job, slot, leaseId }: SlotLease,
  untilMs: number,
  endedAtMs: number | null = null,
): Promise<void> {
  await runBatch(db, { held: db.d1.prepare(HOLD_UNTIL).bind(job, slot, leaseId, untilMs, endedAtMs) });
}

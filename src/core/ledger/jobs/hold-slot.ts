import { type Database, runBatch } from '../database.ts';
import type { SlotLease } from './take-slot.ts';

const HOLD_UNTIL = 'UPDATE job_slots SET leased_until_ms = ?4 WHERE job = ?1 AND slot = ?2 AND lease_id = ?3';

/** Holds the slot until this time, if it is still the caller's; a time in the past releases it. */
export async function holdSlot(db: Database, { job, slot, leaseId }: SlotLease, untilMs: number): Promise<void> {
  await runBatch(db, { held: db.d1.prepare(HOLD_UNTIL).bind(job, slot, leaseId, untilMs) });
}

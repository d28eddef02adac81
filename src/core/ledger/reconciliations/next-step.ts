/** The steps of reconciliations: each compares a part of its time. */
import { type Database, rowOf, runBatch } from '../database.ts';
import { IS_NIGHT } from './nights.ts';

export interface OpenReconciliation {
  /** Its name, too. */
  fromMs: number;
  toMs: number;
  /** How far it has come. */
  comparedUntilMs: number;
  startedAtMs: number;
  /** Until then, a gateway that does not answer is asked again. */
  patientUntilMs: number;
}

// One that a person has ordered, and waits for, before a night, which can take hours.
const NEXT = `
  SELECT from_ms AS fromMs, to_ms AS toMs, compared_until_ms AS comparedUntilMs, started_at_ms AS startedAtMs,
    patient_until_ms AS patientUntilMs
  FROM reconciliations WHERE ended_at_ms IS NULL AND next_step_at_ms <= ?1
  ORDER BY ${IS_NIGHT}, next_step_at_ms LIMIT 1`;

/** One that a person has ordered, or else the one whose next step has been due for the longest time; null where none is. @throws LedgerUnavailable, LedgerNotMigrated */
export async function nextReconciliation(db: Database, nowMs: number): Promise<OpenReconciliation | null> {
  const { next } = await runBatch(db, { next: db.d1.prepare(NEXT).bind(nowMs) });
  return rowOf<OpenReconciliation>(next);
}

const PUT_OFF = `
  UPDATE reconciliations SET next_step_at_ms = ?3 WHERE from_ms = ?1 AND compared_until_ms = ?2 AND ended_at_ms IS NULL`;

/** Compares the same part again at this time. @throws LedgerUnavailable, LedgerNotMigrated */
export async function putOffStep(
  db: Database,
  { fromMs, comparedUntilMs }: OpenReconciliation,
  untilMs: number,
): Promise<void> {
  await runBatch(db, { putOff: db.d1.prepare(PUT_OFF).bind(fromMs, comparedUntilMs, untilMs) });
}

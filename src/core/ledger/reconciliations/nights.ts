/**
 * Which day is reconciled next. The first is the first whole day of the installation: what another system charged before it is none of its. Each is
 * due two hours after its end, when its payments are resolved and its events delivered. Days are those of UTC.
 */
import type { D1Database, D1PreparedStatement } from '../d1.ts';
import { type Database, rowOf, runBatch } from '../database.ts';

const HOUR_MS = 60 * 60_000;
export const DAY_MS = 24 * HOUR_MS;
const DUE_AFTER_MS = DAY_MS + 2 * HOUR_MS;
/** Where no cron has run for longer, older days are left out: `payctl reconcile` compares them. */
const CAUGHT_UP_MS = 7 * DAY_MS;
/** For so long, a gateway that does not answer is asked again before it counts. */
const PATIENCE_MS = 4 * HOUR_MS;

/** Of a row of `reconciliations`. One that a person has ordered has no patience, because it is to end while they wait. */
export const IS_NIGHT = 'patient_until_ms > started_at_ms';

// The position is when the next day begins.
const BEGIN = `INSERT INTO job_positions (job, position) VALUES ('reconcile', ?1) ON CONFLICT DO NOTHING`;
const DUE = `
  SELECT (SELECT count(*) FROM reconciliations WHERE ended_at_ms IS NULL AND next_step_at_ms <= ?1)
    + EXISTS (SELECT 1 FROM job_positions WHERE job = 'reconcile' AND position <= ?1 - ${DUE_AFTER_MS}) AS due`;

/** The statement by which the nights begin, at the first run of the cron. Later it does nothing. */
export function beginNights(d1: D1Database, nowMs: number): D1PreparedStatement {
  return d1.prepare(BEGIN).bind(startOfDayMs(nowMs) + DAY_MS);
}

/** The statement that tells, as `due`, how many reconciliations are to be begun or to go on. */
export function countDueReconciliations(d1: D1Database, nowMs: number): D1PreparedStatement {
  return d1.prepare(DUE).bind(nowMs);
}

const NEXT_DAY = `SELECT position AS fromMs FROM job_positions WHERE job = 'reconcile' AND position <= ?1 - ${DUE_AFTER_MS}`;
const ORDER = `
  INSERT INTO reconciliations (from_ms, to_ms, compared_until_ms, started_at_ms, next_step_at_ms, patient_until_ms)
  VALUES (?1, ?1 + ${DAY_MS}, ?1, ?2, ?2, ?2 + ${PATIENCE_MS}) ON CONFLICT DO NOTHING`;
const MOVE_ON = `UPDATE job_positions SET position = ?1 + ${DAY_MS} WHERE job = 'reconcile' AND position < ?1 + ${DAY_MS}`;

/** Orders the reconciliation of the next day, if it is due. @throws LedgerUnavailable, LedgerNotMigrated */
export async function orderNextDay(db: Database, nowMs: number): Promise<void> {
  const { next } = await runBatch(db, { next: db.d1.prepare(NEXT_DAY).bind(nowMs) });
  const due = rowOf<{ fromMs: number }>(next);
  if (due === null) return;
  const fromMs = Math.max(due.fromMs, startOfDayMs(nowMs - DUE_AFTER_MS) - CAUGHT_UP_MS);
  await runBatch(db, {
    ordered: db.d1.prepare(ORDER).bind(fromMs, nowMs),
    movedOn: db.d1.prepare(MOVE_ON).bind(fromMs),
  });
}

function startOfDayMs(timeMs: number): number {
  return timeMs - (timeMs % DAY_MS);
}

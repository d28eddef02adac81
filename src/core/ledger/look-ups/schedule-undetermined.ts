import { type Database, rowOf, runBatch } from '../database.ts';
import { tableOf } from './look-up-task.ts';

/**
 * Schedules the next look-up of a pending row whose outcome the gateway cannot determine. Returns whether this is the first time, so
 * that the caller raises the alarm once.
 */
export async function scheduleUndetermined(
  db: Database,
  id: string,
  nowMs: number,
  nextLookUpAtMs: number,
): Promise<boolean> {
  const [table, column] = tableOf(id);
  const { scheduled } = await runBatch(db, {
    scheduled: db.d1
      .prepare(
        `UPDATE ${table} SET next_lookup_at_ms = ?3, undetermined_at_ms = coalesce(undetermined_at_ms, ?2)
         WHERE ${column} = ?1 AND status = 'pending' RETURNING undetermined_at_ms AS undeterminedAtMs`,
      )
      .bind(id, nowMs, nextLookUpAtMs),
  });
  return rowOf<{ undeterminedAtMs: number }>(scheduled)?.undeterminedAtMs === nowMs;
}

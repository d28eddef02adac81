/** Writes what was measured, and up to where: once, whatever is repeated, and whoever measures at the same time. */

import { type Database, runBatch } from '../database.ts';
import type { Counts, Gauges } from './measured.ts';
import type { CountedUntil } from './read-ended.ts';
import type { MeasuredMinute } from './read-measured.ts';

export interface Measurement {
  /** Of the totals to which it was added. */
  revision: number;
  /** The positions from which it was counted, and up to which. */
  from: CountedUntil;
  until: CountedUntil;
  /** All that ended in each of these minutes. */
  minutes: readonly MeasuredMinute[];
  /** Since counting began. */
  totals: Counts;
  gauges: Gauges;
  nowMs: number;
}

// Whoever has written since has moved the revision on, and so has a first try of this batch whose answer was lost: then nothing is written. Totals,
// minutes and positions were read at or after this revision, so all three are still as they were read. The totals come last, since they move it on.
const IS_UNCHANGED = `coalesce((SELECT revision FROM metric_totals WHERE one = 1), 0) = ?1`;
const MOVE_ON = `
  UPDATE job_positions SET position = CASE job WHEN 'metrics' THEN ?2 ELSE ?3 END
  WHERE job IN ('metrics', 'metrics_audit') AND ${IS_UNCHANGED}`;
const WRITE_MINUTES = `
  INSERT INTO metric_minutes (minute_ms, counts)
  SELECT value ->> 'minuteMs', value ->> 'counts' FROM json_each(?2) WHERE ${IS_UNCHANGED}
  ON CONFLICT (minute_ms) DO UPDATE SET counts = excluded.counts`;
const WRITE_TOTALS = `
  INSERT INTO metric_totals (one, counts, gauges, written_at_ms, revision) SELECT 1, ?2, ?3, ?4, ?1 + 1 WHERE ${IS_UNCHANGED}
  ON CONFLICT (one) DO UPDATE SET counts = excluded.counts, gauges = excluded.gauges, written_at_ms = excluded.written_at_ms,
    revision = excluded.revision`;

/** Writes nothing if another measurement has been written since this one began: what it has not counted is counted by the next run. */
export async function writeMeasured(db: Database, measurement: Measurement): Promise<void> {
  const { revision, from, until, minutes, totals, gauges, nowMs } = measurement;
  const hasMoved = from.event !== until.event || from.entry !== until.entry;
  await runBatch(db, {
    moved: hasMoved ? db.d1.prepare(MOVE_ON).bind(revision, until.event, until.entry) : null,
    minutes: minutes.length === 0 ? null : db.d1.prepare(WRITE_MINUTES).bind(revision, JSON.stringify(minutes)),
    totals: db.d1.prepare(WRITE_TOTALS).bind(revision, JSON.stringify(totals), JSON.stringify(gauges), nowMs),
  });
}

/** Writes what was measured, and up to where: once, whatever is repeated, and whoever measures at the same time. */

import { type Database, runBatch } from '../database.ts';
import type { Counts, Gauges } from './measured.ts';
import { COUNTED_ENTRY, COUNTED_EVENT, type CountedUntil } from './read-ended.ts';
import type { MeasuredMinute } from './read-measured.ts';

export interface Measurement {
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

// The subqueries are evaluated before the first row changes.
const MOVE_ON = `
  UPDATE job_positions SET position = CASE job WHEN 'metrics' THEN ?3 ELSE ?4 END
  WHERE job IN ('metrics', 'metrics_audit') AND ${COUNTED_EVENT} = ?1 AND ${COUNTED_ENTRY} = ?2`;
// Where another measurement has moved on from the same positions, nothing of this one is written: unless both have come to the same positions,
// and so have counted the same. What is written is the whole, never a difference, so a batch that is repeated changes nothing.
const HAS_MOVED = `${COUNTED_EVENT} = ?1 AND ${COUNTED_ENTRY} = ?2`;
const WRITE_MINUTES = `
  INSERT INTO metric_minutes (minute_ms, counts)
  SELECT value ->> 'minuteMs', value ->> 'counts' FROM json_each(?3) WHERE ${HAS_MOVED}
  ON CONFLICT (minute_ms) DO UPDATE SET counts = excluded.counts`;
const WRITE_TOTALS = `
  INSERT INTO metric_totals (one, counts, gauges, written_at_ms) SELECT 1, ?3, ?4, ?5 WHERE ${HAS_MOVED}
  ON CONFLICT (one) DO UPDATE SET counts = excluded.counts, gauges = excluded.gauges, written_at_ms = excluded.written_at_ms`;

export async function writeMeasured(db: Database, measurement: Measurement): Promise<void> {
  const { from, until, minutes, totals, gauges, nowMs } = measurement;
  const hasMoved = from.event !== until.event || from.entry !== until.entry;
  await runBatch(db, {
    moved: hasMoved ? db.d1.prepare(MOVE_ON).bind(from.event, from.entry, until.event, until.entry) : null,
    minutes:
      minutes.length === 0
        ? null
        : db.d1.prepare(WRITE_MINUTES).bind(until.event, until.entry, JSON.stringify(minutes)),
    totals: db.d1
      .prepare(WRITE_TOTALS)
      .bind(until.event, until.entry, JSON.stringify(totals), JSON.stringify(gauges), nowMs),
  });
}

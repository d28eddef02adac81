/** Adds up what was measured, minute by minute, into longer times: in the database, since a month has 43,200 minutes. */
import { type Database, rowsOf, runBatch } from '../database.ts';
import { addJoined } from './add-counts.ts';
import { COUNTED, type Counted, type Counts } from './measured.ts';

// D1 binds numbers as real ones, by which a division would leave a fraction.
const SUM = `
  SELECT (m.minute_ms - CAST(?1 AS INTEGER)) / CAST(?3 AS INTEGER) AS bucket, metric.key AS metric, label.key AS labels,
    sum(label.value) AS value
  FROM metric_minutes m, json_each(m.counts) metric, json_each(metric.value) label
  WHERE m.minute_ms >= ?1 AND m.minute_ms < ?2
  GROUP BY bucket, metric, labels`;

/** Milliseconds since 1970, all of them at the beginning of a minute. */
export interface Buckets {
  fromMs: number;
  /** Of each bucket. */
  lengthMs: number;
  count: number;
}

/**
 * What ended in each bucket.
 *
 * @param stepMs of what is added up by one statement: other work waits for it, and a day's minutes take some 50 ms
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function sumMinutes(
  db: Database,
  { fromMs, lengthMs, count }: Buckets,
  stepMs: number,
): Promise<Counts[]> {
  const buckets = Array.from({ length: count }, (): Counts => ({}));
  const bucketsOfStep = Math.max(1, Math.floor(stepMs / lengthMs));
  for (let first = 0; first < count; first += bucketsOfStep) {
    const beginMs = fromMs + first * lengthMs;
    const endMs = fromMs + Math.min(first + bucketsOfStep, count) * lengthMs;
    const { summed } = await runBatch(db, { summed: db.d1.prepare(SUM).bind(beginMs, endMs, lengthMs) });
    for (const row of rowsOf<SummedRow>(summed)) {
      const counts = buckets[first + row.bucket];
      if (counts !== undefined && isCounted(row.metric)) addJoined(counts, row.metric, row.labels, row.value);
    }
  }
  return buckets;
}

interface SummedRow {
  bucket: number;
  metric: string;
  labels: string;
  value: number;
}

/** False of what only another version counts. */
function isCounted(metric: string): metric is Counted {
  return metric in COUNTED;
}

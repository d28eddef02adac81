/** Percentiles of a histogram. Its buckets have the upper bounds BUCKETS_MS, and one more bucket has everything above. */
import { BUCKETS_MS } from '../ledger/metrics/measured.ts';

/**
 * Interpolated within the bucket, as Prometheus does it, in whole milliseconds. A percentile above the highest bound is that bound. Null if nothing
 * was measured.
 *
 * @param counts of each bucket, not cumulative
 */
export function percentileMs(percent: number, counts: readonly number[]): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = (percent / 100) * total;
  let below = 0;
  for (const [bucket, upperMs] of BUCKETS_MS.entries()) {
    const count = counts[bucket] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lowerMs = BUCKETS_MS[bucket - 1] ?? 0;
      return Math.round(lowerMs + ((upperMs - lowerMs) * (rank - below)) / count);
    }
    below += count;
  }
  return BUCKETS_MS.at(-1) ?? null;
}

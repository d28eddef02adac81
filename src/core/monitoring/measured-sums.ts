/** Sums and percentiles of counts, over the labels that a figure does not distinguish. */
import { BUCKETS_MS, COUNTED, type Counted, type Counts, LABEL_SEPARATOR } from '../ledger/metrics/measured.ts';
import { percentileMs } from './percentile.ts';

type LabelOf<Metric extends Counted> = (typeof COUNTED)[Metric][number];
/** The value of each label. */
export type Labels<Metric extends Counted> = Readonly<Record<LabelOf<Metric>, string>>;

/** The numbers of a metric, each with its labels. */
export function measuredBy<Metric extends Counted>(
  counts: Counts,
  metric: Metric,
): { labels: Labels<Metric>; value: number }[] {
  const byLabels: Record<string, number> = counts[metric] ?? {};
  return Object.entries(byLabels).map(([joined, value]) => {
    const values = joined.split(LABEL_SEPARATOR);
    const labels = Object.fromEntries(COUNTED[metric].map((label, index) => [label, values[index] ?? '']));
    return { labels: labels as Labels<Metric>, value };
  });
}

/** The sum of the numbers whose labels match. */
export function sumWhere<Metric extends Counted>(
  counts: Counts,
  metric: Metric,
  isWanted: (labels: Labels<Metric>) => boolean = () => true,
): number {
  return measuredBy(counts, metric)
    .filter(({ labels }) => isWanted(labels))
    .reduce((sum, { value }) => sum + value, 0);
}

/** The sum for each value of a label. */
export function sumsBy<Metric extends Counted>(
  counts: Counts,
  metric: Metric,
  by: (labels: Labels<Metric>) => string,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { labels, value } of measuredBy(counts, metric)) {
    sums.set(by(labels), (sums.get(by(labels)) ?? 0) + value);
  }
  return sums;
}

/** Labels of the histograms. */
type MeasuredLabels = Labels<'processing_ms'> & Partial<Labels<'gateway_ms'>>;

/** @returns milliseconds; null if nothing was measured */
export function percentileOf(
  percent: number,
  counts: Counts,
  metric: 'processing_ms' | 'gateway_ms',
  isWanted: (labels: MeasuredLabels) => boolean = () => true,
): number | null {
  const wanted: { labels: MeasuredLabels; value: number }[] = measuredBy(counts, metric);
  const ofBound = new Map<string, number>();
  for (const { labels, value } of wanted) {
    if (isWanted(labels)) ofBound.set(labels.le, (ofBound.get(labels.le) ?? 0) + value);
  }
  return percentileMs(
    percent,
    [...BUCKETS_MS.map(String), '+Inf'].map((bound) => ofBound.get(bound) ?? 0),
  );
}

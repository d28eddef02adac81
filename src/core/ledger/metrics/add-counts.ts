/** Adds counts to others. */
import { COUNTED, type Counted, type Counts, LABEL_SEPARATOR } from './measured.ts';

/** @param labels the values of the metric's labels, in their order */
export function add(counts: Counts, metric: Counted, labels: readonly string[], number: number): void {
  if (labels.length !== COUNTED[metric].length) throw new Error(`${metric} has other labels`);
  addJoined(counts, metric, labels.join(LABEL_SEPARATOR), number);
}

/** @param labels as the counts have them, joined */
export function addJoined(counts: Counts, metric: Counted, labels: string, number: number): void {
  const values = counts[metric] ?? {};
  values[labels] = (values[labels] ?? 0) + number;
  counts[metric] = values;
}

/** Adds all of the others to these. */
export function addAll(counts: Counts, others: Counts): void {
  for (const [metric, values] of Object.entries(others)) {
    for (const [labels, number] of Object.entries(values)) addJoined(counts, metric as Counted, labels, number);
  }
}

/** The sum of all of them. */
export function sumOf(all: readonly Counts[]): Counts {
  const sum: Counts = {};
  for (const counts of all) addAll(sum, counts);
  return sum;
}

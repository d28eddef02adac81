/** The input of the alert rules: the figures of all databases, the state of the bridge, and the results of reconciliation. Plain data. */
import type { Counts, Gauges } from '../ledger/metrics/measured.ts';
import type { BridgeState } from '../outbox/probe-bridge.ts';
import { measuredBy } from './measured-sums.ts';
import { outcomeOf } from './outcome.ts';

export interface Situation {
  nowMs: number;
  /** The databases that have been measured. */
  databases: readonly { shard: number; gauges: Gauges }[];
  /** Payments that have ended in the last quarter of an hour. */
  recent: RecentPayments;
  /** Null for a bridge that pulls: it has no address to ask. */
  bridge: BridgeState | null;
  /** Those whose results count, by their time. */
  reconciliations: readonly EndedReconciliation[];
  limits: Limits;
}

export interface RecentPayments {
  completed: number;
  failed: number;
  /** How often payments failed, by error code. */
  failures: Readonly<Record<string, number>>;
}

export interface EndedReconciliation {
  fromMs: number;
  toMs: number;
  differences: number;
}

export interface Limits {
  /** The lowest share of successful payments without an alert, in percent; null: no alert. */
  successRatePercent: number | null;
  databaseMaxBytes: number;
}

export function recentPayments(minutes: readonly Counts[]): RecentPayments {
  const recent = { completed: 0, failed: 0, failures: {} as Record<string, number> };
  for (const { labels, value } of minutes.flatMap((counts) => measuredBy(counts, 'payments'))) {
    const outcome = outcomeOf(labels);
    if (outcome === 'voided') continue;
    recent[outcome] += value;
    if (outcome === 'failed') recent.failures[labels.error_code] = (recent.failures[labels.error_code] ?? 0) + value;
  }
  return recent;
}

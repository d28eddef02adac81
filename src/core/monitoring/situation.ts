/** What the rules of the alerts judge by: what the cron has measured of all databases, and what it has asked. Plain data. */
import type { Counts, Gauges } from '../ledger/metrics/measured.ts';
import { LABEL_SEPARATOR } from '../ledger/metrics/measured.ts';
import type { BridgeState } from '../outbox/probe-bridge.ts';

export interface Situation {
  nowMs: number;
  /** Of each database that has been measured. */
  databases: readonly { shard: number; gauges: Gauges }[];
  /** Payments that have ended in the last quarter of an hour. */
  recent: RecentPayments;
  /** Null where the bridge takes events from a queue: it has no address that could be asked. */
  bridge: BridgeState | null;
  /** The last one that has ended; null where there is none. */
  reconciliation: EndedReconciliation | null;
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
  /** Share of payments that succeed, in percent, below which it is too low; null: it is not judged. */
  successRatePercent: number | null;
  databaseMaxBytes: number;
}

/** What the shop ended itself says nothing of how payments fare. */
const NOT_JUDGED = 'PAYMENT_VOIDED';

export function recentPayments(minutes: readonly Counts[]): RecentPayments {
  const recent = { completed: 0, failed: 0, failures: {} as Record<string, number> };
  for (const { payments = {} } of minutes) {
    for (const [labels, count] of Object.entries(payments)) {
      const [status, , , errorCode = ''] = labels.split(LABEL_SEPARATOR);
      if (status === 'completed') recent.completed += count;
      if (status !== 'failed' || errorCode === NOT_JUDGED) continue;
      recent.failed += count;
      recent.failures[errorCode] = (recent.failures[errorCode] ?? 0) + count;
    }
  }
  return recent;
}

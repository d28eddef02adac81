/**
 * What is measured, as `metric_minutes` and `metric_totals` keep it: counts of what ended, added up by the cron, and gauges of what is there now.
 * Nothing here is of one payment or one person.
 */
import type { CaseKind } from '../by-hand/list-open-cases.ts';
import type { Job } from '../jobs/job-names.ts';

/** What is counted, and by which labels. `gateway` is the kind of a gateway, such as `stripe`: its whole name has an account in it. A histogram has the label `le` last: the upper bound of a bucket, in milliseconds, or `+Inf`. */
export const COUNTED = {
  /** Payments that ended; `error_code` is empty where they completed. */
  payments: ['status', 'payment_method', 'gateway', 'error_code'],
  /** What was captured, in the currency's minor unit. */
  captured_minor: ['currency', 'gateway'],
  /** Refunds that ended, external ones among them; those of late charges are not. */
  refunds: ['status', 'gateway', 'error_code'],
  refunded_minor: ['currency', 'gateway'],
  /** Payments that ended after their payer had been sent to authenticate, and whether the payer did: `completed` or `failed`. */
  challenges: ['result'],
  /** Reports of disputes by providers, by the status that each gives the dispute, in lower case. */
  disputes: ['provider', 'status'],
  /** From the request to the outcome, of payments that waited for no payer and were not held. Not cumulative. */
  processing_ms: ['gateway', 'le'],
  processing_ms_sum: ['gateway'],
  /** How long the gateway took to answer while a caller waited. Not cumulative. `operation` is `charge` or `refund`. */
  gateway_ms: ['gateway', 'operation', 'le'],
  gateway_ms_sum: ['gateway', 'operation'],
  /** Requests that the limiter refused, by the minute in which the cron learned of them. */
  rate_limited: [],
} as const satisfies Record<string, readonly string[]>;
export type Counted = keyof typeof COUNTED;

/** Upper bounds of the histograms' buckets, in milliseconds. */
export const BUCKETS_MS = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000] as const;

/** Of each metric, a number for each combination of its labels' values, which are joined by LABEL_SEPARATOR in the order of COUNTED. */
export type Counts = { [Metric in Counted]?: Record<string, number> };
export const LABEL_SEPARATOR = '\t';

/** Of each kind of row, so many are counted, so that a large backlog is not walked through each minute. */
export const GAUGE_MAX = 100_000;

/** Look-ups resolve lost answers within the first minutes, if the gateway answers: what is pending for so long is overdue. */
export const OVERDUE_AFTER_MS = 15 * 60_000;

/** What was there when the cron last ran, of one database. Times are in milliseconds since 1970. */
export interface Gauges {
  /**
   * `oldestMs`: since when an event waits, at the longest; one that is sent again waits since that was asked for. `unansweredMs`: the same of events
   * that were leased and of which nothing is reported, neither that they were delivered nor why not.
   */
  events: { waiting: number; oldestMs: number | null; unansweredMs: number | null };
  /** Payments and refunds whose outcome is not known yet. `overdue`: for 15 minutes or more. */
  pending: { count: number; overdue: number; oldestMs: number | null };
  /** Payments that wait for their payer, and those whose money is held. */
  challenged: number;
  authorized: number;
  /** What needs a person. Like the counts above and below, as far as it was counted: see `GAUGE_MAX`. */
  cases: Record<CaseKind, number>;
  openDisputes: number;
  databaseBytes: number | null;
  /** `endedAtMs`: when an invocation last did its work, whether or not it was all of it. */
  jobs: Record<Job, { backlog: number; endedAtMs: number | null }>;
}

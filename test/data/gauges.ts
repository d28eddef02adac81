/** What the cron measures of a database in which nothing waits. */
import { JOBS } from '../../src/core/ledger/jobs/job-names.ts';
import type { Gauges } from '../../src/core/ledger/metrics/measured.ts';

export function quietGauges(overrides: Partial<Gauges> = {}): Gauges {
  return {
    events: { waiting: 0, oldestMs: null, unansweredMs: null },
    pending: { count: 0, overdue: 0, oldestMs: null },
    challenged: 0,
    authorized: 0,
    cases: {
      payment_undetermined: 0,
      refund_undetermined: 0,
      late_charge_kept: 0,
      refund_reversed: 0,
      external_refund_unbooked: 0,
    },
    openDisputes: 0,
    databaseBytes: 1_000_000,
    jobs: Object.fromEntries(JOBS.map((job) => [job, { backlog: 0, endedAtMs: null }])) as Gauges['jobs'],
    ...overrides,
  };
}

/** What is there now. Each kind of row is counted by an index, up to a limit. */

import { type CaseKind, OPEN_CASES } from '../by-hand/list-open-cases.ts';
import type { D1Database, D1PreparedStatement, D1Result } from '../d1.ts';
import { rowOf } from '../database.ts';
import type { Job } from '../jobs/job-names.ts';
import type { Backlog } from '../jobs/read-backlogs.ts';
import { DECIDED_STATUSES } from '../payments/record-dispute.ts';
import { type Gauges, OVERDUE_AFTER_MS } from './measured.ts';

/** Waiting events that are read themselves, and not only counted in the index. */
const READ_MAX = 1_000;

// Conditions such as `tenant >= ''` are true of every row: with them, SQLite begins in the index and ends at the limit. Where more wait than are read,
// the oldest is the first one, or, if that is sent again, the oldest of those that are read. A lease that has ended without a result counts as an
// attempt and is still there; a result, also that of an earlier attempt, leaves an error.
const WAITING = "FROM events INDEXED BY events_waiting_by_booking WHERE delivered_at_ms IS NULL AND tenant >= ''";
const SINCE = 'coalesce(replayed_at_ms, created_at_ms)';
const WAITING_EVENTS = `
  SELECT a.waiting, min(r.since, (SELECT ${SINCE} FROM events WHERE sequence = a.first)) AS since, r.unanswered
  FROM (SELECT count(*) AS waiting, min(sequence) AS first FROM (SELECT sequence ${WAITING} LIMIT ?1)) a,
    (SELECT min(since) AS since, min(since) FILTER (WHERE lease_id IS NOT NULL AND attempts > 0 AND last_error IS NULL) AS unanswered
      FROM (SELECT ${SINCE} AS since, lease_id, attempts, last_error ${WAITING} LIMIT ${READ_MAX})) r`;

// What is due soonest is counted first, so what waits for a payer or for a capture does not hide what has no outcome. A payment that is being
// captured or voided has no outcome since that began.
const PENDING_PAYMENTS = `
  SELECT count(*) FILTER (WHERE NOT waits) AS pending, count(*) FILTER (WHERE NOT waits AND since <= ?2) AS overdue,
    min(since) FILTER (WHERE NOT waits) AS since,
    count(*) FILTER (WHERE waits AND substate = 'challenged') AS challenged,
    count(*) FILTER (WHERE waits AND substate = 'authorized') AS authorized
  FROM (SELECT substate IS NOT NULL AND step IS NULL AS waits, substate, coalesce(step_at_ms, created_at_ms) AS since
    FROM transactions INDEXED BY transactions_pending_due
    WHERE status = 'pending' AND next_lookup_at_ms IS NOT NULL AND next_lookup_at_ms >= 0 ORDER BY next_lookup_at_ms LIMIT ?1)`;
const PENDING_REFUNDS = `
  SELECT count(*) AS pending, count(*) FILTER (WHERE created_at_ms <= ?2) AS overdue, min(created_at_ms) AS since
  FROM (SELECT created_at_ms FROM refunds INDEXED BY refunds_pending_due
    WHERE status = 'pending' AND next_lookup_at_ms IS NOT NULL AND next_lookup_at_ms >= 0 ORDER BY next_lookup_at_ms LIMIT ?1)`;

const counted = (rows: string) => `(SELECT count(*) FROM (${rows} LIMIT ?1))`;

const CASES = Object.entries(OPEN_CASES).map(([kind, { from, where }]) => ({
  kind: kind as CaseKind,
  count: counted(`SELECT 1 FROM ${from} WHERE ${where}`),
}));
const OPEN_DISPUTES = counted(`
  SELECT 1 FROM disputes INDEXED BY disputes_open
  WHERE lower(status) NOT IN (${DECIDED_STATUSES.map((status) => `'${status}'`).join(', ')}) AND told_at_ms >= 0`);

const GAUGES = `
  SELECT w.waiting, w.since AS oldestEventMs, w.unanswered AS unansweredEventMs,
    p.pending + f.pending AS pending, p.overdue + f.overdue AS overdue, p.since AS oldestPaymentMs, f.since AS oldestRefundMs, p.challenged, p.authorized,
    ${CASES.map(({ kind, count }) => `${count} AS ${kind}`).join(', ')},
    ${OPEN_DISPUTES} AS openDisputes,
    (SELECT json_group_object(job, ended) FROM (SELECT job, max(ended_at_ms) AS ended FROM job_slots GROUP BY job)) AS jobsEnded
  FROM (${WAITING_EVENTS}) w, (${PENDING_PAYMENTS}) p, (${PENDING_REFUNDS}) f`;

/** The statement that reads what `gaugesIn` answers with. */
export function readGauges(d1: D1Database, limit: number, nowMs: number): D1PreparedStatement {
  return d1.prepare(GAUGES).bind(limit, nowMs - OVERDUE_AFTER_MS);
}

type GaugesRow = Record<CaseKind, number> & {
  waiting: number;
  oldestEventMs: number | null;
  unansweredEventMs: number | null;
  pending: number;
  overdue: number;
  oldestPaymentMs: number | null;
  oldestRefundMs: number | null;
  challenged: number;
  authorized: number;
  openDisputes: number;
  jobsEnded: string;
};

/** @param backlogs what each job has to do, as it was counted to wake it */
export function gaugesIn(
  result: D1Result,
  { backlogs, databaseBytes }: { backlogs: readonly Backlog[]; databaseBytes: number | null },
): Gauges {
  const row = rowOf<GaugesRow>(result);
  if (row === null) throw new Error('a statement without a condition has given no row');
  const jobsEnded: Partial<Record<Job, number | null>> = JSON.parse(row.jobsEnded);
  const pendingSince = [row.oldestPaymentMs, row.oldestRefundMs].filter((ms) => ms !== null);
  return {
    events: { waiting: row.waiting, oldestMs: row.oldestEventMs, unansweredMs: row.unansweredEventMs },
    pending: {
      count: row.pending,
      overdue: row.overdue,
      oldestMs: pendingSince.length === 0 ? null : Math.min(...pendingSince),
    },
    challenged: row.challenged,
    authorized: row.authorized,
    cases: Object.fromEntries(CASES.map(({ kind }) => [kind, row[kind]])) as Gauges['cases'],
    openDisputes: row.openDisputes,
    databaseBytes,
    jobs: Object.fromEntries(
      backlogs.map(({ job, due }) => [job, { backlog: due, endedAtMs: jobsEnded[job] ?? null }]),
    ) as Gauges['jobs'],
  };
}

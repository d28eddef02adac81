/** What a measurement begins with: what has been counted so far, whether there is more, and what is there now. */

import type { D1Result } from '../d1.ts';
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import type { Backlog } from '../jobs/read-backlogs.ts';
import { type Counts, GAUGE_MAX, type Gauges } from './measured.ts';
import {
  COUNTED_ENTRY,
  COUNTED_EVENT,
  type CountedUntil,
  type Ended,
  endedByEntries,
  endedByEvents,
} from './read-ended.ts';
import { gaugesIn, readGauges } from './read-gauges.ts';

const STATE = `
  SELECT ${COUNTED_EVENT} AS event, ${COUNTED_ENTRY} AS entry,
    EXISTS (SELECT 1 FROM events WHERE sequence > ${COUNTED_EVENT})
      OR EXISTS (SELECT 1 FROM refunds INDEXED BY refunds_failed
        WHERE status = 'failed' AND kind = 'requested' AND written_entry > ${COUNTED_ENTRY})
      OR EXISTS (SELECT 1 FROM audit_entries INDEXED BY audit_entries_of_disputes
        WHERE action = 'dispute.reported' AND sequence > ${COUNTED_ENTRY}) AS hasMore,
    (SELECT counts FROM metric_totals WHERE one = 1) AS counts,
    coalesce((SELECT revision FROM metric_totals WHERE one = 1), 0) AS revision,
    (SELECT coalesce(sum(value), 0) FROM counted_in_memory WHERE metric = 'rate_limited') AS rateLimited`;

export interface CountedSoFar {
  until: CountedUntil;
  /** Whether anything has ended since. */
  hasMore: boolean;
  /** Since counting began. */
  totals: Counts;
  /** Of the totals. */
  revision: number;
  /** Requests that the limiter has refused, as far as isolates have reported them. */
  rateLimited: number;
}

export async function readCounted(db: Database): Promise<CountedSoFar> {
  const { state } = await runBatch(db, { state: db.d1.prepare(STATE) });
  return countedIn(state);
}

/** The same, and what is there now. */
export async function readCountedAndGauges(
  db: Database,
  backlogs: readonly Backlog[],
  nowMs: number,
): Promise<CountedSoFar & { gauges: Gauges }> {
  const { d1 } = db;
  const { gauges, state } = await runBatch(db, { gauges: readGauges(d1, GAUGE_MAX, nowMs), state: d1.prepare(STATE) });
  const databaseBytes = db.fillLevel?.size.bytes ?? null;
  return { ...countedIn(state), gauges: gaugesIn(gauges, { backlogs, databaseBytes }) };
}

type StateRow = CountedUntil & { hasMore: number; counts: string | null; revision: number; rateLimited: number };

function countedIn(state: D1Result): CountedSoFar {
  const row = rowOf<StateRow>(state);
  if (row === null) throw new Error('a statement without a condition has given no row');
  const { event, entry, hasMore, counts, revision, rateLimited } = row;
  const totals = counts === null ? {} : JSON.parse(counts);
  return { until: { event, entry }, hasMore: hasMore === 1, totals, revision, rateLimited };
}

export interface EndedSince {
  byEvents: Ended[];
  byEntries: Ended[];
}

/** What has ended behind these positions: at most `limit` events, and as many entries. */
export async function readEnded(db: Database, { event, entry }: CountedUntil, limit: number): Promise<EndedSince> {
  const { byEvents, byEntries } = await runBatch(db, {
    byEvents: endedByEvents(db.d1, event, limit),
    byEntries: endedByEntries(db.d1, entry, limit),
  });
  return { byEvents: rowsOf<Ended>(byEvents), byEntries: rowsOf<Ended>(byEntries) };
}

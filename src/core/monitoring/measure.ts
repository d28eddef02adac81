/**
 * Counts what has ended since the last time, and what is there now. Nothing is counted on the way of a payment: the outbox and the audit log have
 * it, and a position in each says what has been counted.
 */
import type { Context } from '../context.ts';
import { statementsLeft } from '../ledger/database.ts';
import type { Backlog } from '../ledger/jobs/read-backlogs.ts';
import { add, addAll } from '../ledger/metrics/add-counts.ts';
import type { Counts } from '../ledger/metrics/measured.ts';
import { readTheseMinutes } from '../ledger/metrics/read-measured.ts';
import {
  type CountedSoFar,
  type EndedSince,
  readCounted,
  readCountedAndGauges,
  readEnded,
} from '../ledger/metrics/read-unmeasured.ts';
import { type Measurement, writeMeasured } from '../ledger/metrics/write-measured.ts';
import { addEnded } from './add-ended.ts';

const MINUTE_MS = 60_000;

/** Rows of one statement: it is over within some ten milliseconds, for which D1's one writer does nothing else. */
const ROWS_AT_ONCE = 5_000;
/** Of one database in one run of the cron: more than come in a minute at 500 payments a second, so that a backlog becomes smaller. */
const STEPS_MAX = 20;
const MAX_DURATION_MS = 10_000;
/** What has been counted and what is there now, what has ended by events and by entries, the minutes, and three that write. */
export const STATEMENTS_OF_STEP = 8;

/**
 * Measures one database, step by step, until all is counted or it has been enough for one run of the cron.
 *
 * @param backlogs what each job has to do, as it was counted to wake it
 * @param reserved statements of the invocation that are left for others
 * @throws LedgerUnavailable, LedgerNotMigrated: what was not counted is counted by the next run
 */
export async function measure({ db, nowMs }: Context, backlogs: readonly Backlog[], reserved = 0): Promise<void> {
  const startedAtMs = nowMs();
  const { gauges, ...first } = await readCountedAndGauges(db, backlogs, startedAtMs);
  let counted: CountedSoFar = first;
  for (let step = 1; ; step += 1) {
    const ended = counted.hasMore ? await readEnded(db, counted.until, ROWS_AT_ONCE) : NOTHING_ENDED;
    const measurement = measurementOf(counted, ended, nowMs());
    await addMinutes(measurement, (minutesMs) => readTheseMinutes(db, minutesMs));
    await writeMeasured(db, { ...measurement, gauges });
    const isOver = step === STEPS_MAX || nowMs() - startedAtMs >= MAX_DURATION_MS;
    if (!hasMore(ended) || isOver || statementsLeft(db) < STATEMENTS_OF_STEP + reserved) return;
    counted = await readCounted(db);
  }
}

const NOTHING_ENDED: EndedSince = { byEvents: [], byEntries: [] };

type Counted = Omit<Measurement, 'gauges'> & { minutes: { minuteMs: number; counts: Counts }[] };

/** What is to be written, with the minutes as far as they are in this step. */
function measurementOf(
  { until: from, totals, revision, rateLimited }: CountedSoFar,
  { byEvents, byEntries }: EndedSince,
  nowMs: number,
): Counted {
  const minutes = new Map<number, Counts>();
  const inMinute = (minuteMs: number): Counts => {
    const counts = minutes.get(minuteMs) ?? {};
    minutes.set(minuteMs, counts);
    return counts;
  };
  for (const ended of [...byEvents, ...byEntries]) {
    addEnded(totals, ended);
    addEnded(inMinute(ended.minuteMs), ended);
  }
  // What isolates have reported is a sum: what has come since is what the totals do not have yet.
  const newlyLimited = rateLimited - (totals.rate_limited?.[''] ?? 0);
  if (newlyLimited > 0) {
    add(totals, 'rate_limited', [], newlyLimited);
    add(inMinute(Math.floor(nowMs / MINUTE_MS) * MINUTE_MS), 'rate_limited', [], newlyLimited);
  }
  return {
    revision,
    from,
    until: { event: lastOf(byEvents, from.event), entry: lastOf(byEntries, from.entry) },
    minutes: [...minutes]
      .map(([minuteMs, counts]) => ({ minuteMs, counts }))
      // Events whose payments have left, and those of disputes, add nothing.
      .filter(({ counts }) => Object.keys(counts).length > 0),
    totals,
    nowMs,
  };
}

/** Adds to each minute what it had before. */
async function addMinutes(
  { minutes }: Counted,
  read: (minutesMs: number[]) => Promise<readonly { minuteMs: number; counts: Counts }[]>,
): Promise<void> {
  if (minutes.length === 0) return;
  const before = new Map(
    (await read(minutes.map(({ minuteMs }) => minuteMs))).map((one) => [one.minuteMs, one.counts]),
  );
  for (const { minuteMs, counts } of minutes) addAll(counts, before.get(minuteMs) ?? {});
}

function lastOf(rows: readonly { last: number }[], otherwise: number): number {
  return rows.reduce((last, row) => Math.max(last, row.last), otherwise);
}

function hasMore({ byEvents, byEntries }: EndedSince): boolean {
  return [byEvents, byEntries].some((rows) => rows.reduce((sum, { count }) => sum + count, 0) === ROWS_AT_ONCE);
}

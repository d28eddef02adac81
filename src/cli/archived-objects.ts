/** The objects of the archive that have transactions of a time range. */
import type { ArchivedRange } from '../core/ledger/archive/archive-bucket.ts';
import { archivedRangesAfter } from '../core/ledger/archive/archived-ranges.ts';
import type { Database } from '../core/ledger/database.ts';
import { CLOCK_SLACK_MS, type TimeRange } from '../core/ledger/id-range.ts';

const RANGES_PER_STEP = 500;

/** The objects in which something may be that happened in the time: made before its end, and archived after its beginning. */
export async function archivedObjects(db: Database, { fromMs, toMs }: TimeRange): Promise<ArchivedRange[]> {
  const ranges = await allRanges(db);
  return ranges.filter(
    ({ firstSequence, archivedAtMs }) =>
      firstSequence < toMs + CLOCK_SLACK_MS && archivedAtMs >= fromMs - CLOCK_SLACK_MS,
  );
}

async function allRanges(db: Database): Promise<ArchivedRange[]> {
  const byObject = new Map<string, ArchivedRange>();
  for (let after = -1; ; ) {
    const page = await archivedRangesAfter(db, 'transactions', after, RANGES_PER_STEP);
    for (const range of page) byObject.set(range.object, range);
    const last = page.at(-1);
    if (last === undefined || page.length < RANGES_PER_STEP) return [...byObject.values()];
    // Several objects may begin with the same millisecond, some of them on the next page.
    after = Math.max(after + 1, last.firstSequence - 1);
  }
}

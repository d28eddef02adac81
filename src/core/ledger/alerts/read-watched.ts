/** What the cron needs of the first database to judge and to report. */
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { lastEnded } from '../reconciliations/last-ended.ts';
import { countUnreported } from './lease-unreported.ts';
import { type Episode, openEpisodes } from './read-episodes.ts';

export interface Watched {
  /** Episodes that are not over, those that are no alert yet included. */
  open: Episode[];
  /** How many have a message to be posted. */
  unreported: number;
  /** The last one that has ended; null where there is none. */
  reconciliation: { fromMs: number; toMs: number; differences: number } | null;
}

/** @throws LedgerUnavailable, LedgerNotMigrated */
export async function readWatched(db: Database): Promise<Watched> {
  const { open, unreported, reconciliation } = await runBatch(db, {
    open: openEpisodes(db.d1),
    unreported: countUnreported(db.d1),
    reconciliation: lastEnded(db.d1),
  });
  return {
    open: rowsOf<Episode>(open),
    unreported: rowOf<{ unreported: number }>(unreported)?.unreported ?? 0,
    reconciliation: rowOf<NonNullable<Watched['reconciliation']>>(reconciliation),
  };
}

/** What the cron needs of the first database to judge alerts and to post their messages. */
import { type Database, rowOf, rowsOf, runBatch } from '../database.ts';
import { type CurrentResult, currentResults } from '../reconciliations/current-results.ts';
import { countUnreported } from './lease-unreported.ts';
import { type Episode, openEpisodes } from './read-episodes.ts';

export interface Watched {
  /** Episodes that have not ended, including unconfirmed ones. */
  open: Episode[];
  /** How many episodes have a message to post. */
  unreported: number;
  reconciliations: CurrentResult[];
}

/** @throws LedgerUnavailable, LedgerNotMigrated */
export async function readWatched(db: Database): Promise<Watched> {
  const { open, unreported, reconciliations } = await runBatch(db, {
    open: openEpisodes(db.d1),
    unreported: countUnreported(db.d1),
    reconciliations: currentResults(db.d1),
  });
  return {
    open: rowsOf<Episode>(open),
    unreported: rowOf<{ unreported: number }>(unreported)?.unreported ?? 0,
    reconciliations: rowsOf<CurrentResult>(reconciliations),
  };
}

/** Which of how many databases a database is, as an operator reads and writes it. The Worker presents it: see `runBatch`. */

import { type Database, type DatabasePlace, rowOf, runBatch } from './database.ts';

export type Place = Pick<DatabasePlace, 'shard' | 'shards'>;

const PLACE = 'SELECT shard, shards FROM database_place';

/** Null where it has none yet. */
export async function readPlace(db: Database): Promise<Place | null> {
  const { place } = await runBatch(db, { place: db.d1.prepare(PLACE) });
  return rowOf<Place>(place);
}

/** Whether anything was ever done in a database: whatever is done leaves an entry in the audit log, but for payments of former versions. */
const IS_USED = 'EXISTS (SELECT 1 FROM transactions) OR EXISTS (SELECT 1 FROM audit_entries)';

/** As `shard`, `shards` and `used`: the place, null where there is none, and whether the database is in use. */
export const PLACE_AND_USE = `SELECT (SELECT shard FROM database_place) AS shard, (SELECT shards FROM database_place) AS shards, ${IS_USED} AS used`;

/**
 * Gives an unused database its place, unless it has one. For `wrangler d1 execute`, which binds nothing: both are whole numbers.
 */
export function placing({ shard, shards }: Place): string {
  return `INSERT INTO database_place (one, shard, shards) SELECT 1, ${Math.trunc(shard)}, ${Math.trunc(shards)} WHERE NOT EXISTS (SELECT 1 FROM database_place) AND NOT (${IS_USED})`;
}

/**
 * Whether the databases that wrangler.toml binds can be those of one installation. The number of databases is fixed with the first use: a
 * booking that was looked for in another database than before could be paid twice.
 */
import type { Place } from '../src/core/ledger/database-place.ts';
import { bindingOf } from '../src/core/shards.ts';

export interface FoundDatabase {
  binding: string;
  name: string;
  /** Null where it has none yet. */
  place: Place | null;
  isUsed: boolean;
}

/**
 * @param databases in the order of their bindings
 * @returns null where each database is in its place or can be given it; else why not
 */
export function whyMisplaced(databases: readonly FoundDatabase[]): string | null {
  const count = databases.length;
  const called = ({ binding, name }: FoundDatabase) => `${binding} (${name})`;
  const isInUse = databases.some(({ place, isUsed }) => place !== null && isUsed);
  for (const [number, database] of databases.entries()) {
    const { place, isUsed } = database;
    if (place !== null && place.shards !== count) {
      return `${called(database)} is number ${place.shard} of ${place.shards}, and wrangler.toml binds ${count}. ${NEVER_CHANGES}`;
    }
    if (place !== null && place.shard !== number) {
      return `${called(database)} is number ${place.shard} of ${place.shards}: bind it as ${bindingOf(place.shard)}.`;
    }
    if (place !== null || count === 1) continue;
    if (isUsed) {
      return `${called(database)} is in use as the only database of an installation, and wrangler.toml binds ${count}. ${NEVER_CHANGES}`;
    }
    if (isInUse) {
      return `${called(database)} is new, and the installation is in use. Bind the database that was number ${number} of ${count}: with an empty one in its place, bookings that are paid could be paid again.`;
    }
  }
  return null;
}

const NEVER_CHANGES = 'The number of databases is chosen before the first deployment, and never changes.';

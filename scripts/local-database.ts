/** The local D1 databases of wrangler.toml: whether they have all migrations and their places, and what gives them both. */
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { PLACE_AND_USE, type Place, placing } from '../src/core/ledger/database-place.ts';
import { installationDatabases } from '../src/core/shards.ts';
import { shownPath, stateDirectory } from '../src/local/dev-instance.ts';
import { PROJECT } from '../src/local/project.ts';
import { type FoundDatabase, whyMisplaced } from './database-places.ts';
import { applyLocalMigrations, openLocalDatabase } from './local-migrations.ts';

const D1_OBJECT = 'miniflare-D1DatabaseObject';

/** A database of wrangler.toml. */
interface BoundDatabase {
  binding: string;
  name: string;
  /** What wrangler knows the local database by. */
  id: string;
}

/**
 * Applies the migrations that the local databases lack, and gives new ones their places.
 *
 * @param persistTo the directory of the local state; null is wrangler's own place, .wrangler/state
 * @returns null, or what is wrong
 */
export function prepareLocalDatabases(persistTo: string | null): string | null {
  const state = stateDirectory(persistTo);
  const bound = boundDatabases();
  if (typeof bound === 'string') return bound;
  for (const database of bound) {
    try {
      applyLocalMigrations(localDatabaseFile(state, database.id));
    } catch (error) {
      const why = error instanceof Error ? error.message : error;
      return `The local database ${database.binding} could not be migrated: ${why}. ${startAnew(state)}`;
    }
  }
  const found = bound.map((database) => read(state, database));
  const why = whyMisplaced(found);
  if (why !== null) {
    return `${why} ${startAnew(state)}`;
  }
  if (bound.length > 1) {
    for (const [shard, database] of bound.entries()) {
      if (found[shard]?.place === null)
        opened(state, database, (sqlite) => sqlite.exec(placing({ shard, shards: bound.length })));
    }
  }
  return null;
}

function startAnew(state: string): string {
  return `Delete ${shownPath(state)}, with all its local payments, or choose another directory with \`npm run dev -- --persist-to DIR\``;
}

/** Of a database that has all migrations. */
function read(state: string, database: BoundDatabase): FoundDatabase {
  const { shard, shards, used } = opened(state, database, (sqlite) => sqlite.prepare(PLACE_AND_USE).get()) as {
    [Column in keyof Place]: number | null;
  } & { used: number };
  return { ...database, place: shard === null || shards === null ? null : { shard, shards }, isUsed: used === 1 };
}

function opened<Result>(state: string, database: BoundDatabase, work: (sqlite: DatabaseSync) => Result): Result {
  const sqlite = openLocalDatabase(localDatabaseFile(state, database.id));
  try {
    return work(sqlite);
  } finally {
    sqlite.close();
  }
}

/** @param id in wrangler.toml, or else the binding */
export function localDatabaseFile(state: string, id: string): string {
  return join(state, 'v3/d1', D1_OBJECT, `${objectId(id)}.sqlite`);
}

/** Those of wrangler.toml, in their order; or what is wrong with them. Loading wrangler's own reader takes seconds. */
function boundDatabases(): readonly BoundDatabase[] | string {
  const config = readFileSync(join(PROJECT, 'wrangler.toml'), 'utf8');
  const sections = [...config.matchAll(/^\[\[d1_databases\]\]$([^[]*)/gm)].map(([, section = '']) => {
    const value = (name: string) => new RegExp(`^${name}\\s*=\\s*"(.*)"`, 'm').exec(section)?.[1];
    const binding = value('binding') ?? '';
    const id = value('preview_database_id') ?? value('database_id') ?? binding;
    return { binding, id, name: value('database_name') ?? binding };
  });
  try {
    return installationDatabases(sections);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The name of a Durable Object's file, as miniflare derives it. */
function objectId(name: string): string {
  const key = createHash('sha256').update(D1_OBJECT).digest();
  const half = (data: string | Buffer) => createHmac('sha256', key).update(data).digest().subarray(0, 16);
  const nameHalf = half(name);
  return Buffer.concat([nameHalf, half(nameHalf)]).toString('hex');
}

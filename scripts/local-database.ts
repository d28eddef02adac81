/**
 * The local D1 databases: whether they have all migrations and their places, which wrangler takes seconds to find out, and what gives them
 * both.
 */
import { createHash, createHmac } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PLACE_AND_USE, type Place, placing } from '../src/core/ledger/database-place.ts';
import { installationDatabases } from '../src/core/shards.ts';
import { shownPath, stateDirectory } from '../src/local/dev-instance.ts';
import { PROJECT } from '../src/local/project.ts';
import { persistence, WRANGLER, WRANGLER_ENV } from '../src/local/wrangler.ts';
import { type FoundDatabase, whyMisplaced } from './database-places.ts';
import { runProcess } from './processes.ts';

const MIGRATIONS = join(PROJECT, 'migrations');
const D1_OBJECT = 'miniflare-D1DatabaseObject';
const MIGRATIONS_DEADLINE_MS = 60_000;
const LOCK_DEADLINE_MS = 5_000;

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
 * @param show called before what takes seconds
 * @returns null, or what is wrong
 */
export async function prepareLocalDatabases(
  persistTo: string | null,
  show: (what: string) => void,
  signal?: AbortSignal,
): Promise<string | null> {
  const state = stateDirectory(persistTo);
  const bound = boundDatabases();
  if (typeof bound === 'string') return bound;
  for (const database of bound) {
    if (isMigrated(state, database)) continue;
    show(`applying the migrations to the local database${bound.length > 1 ? ` ${database.binding}` : ''}`);
    const failure = await applyMigrations(database, persistTo, signal);
    if (failure !== null) return `The migrations could not be applied to the local database:\n${failure}`;
    if (!isMigrated(state, database))
      return `The local database ${database.binding} is not in ${localDatabaseFile(state, database.id)}`;
  }
  const why = whyMisplaced(bound.map((database) => read(state, database)));
  if (why !== null) {
    return `${why} Delete ${shownPath(state)}, with all its local payments, or choose another directory with \`npm run dev -- --persist-to DIR\``;
  }
  if (bound.length > 1) {
    for (const [shard, database] of bound.entries()) {
      opened(state, database, (sqlite) => sqlite.exec(placing({ shard, shards: bound.length })));
    }
  }
  return null;
}

/** Whether the databases in this state have all that they need. False if that is unknown, too. */
export function arePrepared(state: string): boolean {
  const bound = boundDatabases();
  if (typeof bound === 'string' || !bound.every((database) => isMigrated(state, database))) return false;
  const found = bound.map((database) => read(state, database));
  return whyMisplaced(found) === null && (bound.length === 1 || found.every(({ place }) => place !== null));
}

async function applyMigrations(
  { binding }: BoundDatabase,
  persistTo: string | null,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const deadline = AbortSignal.timeout(MIGRATIONS_DEADLINE_MS);
  // By its binding, because a deployer may choose another name for the database.
  const { succeeded, ended, output } = await runProcess(
    [WRANGLER, 'd1', 'migrations', 'apply', binding, '--local', ...persistence(persistTo)],
    {
      cwd: PROJECT,
      env: { ...WRANGLER_ENV, CI: 'true' },
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    },
  );
  return succeeded ? null : output.trim() || ended;
}

function isMigrated(state: string, database: BoundDatabase): boolean {
  if (!existsSync(localDatabaseFile(state, database.id))) return false;
  const wanted = readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql'));
  try {
    return opened(state, database, (sqlite) => {
      const applied = new Set(
        sqlite
          .prepare('SELECT name FROM d1_migrations')
          .all()
          .map(({ name }) => name),
      );
      return wanted.every((name) => applied.has(name));
    });
  } catch {
    return false; // it has no such table, or is no database
  }
}

/** Of a database that has all migrations. */
function read(state: string, database: BoundDatabase): FoundDatabase {
  const { shard, shards, used } = opened(state, database, (sqlite) => sqlite.prepare(PLACE_AND_USE).get()) as {
    [Column in keyof Place]: number | null;
  } & { used: number };
  return { ...database, place: shard === null || shards === null ? null : { shard, shards }, isUsed: used === 1 };
}

function opened<Result>(state: string, database: BoundDatabase, work: (sqlite: DatabaseSync) => Result): Result {
  const sqlite = new DatabaseSync(localDatabaseFile(state, database.id), { timeout: LOCK_DEADLINE_MS });
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

/** The local D1 database: whether it has all migrations, which wrangler takes seconds to find out, and their application. */
import { createHash, createHmac } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PROJECT } from '../src/local/project.ts';
import { persistence, WRANGLER, WRANGLER_ENV } from '../src/local/wrangler.ts';
import { runProcess } from './processes.ts';

const MIGRATIONS = join(PROJECT, 'migrations');
const D1_OBJECT = 'miniflare-D1DatabaseObject';
/** The binding, because a deployer may choose another name for the database. */
const DATABASE = 'DB';
const MIGRATIONS_DEADLINE_MS = 60_000;

/**
 * Applies the migrations that the local database lacks.
 *
 * @param persistTo the directory of the local state; null is wrangler's own place, .wrangler/state
 * @returns null, or wrangler's output if it failed
 */
export async function applyLocalMigrations(persistTo: string | null, signal?: AbortSignal): Promise<string | null> {
  const deadline = AbortSignal.timeout(MIGRATIONS_DEADLINE_MS);
  const { succeeded, ended, output } = await runProcess(
    [WRANGLER, 'd1', 'migrations', 'apply', DATABASE, '--local', ...persistence(persistTo)],
    {
      cwd: PROJECT,
      env: { ...WRANGLER_ENV, CI: 'true' },
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    },
  );
  return succeeded ? null : output.trim() || ended;
}

/** Whether the database in this state has all migrations. False if that is unknown, too: wrangler then applies the missing ones. */
export function isMigrated(state: string): boolean {
  const file = join(state, 'v3/d1', D1_OBJECT, `${objectId(localDatabaseId())}.sqlite`);
  if (!existsSync(file)) return false;
  const wanted = readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql'));
  try {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      const applied = new Set(
        database
          .prepare('SELECT name FROM d1_migrations')
          .all()
          .map(({ name }) => name),
      );
      return wanted.every((name) => applied.has(name));
    } finally {
      database.close();
    }
  } catch {
    return false; // it has no such table, or is no database
  }
}

/** What wrangler knows the local database by: the id in wrangler.toml, or else the binding. */
function localDatabaseId(): string {
  const config = readFileSync(join(PROJECT, 'wrangler.toml'), 'utf8');
  const [, section = ''] = /^\[\[d1_databases\]\]$([^[]*)/m.exec(config) ?? [];
  const value = (name: string) => new RegExp(`^${name}\\s*=\\s*"(.*)"`, 'm').exec(section)?.[1];
  return value('preview_database_id') ?? value('database_id') ?? value('binding') ?? '';
}

/** The name of a Durable Object's file, as miniflare derives it. */
function objectId(name: string): string {
  const key = createHash('sha256').update(D1_OBJECT).digest();
  const half = (data: string | Buffer) => createHmac('sha256', key).update(data).digest().subarray(0, 16);
  const nameHalf = half(name);
  return Buffer.concat([nameHalf, half(nameHalf)]).toString('hex');
}

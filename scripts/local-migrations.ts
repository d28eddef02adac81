/**
 * Migrates a local D1 in its file. `wrangler d1 migrations apply --local` does the same by way of workerd, and takes many seconds. Each finds
 * what the other has applied.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PROJECT } from '../src/local/project.ts';

const MIGRATIONS = join(PROJECT, 'migrations');
/** Another process may be writing to it. */
const LOCK_DEADLINE_MS = 5_000;

/** Where wrangler keeps which migrations a database has: https://developers.cloudflare.com/d1/reference/migrations/ */
const MIGRATIONS_TABLE = `
  CREATE TABLE IF NOT EXISTS d1_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`;

/**
 * Applies the migrations that the database lacks, all or none, and makes the file if there is none.
 *
 * @param migrations the directory that has them
 * @throws Error that names the one that failed
 */
export function applyLocalMigrations(file: string, migrations: string = MIGRATIONS): void {
  mkdirSync(dirname(file), { recursive: true });
  const sqlite = openLocalDatabase(file);
  try {
    sqlite.exec('PRAGMA journal_mode = WAL'); // as workerd has it
    sqlite.exec(MIGRATIONS_TABLE);
    if (missing(sqlite, migrations).length === 0) return;
    sqlite.exec('BEGIN IMMEDIATE');
    // Asked again: another process may have been faster.
    for (const name of missing(sqlite, migrations)) apply(sqlite, name, readFileSync(join(migrations, name), 'utf8'));
    sqlite.exec('COMMIT');
  } finally {
    sqlite.close(); // what is not committed is undone
  }
}

function apply(sqlite: DatabaseSync, name: string, sql: string): void {
  try {
    sqlite.exec(sql);
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  sqlite.prepare('INSERT INTO d1_migrations (name) VALUES (?1)').run(name);
}

export function openLocalDatabase(file: string): DatabaseSync {
  return new DatabaseSync(file, { timeout: LOCK_DEADLINE_MS, enableDoubleQuotedStringLiterals: true });
}

function missing(sqlite: DatabaseSync, migrations: string): string[] {
  const applied = new Set(
    sqlite
      .prepare('SELECT name FROM d1_migrations')
      .all()
      .map(({ name }) => name),
  );
  return readdirSync(migrations)
    .filter((name) => name.endsWith('.sql') && !applied.has(name))
    .toSorted();
}

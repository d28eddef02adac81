/**
 * Migrates a local D1 in its file. wrangler does the same by way of workerd, and takes half a second for each migration; it finds
 * here what it has left, and the other way round.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PROJECT } from '../src/local/project.ts';

export const MIGRATIONS = join(PROJECT, 'migrations');
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
 * Applies the migrations that the database lacks, each as a whole, and makes the file if there is none.
 *
 * @throws Error of the first that fails, named; those before it are applied
 */
export function applyLocalMigrations(file: string, migrations: string = MIGRATIONS): void {
  mkdirSync(dirname(file), { recursive: true });
  const sqlite = openLocalDatabase(file);
  try {
    sqlite.exec('PRAGMA journal_mode = WAL'); // as workerd has it
    sqlite.exec(MIGRATIONS_TABLE);
    for (const name of missing(sqlite, migrations)) {
      sqlite.exec('BEGIN IMMEDIATE');
      try {
        // Another process may have been faster.
        if (missing(sqlite, migrations).includes(name)) {
          sqlite.exec(readFileSync(join(migrations, name), 'utf8'));
          sqlite.prepare('INSERT INTO d1_migrations (name) VALUES (?1)').run(name);
        }
        sqlite.exec('COMMIT');
      } catch (error) {
        sqlite.exec('ROLLBACK');
        throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
  } finally {
    sqlite.close();
  }
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

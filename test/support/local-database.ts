/** The local D1 of a stack, read and written past the service. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const LOCK_DEADLINE_MS = 5_000;

export interface LocalDatabase {
  /** The first column of the first row, a number. */
  count(sql: string): number;
  /** The first column of all rows, as text. */
  column(sql: string): string[];
  close(): void;
}

export function localDatabase(directory: string): LocalDatabase {
  const database = new DatabaseSync(localDatabaseFile(directory), { readOnly: true });
  const column = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => String(Object.values(row)[0]));
  return {
    column,
    count: (sql) => Number(column(sql)[0]),
    close: () => database.close(),
  };
}

/** Runs one statement, also while the Worker runs; answers with how many rows it has changed. */
export function writeLocalDatabase(directory: string, sql: string, ...parameters: (string | number)[]): number {
  const database = new DatabaseSync(localDatabaseFile(directory), { timeout: LOCK_DEADLINE_MS });
  try {
    return Number(database.prepare(sql).run(...parameters).changes);
  } finally {
    database.close();
  }
}

/** Has nobody write to it until the returned function is called: D1 answers with an error meanwhile. */
export function lockLocalDatabase(directory: string): () => void {
  const database = new DatabaseSync(localDatabaseFile(directory));
  database.exec('BEGIN IMMEDIATE');
  return () => database.close();
}

/** The file of the local D1 in the directory. */
export function localDatabaseFile(directory: string): string {
  const [path] = globSync('v3/d1/**/*.sqlite', { cwd: directory }).filter((name) => !name.includes('metadata'));
  if (path === undefined) throw new Error('there is no local database');
  return join(directory, path);
}

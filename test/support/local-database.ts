/** The local D1 of a stack, read and written past the service. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const LOCK_DEADLINE_MS = 5_000;

export interface LocalDatabase {
  /** The one number that the statement gives. */
  count(sql: string): number;
  /** The first column of all rows, as text. */
  column(sql: string): string[];
  close(): void;
}

/** Of all databases of the stack: their columns behind each other, and the sum of their counts. */
export function localDatabase(directory: string): LocalDatabase {
  const databases = localDatabaseFiles(directory).map((file) => new DatabaseSync(file, { readOnly: true }));
  const column = (sql: string) =>
    databases.flatMap((database) =>
      database
        .prepare(sql)
        .all()
        .map((row) => String(Object.values(row)[0])),
    );
  return {
    column,
    count: (sql) => column(sql).reduce((sum, count) => sum + Number(count), 0),
    close() {
      for (const database of databases) database.close();
    },
  };
}

/** Runs one statement, also while the Worker runs; answers with how many rows it has changed. */
export function writeLocalDatabase(directory: string, sql: string, ...parameters: (string | number | null)[]): number {
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

/** The file of the only local D1 in the directory. */
export function localDatabaseFile(directory: string): string {
  const [file] = localDatabaseFiles(directory);
  if (file === undefined) throw new Error('there is no local database');
  return file;
}

export function localDatabaseFiles(directory: string): string[] {
  const paths = globSync('v3/d1/**/*.sqlite', { cwd: directory }).filter((name) => !name.includes('metadata'));
  return paths.map((path) => join(directory, path));
}

/** The local D1 of a stack, read past the service. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface LocalDatabase {
  /** The first column of the first row, a number. */
  count(sql: string): number;
  /** The first column of all rows, as text. */
  column(sql: string): string[];
  close(): void;
}

export function localDatabase(directory: string): LocalDatabase {
  const database = new DatabaseSync(fileIn(directory), { readOnly: true });
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

/** Has nobody write to it until the returned function is called: D1 answers with an error meanwhile. */
export function lockLocalDatabase(directory: string): () => void {
  const database = new DatabaseSync(fileIn(directory));
  database.exec('BEGIN IMMEDIATE');
  return () => database.close();
}

function fileIn(directory: string): string {
  const [path] = globSync('v3/d1/**/*.sqlite', { cwd: directory }).filter((name) => !name.includes('metadata'));
  if (path === undefined) throw new Error('there is no local database');
  return join(directory, path);
}

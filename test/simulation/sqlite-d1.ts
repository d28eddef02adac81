/**
 * D1 without workerd: the same interface over an SQLite in memory, so that the ledger's own SQL runs in plain Node. It
 * gives the rows, counts and errors of local D1, to which sqlite-d1.test.ts holds it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import type { D1Database, D1PreparedStatement, D1Result } from '@cloudflare/workers-types';

/** D1's limit for one statement: https://developers.cloudflare.com/d1/platform/limits/ */
const PARAMETERS_MAX = 100;

const SQLITE_RANGE = 25;
/** The result codes that a statement can cause, as D1's messages name them: https://sqlite.org/rescode.html */
const RESULT_CODES = new Map([
  [1, 'SQLITE_ERROR'],
  [13, 'SQLITE_FULL'],
  [18, 'SQLITE_TOOBIG'],
  [19, 'SQLITE_CONSTRAINT'],
  [20, 'SQLITE_MISMATCH'],
  [SQLITE_RANGE, 'SQLITE_RANGE'],
  [275, 'SQLITE_CONSTRAINT_CHECK'],
  [787, 'SQLITE_CONSTRAINT_FOREIGNKEY'],
  [1299, 'SQLITE_CONSTRAINT_NOTNULL'],
  [1555, 'SQLITE_CONSTRAINT_PRIMARYKEY'],
  [1811, 'SQLITE_CONSTRAINT_TRIGGER'],
  [2067, 'SQLITE_CONSTRAINT_UNIQUE'],
  [2579, 'SQLITE_CONSTRAINT_ROWID'],
  [3091, 'SQLITE_CONSTRAINT_DATATYPE'],
]);

export interface SqliteD1 {
  d1: D1Database;
  /** The same database, for a look behind D1's back. Its schema is changed here only before the first statement of `d1`. */
  sqlite: DatabaseSync;
  close(): void;
}

/**
 * A database; an empty one in memory, unless a file is named. Everything is carried out before the promise is handed back, so nothing can come
 * in between.
 */
export function openSqliteD1(file = ':memory:'): SqliteD1 {
  const sqlite = new DatabaseSync(file, {
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: true,
  });
  return { d1: d1Over(sqlite), sqlite, close: () => sqlite.close() };
}

/** Knows nothing of what another one has compiled: for a database whose schema has changed. */
export function d1Over(sqlite: DatabaseSync): D1Database {
  return new Database(new Connection(sqlite));
}

const MIGRATIONS = new URL('../../migrations/', import.meta.url);
/** In their order. */
export const ALL_MIGRATIONS: readonly { file: string; sql: string }[] = readdirSync(MIGRATIONS)
  .filter((file) => file.endsWith('.sql'))
  .sort()
  .map((file) => ({ file, sql: readFileSync(new URL(file, MIGRATIONS), 'utf8') }));

/** Runs all migrations in their order, each as `patch` gives it back. */
export function applyMigrations(sqlite: DatabaseSync, patch = (sql: string, _file: string): string => sql): void {
  for (const { file, sql } of ALL_MIGRATIONS) sqlite.exec(patch(sql, file));
}

/** Every statement that was compiled since the process began, for a look at the plans. */
export const COMPILED = new Set<string>();

interface Compiled {
  statement: StatementSync;
  columns: string[];
  parameterCount: number;
  changesSchema: boolean;
}

interface Answer {
  columns: string[];
  rows: SQLOutputValue[][];
  meta: Pick<D1Result['meta'], 'changes' | 'last_row_id' | 'changed_db' | 'size_after'>;
}

/** An SQLite that compiles each statement once, and carries out each list of them as one transaction. */
class Connection {
  readonly #sqlite: DatabaseSync;
  readonly #compiled = new Map<string, Compiled>();
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #counters: StatementSync;
  readonly #size: StatementSync;

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite;
    this.#begin = sqlite.prepare('BEGIN IMMEDIATE');
    this.#commit = sqlite.prepare('COMMIT');
    this.#rollback = sqlite.prepare('ROLLBACK');
    // Other than SELECT changes(), it neither hides nor changes what the next statement's changes() says.
    this.#counters = sqlite.prepare('SELECT total_changes(), last_insert_rowid()');
    this.#counters.setReturnArrays(true);
    // Without free pages, as D1 reckons it.
    this.#size = sqlite.prepare(
      'SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
    );
    this.#size.setReturnArrays(true);
  }

  /** @throws Error as D1 words it; then none of them has happened */
  transact(statements: PreparedStatement[]): Answer[] {
    if (statements.length === 0) throw d1Error('No SQL statements detected.');
    this.#begin.run();
    try {
      const answers: Answer[] = [];
      let before = this.#count();
      for (const { sql, parameters } of statements) {
        const { statement, columns, parameterCount, changesSchema } = this.#compile(sql);
        if (parameters.length !== parameterCount) throw d1Error('Wrong number of parameter bindings for SQL query.');
        const rows = statement.all(...parameters) as unknown as SQLOutputValue[][];
        for (const row of rows) for (let i = 0; i < row.length; i++) row[i] = answered(row[i] as SQLOutputValue);
        if (changesSchema) this.#compiled.clear();
        const after = this.#count();
        const changes = after.totalChanges - before.totalChanges;
        const changed_db = changes !== 0 || after.lastRowId !== before.lastRowId || changesSchema;
        answers.push({ columns, rows, meta: { changes, last_row_id: after.lastRowId, changed_db, size_after: 0 } });
        before = after;
      }
      this.#commit.run();
      const [size_after] = this.#size.get() as unknown as [number];
      for (const { meta } of answers) meta.size_after = size_after;
      return answers;
    } catch (error) {
      // Some errors end the transaction by themselves.
      if (this.#sqlite.isTransaction) this.#rollback.run();
      throw inWordsOfD1(error);
    }
  }

  #count(): { totalChanges: number; lastRowId: number } {
    const [totalChanges, lastRowId] = this.#counters.get() as unknown as [number, number];
    return { totalChanges, lastRowId };
  }

  #compile(sql: string): Compiled {
    const known = this.#compiled.get(sql);
    if (known !== undefined) return known;
    if (sql.trim() === '') throw d1Error('No SQL statements detected.');
    if (/^\s*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b/i.test(sql)) {
      throw d1Error('To execute a transaction, please use batch() instead of SQL statements.');
    }
    const statement = this.#sqlite.prepare(sql);
    // node:sqlite would leave out, without a word, what stands behind the first statement.
    if (sql.slice(statement.sourceSQL.length).trim() !== '') throw new Error('one statement at a time');
    statement.setReturnArrays(true);
    const compiled = {
      statement,
      columns: statement.columns().map(({ name }) => name),
      parameterCount: countParameters(statement),
      changesSchema: /^\s*(CREATE|ALTER|DROP)\b/i.test(sql),
    };
    this.#compiled.set(sql, compiled);
    COMPILED.add(sql);
    return compiled;
  }
}

/**
 * How many values a statement takes, which node:sqlite does not tell: it takes one too few for a NULL. But it refuses one
 * too many, and `iterate` binds without running anything.
 */
function countParameters(statement: StatementSync): number {
  const known = parameterCounts.get(statement.sourceSQL);
  if (known !== undefined) return known;
  const count = countedParameters(statement);
  parameterCounts.set(statement.sourceSQL, count);
  return count;
}

/** By the text of statements: counting takes longer than compiling. */
const parameterCounts = new Map<string, number>();

function countedParameters(statement: StatementSync): number {
  const values: null[] = [];
  while (values.length <= PARAMETERS_MAX) {
    try {
      statement.iterate(...values, null);
    } catch (error) {
      if (resultCode(error) !== SQLITE_RANGE) throw error;
      return values.length;
    }
    values.push(null);
  }
  throw d1Error(
    /\?\d/.test(statement.sourceSQL)
      ? `variable number must be between ?1 and ?${PARAMETERS_MAX}: SQLITE_ERROR`
      : 'too many SQL variables: SQLITE_ERROR',
  );
}

class Database implements D1Database {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  prepare(sql: string): D1PreparedStatement {
    return new PreparedStatement(this.#connection, sql, []);
  }

  async batch<Row>(statements: D1PreparedStatement[]): Promise<D1Result<Row>[]> {
    return this.#connection.transact(statements as PreparedStatement[]).map((answer) => asResult<Row>(answer));
  }

  /** Each line is a statement, as it is to D1. */
  async exec(sql: string): Promise<{ count: number; duration: number }> {
    const lines = sql.trim().split('\n');
    try {
      const statements = lines.filter((line) => line.trim() !== '');
      this.#connection.transact(statements.map((line) => new PreparedStatement(this.#connection, line, [])));
      return { count: statements.length, duration: 0 };
    } catch (error) {
      const message = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      // Whichever line it was, D1 says that it was the first.
      throw d1Error(`Error in line 1: ${lines[0]}: ${message}`, 'D1_EXEC_ERROR');
    }
  }

  withSession(): never {
    throw new Error('there is one SQLite and no replica of it: no sessions');
  }

  dump(): never {
    throw new Error('D1 no longer has dump()');
  }
}

class PreparedStatement implements D1PreparedStatement {
  readonly #connection: Connection;
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];

  constructor(connection: Connection, sql: string, parameters: readonly SQLInputValue[]) {
    this.#connection = connection;
    this.sql = sql;
    this.parameters = parameters;
  }

  bind(...values: unknown[]): D1PreparedStatement {
    return new PreparedStatement(this.#connection, this.sql, values.map(bound));
  }

  async all<Row>(): Promise<D1Result<Row>> {
    return asResult<Row>(this.#answer());
  }

  run<Row>(): Promise<D1Result<Row>> {
    return this.all<Row>();
  }

  async first<Value>(column?: string): Promise<Value | null> {
    const [row] = asResult<Record<string, unknown>>(this.#answer()).results;
    if (row === undefined) return null;
    if (column === undefined) return row as Value;
    if (row[column] === undefined) {
      throw new Error(`D1_COLUMN_NOTFOUND: Column not found (${column})`, { cause: new Error('Column not found') });
    }
    return row[column] as Value;
  }

  raw<Row>(options: { columnNames: true }): Promise<[string[], ...Row[]]>;
  raw<Row>(options?: { columnNames?: false }): Promise<Row[]>;
  async raw(options?: { columnNames?: boolean }): Promise<unknown[]> {
    const { columns, rows } = this.#answer();
    return options?.columnNames ? [columns, ...rows] : rows;
  }

  #answer(): Answer {
    return this.#connection.transact([this])[0] as Answer;
  }
}

/** What node:sqlite cannot know, such as rows_read and rows_written, or what no clock here should tell, is left out. */
function asResult<Row>({ columns, rows, meta }: Answer): D1Result<Row> {
  const results = rows.map((row) => {
    const object: Record<string, unknown> = {};
    for (let i = 0; i < columns.length; i++) object[columns[i] as string] = row[i];
    return object as Row;
  });
  return { success: true, results, meta: meta as D1Result['meta'] };
}

/** Between the Worker and D1 values are JSON: it knows neither infinity nor NaN, and bytes are an array of numbers. */
function answered(value: SQLOutputValue): SQLOutputValue {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return value instanceof Uint8Array ? (Array.from(value) as unknown as SQLOutputValue) : value;
}

/** @throws Error as D1 words it, where the value is none that D1 takes */
function bound(value: unknown): SQLInputValue {
  if (value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string') {
    if (value.includes('\0')) throw new Error('node:sqlite gives text back only as far as its first NUL');
    return value;
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return Uint8Array.from(value as Uint8Array);
  if (Array.isArray(value) && value.every((byte) => typeof byte === 'number' && byte >= 0 && byte < 256)) {
    return Uint8Array.from(value);
  }
  throw d1Error(`Type '${typeof value}' not supported for value '${value}'`, 'D1_TYPE_ERROR');
}

/** D1's errors say the same thing twice: behind a prefix, and alone as the cause. */
function d1Error(message: string, prefix = 'D1_ERROR'): Error {
  return new Error(`${prefix}: ${message}`, { cause: new Error(message) });
}

/** An error of SQLite as D1 tells it. Another one, which D1 does not have, stays what it is. */
function inWordsOfD1(error: unknown): unknown {
  const code = resultCode(error);
  const primary = code === null ? undefined : RESULT_CODES.get(code & 0xff);
  if (code === null || primary === undefined) return error;
  const extended = RESULT_CODES.get(code);
  const name = extended === undefined || extended === primary ? primary : `${primary} (extended: ${extended})`;
  return d1Error(`${(error as Error).message}: ${name}`);
}

function resultCode(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error ? (error.errcode as number) : null;
}

/**
 * The rule for migrations: the version before one runs on the tables that it leaves. Looked at from outside, so that whatever a migration
 * does, however it is written, counts by its result: a schema before and after it, and the rows that the version before has written.
 */
import { DatabaseSync } from 'node:sqlite';

interface Column {
  name: string;
  type: string;
  notnull: number;
  dflt_value: string | null;
  pk: number;
}
interface Entry {
  type: 'table' | 'view' | 'index' | 'trigger';
  name: string;
  /** The table of an index or a trigger. */
  of: string;
  sql: string | null;
}
interface Table {
  sql: string;
  columns: Column[];
  rows: string[];
}
interface Database {
  entries: Map<string, Entry>;
  tables: Map<string, Table>;
}

export interface MigrationRule {
  /** Every statement that the version before sends. */
  statements: readonly string[];
  /** Such a migration comes after the deployment: it takes away indexes, without which a rollback is slower. */
  isAfterDeployment?: boolean;
}

/**
 * Applies the migration, and says what of it the version before it cannot run with; nothing where it can.
 *
 * @param sqlite has all migrations before this one, and rows that the version before has written
 */
export function whatFormerVersionLacks(sqlite: DatabaseSync, migration: string, rule: MigrationRule): string[] {
  const before = databaseOf(sqlite);
  try {
    sqlite.exec(migration);
  } catch (error) {
    return [`it fails on a database in use: ${messageOf(error)}`];
  }
  const after = databaseOf(sqlite, before.tables);
  return [
    ...[...before.tables].flatMap(([name, table]) => tableProblems(name, table, after.tables.get(name))),
    ...[...before.entries.values()].flatMap((entry) => lossProblems(entry, after, rule)),
    ...[...after.entries.values()]
      .filter(({ name, of }) => !before.entries.has(name) && before.tables.has(of))
      .flatMap((entry) => refusalProblems(sqlite, entry, newColumns(before, after, entry.of))),
    ...rule.statements.flatMap((sql) => statementProblems(sqlite, sql)),
  ];
}

/** @param known the tables, and their columns, that rows are compared by; without it, all of them */
function databaseOf(sqlite: DatabaseSync, known?: Database['tables']): Database {
  const entries = sqlite
    .prepare("SELECT type, name, tbl_name AS of, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    .all() as unknown as Entry[];
  const tables = entries.flatMap(({ type, name, sql }): [string, Table][] => {
    if (type !== 'table') return [];
    const columns = columnsOf(sqlite, name);
    const compared = known?.get(name)?.columns ?? columns;
    const areThere = compared.every((column) => columns.some((other) => other.name === column.name));
    return [[name, { sql: sql ?? '', columns, rows: areThere ? rowsOf(sqlite, name, compared) : [] }]];
  });
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), tables: new Map(tables) };
}

function columnsOf(sqlite: DatabaseSync, table: string): Column[] {
  return sqlite
    .prepare('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?)')
    .all(table) as unknown as Column[];
}

function rowsOf(sqlite: DatabaseSync, table: string, columns: readonly Column[]): string[] {
  const values = columns.map(({ name }) => `quote("${name}")`).join(` || ',' || `);
  return sqlite
    .prepare(`SELECT ${values} AS row FROM "${table}"`)
    .all()
    .map(({ row }) => String(row));
}

function tableProblems(name: string, before: Table, after: Table | undefined): string[] {
  if (after === undefined) return [`the table ${name} is gone`];
  const changed = before.columns.flatMap((column) => {
    const now = after.columns.find((other) => other.name === column.name);
    if (now === undefined) return [`the column ${name}.${column.name} is gone`];
    const isSame = JSON.stringify({ ...now, notnull: 0 }) === JSON.stringify({ ...column, notnull: 0 });
    return isSame && now.notnull <= column.notnull ? [] : [`the column ${name}.${column.name} is not what it was`];
  });
  if (changed.length > 0) return changed;

  const kept = new Set(after.rows);
  const lost = before.rows.filter((row) => !kept.has(row)).length;
  const rows = lost === 0 ? [] : [`${lost} rows of ${name} are gone, or have other values than were written`];
  return [...rows, ...definitionProblems(name, before.sql, after.sql)];
}

/** SQLite writes an added column into the text of its table; a table that was made anew has another text. */
function definitionProblems(name: string, before: string, after: string): string[] {
  const added = insertedInto(before, after);
  if (added === null) return [`the table ${name} was made anew: its constraints may refuse what it took`];
  if (added === '') return [];
  return probe(added).map((why) => `${name} refuses rows without what was added to it: ${why}`);
}

/** What was inserted into `before` in one place to make `after` of it; null where that is not how it was made. */
function insertedInto(before: string, after: string): string | null {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  const rest = before.slice(start);
  if (after.length < before.length || !after.endsWith(rest)) return null;
  return after
    .slice(start, after.length - rest.length)
    .trim()
    .replace(/^,|,$/g, '')
    .trim();
}

function lossProblems({ type, name, of, sql }: Entry, after: Database, { isAfterDeployment }: MigrationRule): string[] {
  if (type === 'table' || (type !== 'view' && !after.tables.has(of))) return [];
  const now = after.entries.get(name);
  if (now !== undefined && now.sql === sql) return [];
  const what = `the ${type} ${name} is ${now === undefined ? 'gone' : 'not what it was'}`;
  if (type !== 'index') return [what];
  if (isUnique(sql)) return [`${what}, and ON CONFLICT may need it`];
  return isAfterDeployment ? [] : [`${what}: drop indexes in a migration named ….after-deployment.sql`];
}

/** Of what is new on a table that was there: whether it can refuse a row that leaves out what is new. */
function refusalProblems(sqlite: DatabaseSync, { type, name, of, sql }: Entry, added: readonly string[]): string[] {
  const text = sql ?? '';
  if (type === 'index' && isUnique(text)) {
    const columns = sqlite.prepare('SELECT name FROM pragma_index_info(?)').all(name);
    // Where one of its columns is null, a row conflicts with no other.
    const isOfNew = columns.some((column) => added.includes(String(column.name)));
    return isOfNew ? [] : [`the unique index ${name} refuses what ${of} took`];
  }
  if (type === 'trigger' && /\bRAISE\s*\(/i.test(text)) {
    const [, written] = /\bUPDATE\s+OF\s+([\w\s,]+?)\s+ON\b/i.exec(text) ?? [];
    const [, condition] = /\bWHEN\s+NEW\.(\w+)\s+IS\s+NOT\s+NULL\s+AND\b(?!.*\bOR\b.*\bBEGIN\b)/i.exec(text) ?? [];
    const isOfNew =
      (condition !== undefined && added.includes(condition)) ||
      written?.split(',').every((column) => added.includes(column.trim()));
    return isOfNew ? [] : [`the trigger ${name} refuses what ${of} took`];
  }
  return [];
}

/** Those of the table that a row of the version before leaves null. */
function newColumns(before: Database, after: Database, table: string): string[] {
  const known = before.tables.get(table)?.columns ?? [];
  const columns = after.tables.get(table)?.columns ?? [];
  return columns
    .filter(({ name, dflt_value }) => dflt_value === null && !known.some((column) => column.name === name))
    .map(({ name }) => name);
}

/** Such as a name that is now in two tables of the statement, or a column that an INSERT without names does not give. */
function statementProblems(sqlite: DatabaseSync, sql: string): string[] {
  try {
    sqlite.prepare(sql);
    return [];
  } catch (error) {
    return [`a statement fails, ${messageOf(error)}: ${sql.trim().replace(/\s+/g, ' ').slice(0, 100)}`];
  }
}

/** Why a table of these columns takes no row that leaves them all out. A CHECK that names another column fails here as well. */
function probe(columns: string): string[] {
  const sqlite = new DatabaseSync(':memory:', { enableDoubleQuotedStringLiterals: true });
  try {
    sqlite.exec(`CREATE TABLE probe (${columns}); INSERT INTO probe DEFAULT VALUES`);
    return [];
  } catch (error) {
    return [messageOf(error)];
  } finally {
    sqlite.close();
  }
}

function isUnique(sql: string | null): boolean {
  return /^\s*CREATE\s+UNIQUE\b/i.test(sql ?? '');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

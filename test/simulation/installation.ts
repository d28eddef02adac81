/** The databases of an installation: each with all tables and, where there are several, with its place among them. */
import { LaggingReplica } from './replica.ts';
import { applyMigrations, openSqliteD1, type SqliteD1 } from './sqlite-d1.ts';

/** Changes a migration, for a defect that is made on purpose. */
export type PatchSql = (sql: string, file: string) => string;

export interface InstalledDatabase extends SqliteD1 {
  /** Null: statuses are read from the database itself. */
  replica: LaggingReplica | null;
}

export interface Installation {
  readonly databases: readonly InstalledDatabase[];
  /** A database with all tables that belongs to no installation. */
  spare(): SqliteD1;
  close(): void;
}

/**
 * @param shards so many databases; one alone takes its place by itself
 * @param replicaChance null: there is no replica
 */
export function install(shards: number, patchSql?: PatchSql, replicaChance: number | null = null): Installation {
  const opened: { close(): void }[] = [];
  const open = () => {
    const database = openSqliteD1();
    opened.push(database);
    database.sqlite.exec(tablesBy(patchSql));
    return database;
  };
  const databases = Array.from({ length: shards }, (_, shard): InstalledDatabase => {
    const database = open();
    if (shards > 1)
      database.sqlite.exec(`INSERT INTO database_place (one, shard, shards) VALUES (1, ${shard}, ${shards})`);
    const replica = replicaChance === null ? null : new LaggingReplica(database, replicaChance + shard);
    if (replica !== null) opened.push(replica);
    return { ...database, replica };
  });
  const close = () => {
    for (const one of opened.reverse()) one.close();
  };
  return { databases, spare: open, close };
}

const scripts = new Map<PatchSql | undefined, string>();

/** What all migrations come to: it runs in a seventh of their time. */
function tablesBy(patchSql: PatchSql | undefined): string {
  const known = scripts.get(patchSql);
  if (known !== undefined) return known;
  const { sqlite, close } = openSqliteD1();
  try {
    applyMigrations(sqlite, patchSql);
    const definitionsOf = (...types: string[]) =>
      types.flatMap((type) =>
        sqlite
          .prepare('SELECT name, sql FROM sqlite_schema WHERE type = ? AND sql IS NOT NULL ORDER BY rowid')
          .all(type)
          .map(({ name, sql }) => ({ name: String(name), sql: String(sql) })),
      );
    const tables = definitionsOf('table');
    const rows = tables.flatMap(({ name }) => {
      const columns = sqlite.prepare(`SELECT name FROM pragma_table_info(?)`).all(name);
      const values = columns.map((column) => `quote("${column.name}")`).join(` || ',' || `);
      const inserts = sqlite.prepare(`SELECT 'INSERT INTO ${name} VALUES (' || ${values} || ')' AS sql FROM ${name}`);
      return inserts.all().map(({ sql }) => String(sql));
    });
    const others = definitionsOf('view', 'index', 'trigger');
    const script = ['BEGIN', ...tables.map(({ sql }) => sql), ...rows, ...others.map(({ sql }) => sql), 'COMMIT'].join(
      ';\n',
    );
    scripts.set(patchSql, script);
    return script;
  } finally {
    close();
  }
}

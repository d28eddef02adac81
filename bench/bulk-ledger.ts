/**
 * Fills a database with as many payments as are wanted, up to ten million, by copying a few that the service itself has made. Each copy
 * has ids, hashes, sequences and times of its own, so the tables are as the service leaves them, whatever columns a migration adds.
 */
import { randomFillSync } from 'node:crypto';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';

const BATCHES_AT_ONCE = 100;
const CACHE_KIB = 256 * 1024;
/** Longer than the service takes to make one, so that the copies come one after the other, in the order of their ids. */
export const MS_PER_PAYMENT = 100;

/** Columns with the number of an audit entry, in other tables than its own. */
const OF_AUDIT_ENTRIES = /^(first|last)_sequence$|_entry$/;

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ULID_TIME_LENGTH = 10;
/** What differs from payment to payment: ULIDs, UUIDs, and hexadecimal texts such as hashes, but not the id of the API key. */
const IDS =
  /(?<![0-9A-Za-z])[0-9A-HJKMNP-TV-Z]{26}(?![0-9A-Za-z])|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<!key_)\b(?=[0-9]*[a-f])[0-9a-f]{12,}\b/g;

interface Column {
  name: string;
  /** Of its place in the primary key, from 1; 0 outside of it. */
  pk: number;
  type: string;
}

/** A value of an example's row: what stays, and what is made anew for each copy. */
type Part =
  | { kind: 'constant'; value: SQLInputValue }
  | { kind: 'time'; ms: number }
  | { kind: 'sequence'; value: number; perBatch: number }
  /** `ids` are indexes into the example's ids; texts and ids alternate, a text first. */
  | { kind: 'text'; texts: string[]; ids: number[] };

type VaryingPart = Exclude<Part, { kind: 'constant' }>;

/** One statement inserts a copy of all rows of a table: it opens the table and its indexes once. */
interface CopiedTable {
  table: string;
  insert: StatementSync;
  /** Without the constants, which are in the statement. */
  parts: VaryingPart[];
}

/**
 * Replaces the payments of the database, the example, by so many copies of them. No Worker uses the file meanwhile.
 *
 * @param example how many payments the database has
 * @param wanted a multiple of `example`
 * @param archivedBut of all but so many of the newest, only what an archive leaves is written; by default everything is
 * @param onCopied is given how many there are so far
 */
export async function fillLedger(
  file: string,
  {
    example,
    wanted,
    archivedBut = wanted,
    onCopied,
  }: { example: number; wanted: number; archivedBut?: number; onCopied: (payments: number) => void },
): Promise<void> {
  if (wanted % example !== 0) throw new Error(`${wanted} payments are no multiple of ${example}`);
  const database = new DatabaseSync(file);
  try {
    // Nobody else has the file open, and a file that is left half filled is thrown away.
    database.exec(
      `PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -${CACHE_KIB}`,
    );
    // They keep what is there as it is; what is copied has passed them once.
    const triggers = textColumn(database, "SELECT sql FROM sqlite_master WHERE type = 'trigger'");
    for (const name of textColumn(database, "SELECT name FROM sqlite_master WHERE type = 'trigger'")) {
      database.exec(`DROP TRIGGER "${name}"`);
    }
    const archived = (wanted - archivedBut) / example;
    await copyBatches(database, { example, batches: wanted / example, archived, onCopied });
    if (archived > 0) nameArchived(database);
    // As the sweep and the measuring leave it, which have looked at them all.
    database.exec(
      "UPDATE job_positions SET position = (SELECT max(sequence) FROM events) WHERE job IN ('sweep', 'metrics')",
    );
    for (const trigger of triggers) database.exec(trigger);
    database.exec('PRAGMA journal_mode = WAL');
  } finally {
    database.close();
  }
}

/** What an archive takes away. The seals of the audit log's blocks stay. */
const LEAVES = /^(events|audit_entries)$/;

/** Says of what is missing that it has been archived. */
function nameArchived(database: DatabaseSync): void {
  const range = database.prepare(
    `INSERT INTO archived_ranges (kind, first_sequence, last_sequence, entries, object, bytes, sha256, last_hash, archived_at_ms)
     SELECT 'audit', 1, last_sequence, last_sequence, 'audit/0/bench', 1, hash, hash, at_ms FROM audit_blocks
     WHERE last_sequence < (SELECT min(sequence) FROM audit_entries) ORDER BY last_sequence DESC LIMIT 1`,
  );
  range.run();
  for (const job of ['pack', 'archive']) {
    database.exec(
      `UPDATE job_positions SET position = (SELECT last_sequence FROM archived_ranges) WHERE job = '${job}'`,
    );
  }
  database.exec(
    "UPDATE job_positions SET position = (SELECT min(created_at_ms) FROM events) - 1 WHERE job = 'events_left'",
  );
}

async function copyBatches(
  database: DatabaseSync,
  {
    example,
    batches,
    archived,
    onCopied,
  }: { example: number; batches: number; archived: number; onCopied: (payments: number) => void },
): Promise<void> {
  const ids = new Map<string, number>();
  const tables = copiedTables(database, ids);
  const makers = [...ids.keys()].map(idMaker);
  const msPerBatch = example * MS_PER_PAYMENT;
  for (let batch = 0; batch < batches; batch += 1) {
    if (batch % BATCHES_AT_ONCE === 0) database.exec('BEGIN');
    // The last copy has the example's own times, and those before it earlier ones.
    const shiftMs = (batch - batches + 1) * msPerBatch;
    const fresh = makers.map((make) => make(shiftMs));
    for (const { table, insert, parts } of tables) {
      if (batch < archived && LEAVES.test(table)) continue;
      insert.run(...parts.map((part) => copiedValue(part, { batch, shiftMs, fresh })));
    }
    if ((batch + 1) % BATCHES_AT_ONCE === 0 || batch + 1 === batches) {
      database.exec('COMMIT');
      onCopied((batch + 1) * example);
      await setImmediate(); // for whoever shows how far it is, or ends it
    }
  }
}

function copiedValue(
  part: VaryingPart,
  { batch, shiftMs, fresh }: { batch: number; shiftMs: number; fresh: string[] },
): SQLInputValue {
  switch (part.kind) {
    case 'time':
      return part.ms + shiftMs;
    case 'sequence':
      return part.value + batch * part.perBatch;
    case 'text':
      return part.texts.reduce((text, next, index) => `${text}${fresh[part.ids[index - 1] ?? 0] ?? ''}${next}`);
  }
}

/** Their rows are not a payment's. */
const OF_THE_DATABASE = [
  ...['database_place', 'd1_migrations', 'metric_totals', 'metric_minutes', 'counted_in_memory', 'open_breakers'],
  ...['alert_episodes', 'reconciliations', 'reconciliation_differences'],
];

/** Takes the example's rows out of the database. A row that would be the same in each copy is no payment's, and stays. */
function copiedTables(database: DatabaseSync, ids: Map<string, number>): CopiedTable[] {
  const tables = textColumn(
    database,
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
  );
  const perBatch = new Map(tables.map((table) => [table, rowsIn(database, table)]));
  const copiesIn = (table: string) => {
    const rows = perBatch.get(table);
    if (rows === undefined) throw new Error(`there is no table ${table}`);
    return rows;
  };
  const copied: CopiedTable[] = [];
  for (const table of tables.filter((name) => !OF_THE_DATABASE.includes(name))) {
    const columns = columnsOf(database, table);
    const parents = new Map(foreignKeysOf(database, table).map(({ from, table: parent }) => [from, parent]));
    const sequencePerBatch = (column: Column): number | null => {
      const parent = parents.get(column.name);
      if (parent !== undefined) return copiesIn(parent);
      if (OF_AUDIT_ENTRIES.test(column.name)) return copiesIn('audit_entries');
      const isKey = column.pk === 1 && columns.every(({ name, pk }) => name === column.name || pk === 0);
      return isKey ? copiesIn(table) : null;
    };
    const rows: Part[][] = [];
    for (const row of database.prepare(`SELECT * FROM "${table}"`).all()) {
      const parts = columns.map((column) => partOf(row[column.name] ?? null, column, sequencePerBatch(column), ids));
      const key = parts.filter((_, index) => (columns[index]?.pk ?? 0) > 0);
      if (key.every(({ kind }) => kind === 'constant')) continue;
      rows.push(parts);
    }
    if (rows.length === 0) continue;
    database.exec(`DELETE FROM "${table}"`);
    copied.push(copiedTable(database, table, rows));
  }
  return copied;
}

function partOf(
  value: SQLInputValue,
  { name, type }: Column,
  sequencePerBatch: number | null,
  ids: Map<string, number>,
): Part {
  if (typeof value === 'number') {
    if (name.endsWith('_ms') && value > 0) return { kind: 'time', ms: value };
    if (type === 'INTEGER' && sequencePerBatch !== null) return { kind: 'sequence', value, perBatch: sequencePerBatch };
  }
  if (typeof value !== 'string') return { kind: 'constant', value };
  const found = value.match(IDS) ?? [];
  if (found.length === 0) return { kind: 'constant', value };
  const indexes = found.map((id) => {
    if (!ids.has(id)) ids.set(id, ids.size);
    return ids.get(id) ?? 0;
  });
  return { kind: 'text', texts: value.split(IDS), ids: indexes };
}

function copiedTable(database: DatabaseSync, table: string, rows: Part[][]): CopiedTable {
  const values = rows.map(
    (parts) => `(${parts.map((part) => (part.kind === 'constant' ? literal(part.value) : '?')).join(', ')})`,
  );
  return {
    table,
    insert: database.prepare(`INSERT INTO "${table}" VALUES ${values.join(', ')}`),
    parts: rows.flat().filter((part) => part.kind !== 'constant'),
  };
}

function literal(value: SQLInputValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  return `X'${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}'`;
}

/** Makes ids of the same form: a ULID of the shifted time, a UUID, or as many hexadecimal digits. */
function idMaker(example: string): (shiftMs: number) => string {
  if (/^[0-9A-Z]{26}$/.test(example)) {
    const timeMs = [...example.slice(0, ULID_TIME_LENGTH)].reduce((ms, digit) => ms * 32 + CROCKFORD.indexOf(digit), 0);
    return (shiftMs) => {
      let time = '';
      for (let rest = timeMs + shiftMs, n = 0; n < ULID_TIME_LENGTH; n += 1, rest = Math.floor(rest / 32)) {
        time = `${CROCKFORD[rest % 32]}${time}`;
      }
      let chance = '';
      for (const byte of random(example.length - ULID_TIME_LENGTH)) chance += CROCKFORD[byte & 31];
      return time + chance;
    };
  }
  if (example.includes('-')) return () => crypto.randomUUID();
  // A first letter stays, by which the text is known as an id the next time.
  const first = example.slice(0, 1);
  return () =>
    `${first}${random(Math.ceil(example.length / 2))
      .toString('hex')
      .slice(0, example.length - 1)}`;
}

const CHANCE_BYTES = 64 * 1024;
const chance = Buffer.alloc(CHANCE_BYTES);
let chanceUsed = CHANCE_BYTES;

/** Drawn many at a time, because drawing is what costs. */
function random(length: number): Buffer {
  if (chanceUsed + length > CHANCE_BYTES) {
    randomFillSync(chance);
    chanceUsed = 0;
  }
  chanceUsed += length;
  return chance.subarray(chanceUsed - length, chanceUsed);
}

function rowsIn(database: DatabaseSync, table: string): number {
  return Number(database.prepare(`SELECT count(*) AS n FROM "${table}"`).get()?.n);
}

function columnsOf(database: DatabaseSync, table: string): Column[] {
  return database.prepare(`PRAGMA table_info("${table}")`).all() as unknown as Column[];
}

function foreignKeysOf(database: DatabaseSync, table: string): { from: string; table: string }[] {
  return database.prepare(`PRAGMA foreign_key_list("${table}")`).all() as unknown as { from: string; table: string }[];
}

function textColumn(database: DatabaseSync, sql: string): string[] {
  return database
    .prepare(sql)
    .all()
    .map((row) => String(Object.values(row)[0]));
}

/** Migrations of a local database: as wrangler applies them, whoever has begun. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localDatabaseFile, prepareLocalDatabases } from '../../scripts/local-database.ts';
import { applyLocalMigrations } from '../../scripts/local-migrations.ts';
import { WRANGLER, WRANGLER_ENV } from '../../src/local/wrangler.ts';

const WRANGLER_DEADLINE_MS = 60_000;

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'local-migrations-'));
  file = localDatabaseFile(directory, 'DB');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('wrangler finds nothing left to apply', { timeout: WRANGLER_DEADLINE_MS }, async () => {
  applyLocalMigrations(file);
  expect(await wrangler('list', 'wrangler.toml')).toContain('No migrations to apply');
});

it('applies what wrangler has not applied yet', { timeout: WRANGLER_DEADLINE_MS }, async () => {
  const [first = ''] = readdirSync('migrations').toSorted();
  const some = join(directory, 'migrations');
  mkdirSync(some);
  cpSync(join('migrations', first), join(some, first));
  const config = join(directory, 'wrangler.toml');
  writeFileSync(
    config,
    'name = "some"\ncompatibility_date = "2026-11-01"\n[[d1_databases]]\nbinding = "DB"\ndatabase_name = "some"\nmigrations_dir = "migrations"\n',
  );
  await wrangler('apply', config);
  expect(applied()).toEqual([first]);

  applyLocalMigrations(file);
  applyLocalMigrations(file);
  expect(applied()).toEqual(readdirSync('migrations').toSorted());
});

it('names the one that fails, and has applied none', () => {
  const broken = join(directory, 'migrations');
  mkdirSync(broken);
  writeFileSync(join(broken, '0001_good.sql'), 'CREATE TABLE good (one INTEGER);');
  writeFileSync(join(broken, '0002_bad.sql'), 'CREATE TABLE better (one INTEGER); CREATE TABLE good (one INTEGER);');
  expect(() => applyLocalMigrations(file, broken)).toThrow('0002_bad.sql: table good already exists');
  expect(applied()).toEqual([]);

  writeFileSync(join(broken, '0002_bad.sql'), 'CREATE TABLE better (one INTEGER);');
  applyLocalMigrations(file, broken);
  expect(applied()).toEqual(['0001_good.sql', '0002_bad.sql']);
});

it('says what to do about a file that is no database', () => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, 'something else, and long enough to be read as one');
  expect(prepareLocalDatabases(directory)).toBe(
    `The local database DB could not be migrated: file is not a database. Delete ${directory}, with all its local payments, or choose another directory with \`npm run dev -- --persist-to DIR\``,
  );
});

function applied(): unknown[] {
  const sqlite = new DatabaseSync(file);
  try {
    const rows = sqlite.prepare('SELECT name FROM d1_migrations ORDER BY id').all();
    return rows.map(({ name }) => name);
  } finally {
    sqlite.close();
  }
}

async function wrangler(command: 'apply' | 'list', config: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [WRANGLER, 'd1', 'migrations', command, 'DB', '--local', '--persist-to', directory, '--config', config],
    { env: { ...process.env, ...WRANGLER_ENV, CI: 'true' }, timeout: WRANGLER_DEADLINE_MS },
  );
  return stdout;
}

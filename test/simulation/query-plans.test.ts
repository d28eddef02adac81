/** No statement of the service walks through a whole table: what it costs does not grow with what is stored. */
import type { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { range, simulate } from './simulate.ts';
import { applyMigrations, openSqliteD1 } from './sqlite-d1.ts';

const HISTORIES = 60;

/** Plans that name a table's walk, and read no more than a row or two. */
const BOUNDED: readonly [scan: RegExp, of: RegExp, why: string][] = [
  [/./, /LIMIT 0$/, 'it is never run to a row: it only names what the schema must have'],
  [/^SCAN job_slots$/, /FROM job_slots/, 'it has a row for each slot of each job'],
  [/^SCAN (audit_blocks|audit_seals)$/, /DESC LIMIT 1/, 'the newest row: the walk ends with the first'],
  [/^SCAN events$/, /^INSERT INTO transactions/, 'a foreign key, checked only where a batch has broken one before'],
];

it('of all that a simulated history sends to D1', async () => {
  const { statements } = await simulate(range(1, HISTORIES));
  const { sqlite, close } = openSqliteD1();
  applyMigrations(sqlite);
  const scans = statements.flatMap((sql) => {
    const text = sql.trim().replace(/\s+/g, ' ');
    return scansOf(sqlite, sql)
      .filter((scan) => !BOUNDED.some(([plan, of]) => plan.test(scan) && of.test(text)))
      .map((scan) => `${scan}: ${text}`);
  });
  close();
  expect(statements.length).toBeGreaterThan(60);
  expect(scans).toEqual([]);
}, 120_000);

/** Walks through real tables, and not through what the statement itself has put together before. */
function scansOf(sqlite: DatabaseSync, sql: string): string[] {
  const plan = sqlite.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  const details = plan.map(({ detail }) => String(detail));
  const ownResults = details.flatMap((detail) => /^(?:MATERIALIZE|CO-ROUTINE) (\S+)/.exec(detail)?.[1] ?? []);
  return details.filter((detail) => {
    const [, table = ''] = /^SCAN (\S+)/.exec(detail) ?? [];
    return table !== '' && !ownResults.includes(table) && !/VIRTUAL TABLE|CONSTANT ROW|^SCAN \(/.test(detail);
  });
}

/** No statement of the service walks through a whole table: what it costs does not grow with what is stored. */
import { expect, it } from 'vitest';
import { tableWalks } from '../support/query-plans.ts';
import { range, simulate } from './simulate.ts';
import { applyMigrations, openSqliteD1 } from './sqlite-d1.ts';

const HISTORIES = 60;

it('of all that a simulated history sends to D1', async () => {
  const { statements } = await simulate(range(1, HISTORIES));
  const { sqlite, close } = openSqliteD1();
  applyMigrations(sqlite);
  const planOf = (sql: string) =>
    sqlite
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
  const walks = statements.flatMap((sql) => tableWalks(sql, planOf(sql)).map((walk) => `${walk}: ${sql}`));
  const seen = tableWalks('SELECT * FROM events', planOf('SELECT * FROM events'));
  close();
  expect(seen).toEqual(['SCAN events']);
  expect(statements.length).toBeGreaterThan(60);
  expect(walks).toEqual([]);
}, 120_000);

/**
 * Around each test file: before it an empty database with all tables, since storage is the file's own; after it a search
 * of everything that was stored for card data (invariant 5).
 */
import { applyD1Migrations, type D1Migration } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterAll, expect } from 'vitest';
import { spellings, TEST_CARDS, TEST_CVV } from '../data/cards.ts';

declare global {
  namespace Cloudflare {
    interface GlobalProps {
      mainModule: typeof import('../../src/worker/index.ts');
    }
    interface Env {
      TEST_MIGRATIONS: D1Migration[];
      HOSTILE_REQUESTS: string;
    }
  }
}

await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);

const FORBIDDEN = [...Object.values(TEST_CARDS).flatMap(spellings), '"cvv"'];

afterAll(async () => {
  const tables = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all<{ name: string }>();
  const leaks: string[] = [];
  for (const { name } of tables.results) {
    const { results } = await env.DB.prepare(`SELECT * FROM "${name}"`).all();
    for (const [column, value] of results.flatMap((row) => Object.entries(row))) {
      // A number of three digits may count anything.
      const isKept = value === TEST_CVV || FORBIDDEN.some((secret) => String(value).includes(secret));
      if (isKept) leaks.push(`${name}.${column}`);
    }
  }
  expect(leaks, 'columns in which card data was stored').toEqual([]);
});

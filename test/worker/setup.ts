/**
 * Around each test file: before it an empty database with all tables, since files share an isolate and its storage; after it a search
 * of everything that was stored for card data (invariant 5).
 */
import { applyD1Migrations, type D1Migration, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterAll, expect } from 'vitest';
import { createCardSearch } from '../data/card-search.ts';
import { FIXED_CARDS } from '../data/cards.ts';
import { hitsInTables } from './stored.ts';

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

await reset();
await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);

afterAll(async () => {
  expect(await hitsInTables(createCardSearch(FIXED_CARDS)), 'columns in which card data was stored').toEqual([]);
});

/** What an invocation works with, where the installation has several databases. */
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { backgroundCaller } from '../../src/core/caller.ts';
import { newPatience, runBatch, statementsLeft } from '../../src/core/ledger/database.ts';
import type { Bindings } from '../../src/worker/bindings.ts';
import { compose } from '../../src/worker/compose.ts';
import { settings } from './operation.ts';

function composed(databases: Record<`DB_${number}`, D1Database>) {
  const bindings = { ...env, ...databases } as unknown as Bindings;
  const caller = backgroundCaller('cron');
  return compose({ env: bindings, settings: settings(), log: () => {}, caller, patience: newPatience(Date.now) });
}

/** Takes any place. */
const PLACELESS = {
  prepare: () => env.DB.prepare('SELECT ?1, ?2'),
  batch: (statements: D1PreparedStatement[]) => env.DB.batch(statements.map(() => env.DB.prepare('SELECT 1'))),
} as unknown as D1Database;

it('has as many databases as are bound without a gap', () => {
  const counts = [composed({}), composed({ DB_1: PLACELESS }), composed({ DB_1: PLACELESS, DB_3: PLACELESS })];
  expect(counts.map(({ count }) => count)).toEqual([1, 2, 2]);
});

it('counts the statements that it sends over all its databases, and waits for all of them together', async () => {
  const shards = composed({ DB_1: PLACELESS, DB_2: PLACELESS });
  const [first, second, third] = [shards.at(0).db, shards.at(1).db, shards.at(2).db];
  const before = statementsLeft(first);
  await runBatch(second, { one: second.d1.prepare('SELECT 1'), another: second.d1.prepare('SELECT 1') });
  // With the statement that presents its place.
  expect([first, second, third].map((db) => before - statementsLeft(db))).toEqual([3, 3, 3]);
  expect(second.patience).toBe(first.patience);
});

it('names the database in the ids of payments and refunds, where there are several', () => {
  const ids = (shards: ReturnType<typeof composed>, shard: number) =>
    (['TXN-', 'REF-', 'evt_'] as const).map((prefix) =>
      shards
        .at(shard)
        .newId(prefix)
        .slice(prefix.length + 26),
    );
  expect(ids(composed({}), 0)).toEqual(['', '', '']);
  const several = composed({ DB_1: PLACELESS });
  expect([ids(several, 0), ids(several, 1)]).toEqual([
    ['-0', '-0', ''],
    ['-1', '-1', ''],
  ]);
});

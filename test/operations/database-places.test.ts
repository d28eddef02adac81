/** Which databases can be those of one installation: what `npm run deploy`, `npm run setup` and `npm run dev` ask before they change one. */
import { expect, it } from 'vitest';
import { type FoundDatabase, whyMisplaced } from '../../scripts/database-places.ts';
import { bindingOf, installationDatabases } from '../../src/core/shards.ts';

const NEW = { place: null, isUsed: false };
const placed = (shard: number, shards: number, isUsed = false) => ({ place: { shard, shards }, isUsed });
const why = (...found: Pick<FoundDatabase, 'place' | 'isUsed'>[]) =>
  whyMisplaced(found.map((one, shard) => ({ binding: bindingOf(shard), name: `name-${shard}`, ...one })));

it.each([
  ['new ones', [NEW, NEW, NEW]],
  ['one that is new', [NEW]],
  ['one that is in use and has no place, because nothing has presented it yet', [{ ...NEW, isUsed: true }]],
  ['one that has its place', [placed(0, 1, true)]],
  ['those that have their places', [placed(0, 2, true), placed(1, 2, true)]],
  ['those of a deployment that ended after the first place', [placed(0, 3), NEW, NEW]],
])('%s can be an installation', (_, found) => {
  expect(why(...found)).toBeNull();
});

it.each([
  [
    'one that was the only one',
    [placed(0, 1, true), NEW],
    /^DB \(name-0\) is number 0 of 1, and wrangler.toml binds 2\./,
  ],
  [
    'one that was the only one, and has no place',
    [{ ...NEW, isUsed: true }, NEW],
    /^DB \(name-0\) is in use as the only /,
  ],
  ['a second one that is in use elsewhere', [NEW, { ...NEW, isUsed: true }], /^DB_1 \(name-1\) is in use as the only /],
  ['one of several, alone', [placed(0, 2)], /^DB \(name-0\) is number 0 of 2, and wrangler.toml binds 1\./],
  ['fewer', [placed(0, 3), placed(1, 3)], /^DB .* is number 0 of 3, and wrangler.toml binds 2\./],
  ['more', [placed(0, 2), placed(1, 2), NEW], /^DB .* is number 0 of 2, and wrangler.toml binds 3\./],
  ['another order', [placed(0, 3), placed(2, 3), placed(1, 3)], /^DB_1 .* is number 2 of 3: bind it as DB_2\.$/],
  [
    'one of another installation',
    [placed(0, 2), placed(1, 4)],
    /^DB_1 .* is number 1 of 4, and wrangler.toml binds 2\./,
  ],
  [
    'a new one in the place of one that was in use',
    [placed(0, 2, true), NEW],
    /^DB_1 .* is new, and the installation is in use\./,
  ],
])('%s cannot be one', (_, found, problem) => {
  expect(why(...found)).toMatch(problem);
});

it.each([
  [['DB'], ['DB']],
  [
    ['REPORTS', 'DB_1', 'DB'],
    ['DB', 'DB_1'],
  ],
  [['DB', 'DB_2', 'DB_1', 'DB_10'], /binds DB_10, and no DB_3: databases are bound as DB, DB_1, DB_2, … without a gap/],
  [['DB', 'DB_01'], /binds DB_01, and no DB_1/],
  [['DB', 'DB_0'], /binds DB_0, and no DB_1/],
  [['DB', 'db_1'], /binds db_1, and no DB_1/],
  [['DB', 'DB1'], /binds DB1, and no DB_1/],
  [['DB_1'], /names no database for the binding DB$/],
  [Array.from({ length: 65 }, (_, shard) => bindingOf(shard)), /binds 65 databases: 64 is the most/],
])('of the bindings %j, the databases of an installation are %s', (bindings, expected) => {
  const found = () => installationDatabases(bindings.map((binding) => ({ binding }))).map(({ binding }) => binding);
  if (expected instanceof RegExp) expect(found).toThrow(expected);
  else expect(found()).toEqual(expected);
});

import { expect, it } from 'vitest';
import { storedKeys } from '../../src/core/by-hand/api-keys.ts';
import type { ApiKey } from '../../src/core/ledger/api-keys/list-api-keys.ts';

const key = (keyId: string, changes: Partial<ApiKey> = {}): ApiKey => ({
  ...{ keyId, tenant: 'default', name: 'Shop', scopes: ['payments:read'], createdAtMs: 1, expiresAtMs: null },
  ...{ lastUsedAtMs: null, revokedAtMs: null },
  ...changes,
});

it('a list of one database is the list', () => {
  const keys = [key('key_a'), key('key_b', { createdAtMs: 2, revokedAtMs: 5 })];
  expect(storedKeys([keys])).toEqual([
    { ...keys[0], missingIn: [], validIn: [0] },
    { ...keys[1], missingIn: [], validIn: [] },
  ]);
});

it('a key that all databases have is listed once, the oldest first, with its last use in any of them', () => {
  const [older, newer] = [key('key_b'), key('key_a', { createdAtMs: 2 })];
  const used = { ...newer, lastUsedAtMs: 7 };
  expect(
    storedKeys([
      [older, newer],
      [older, used],
    ]),
  ).toEqual([
    { ...older, missingIn: [], validIn: [0, 1] },
    { ...used, missingIn: [], validIn: [0, 1] },
  ]);
});

it('a key counts as revoked when no database takes it any more, from the last revocation on', () => {
  const revoked = (revokedAtMs: number) => key('key_a', { revokedAtMs });
  expect(storedKeys([[revoked(5)], [revoked(9)]])).toMatchObject([{ revokedAtMs: 9, validIn: [] }]);
  expect(storedKeys([[revoked(5)], [key('key_a')]])).toMatchObject([{ revokedAtMs: null, validIn: [1] }]);
  expect(storedKeys([[], [revoked(5)]])).toMatchObject([{ revokedAtMs: 5, validIn: [], missingIn: [0] }]);
});

it('a key that was made in some of the databases names those that lack it', () => {
  expect(storedKeys([[key('key_a')], [], [key('key_a')]])).toMatchObject([{ missingIn: [1], validIn: [0, 2] }]);
});

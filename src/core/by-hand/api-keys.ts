/** API keys. Each database has its own list: a key is made and revoked in all of them, and a key that is missing in one is marked. */
import { insertApiKey } from '../ledger/api-keys/insert-api-key.ts';
import { type ApiKey, listApiKeys } from '../ledger/api-keys/list-api-keys.ts';
import { revokeApiKey } from '../ledger/api-keys/revoke-api-key.ts';
import type { Database } from '../ledger/database.ts';
import { type KeyMode, makeApiKey } from '../security/api-key.ts';

export const KEY_NAME_MAX_LENGTH = 100;
/** Of letters, digits, spaces and . : @ / - _ */
const KEY_NAME = /^[\w .:@/-]+$/;

/** Whether a key may have this name, in lists and in the audit log. */
export function isKeyName(name: string): boolean {
  return KEY_NAME.test(name) && name.length <= KEY_NAME_MAX_LENGTH;
}

/** `revokedAtMs`: since when all databases that have the key refuse it; null if one accepts it. `lastUsedAtMs`: in any database. */
export interface StoredKey extends ApiKey {
  /** Numbers of the databases. */
  missingIn: number[];
  /** Numbers of the databases in which it is not revoked. It may have expired. */
  validIn: number[];
}

/** @throws LedgerUnavailable, LedgerNotMigrated */
export async function listKeys(databases: readonly Database[], nowMs: number): Promise<StoredKey[]> {
  return storedKeys(await Promise.all(databases.map((db) => listApiKeys(db, nowMs))));
}

/** @param lists of each database, in their order */
export function storedKeys(lists: readonly (readonly ApiKey[])[]): StoredKey[] {
  const found = lists.flatMap((keys, database) => keys.map((key) => ({ database, key })));
  return [...Map.groupBy(found, ({ key }) => key.keyId).values()]
    .flatMap((places): StoredKey[] => {
      const [first] = places;
      if (first === undefined) return [];
      const validIn = places.filter(({ key }) => key.revokedAtMs === null).map(({ database }) => database);
      const isIn = new Set(places.map(({ database }) => database));
      return [
        {
          ...first.key,
          revokedAtMs: validIn.length > 0 ? null : newest(places.map(({ key }) => key.revokedAtMs)),
          lastUsedAtMs: newest(places.map(({ key }) => key.lastUsedAtMs)),
          missingIn: [...lists.keys()].filter((database) => !isIn.has(database)),
          validIn,
        },
      ];
    })
    .toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.keyId < b.keyId ? -1 : 1));
}

function newest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** Whether only some databases accept the key. It has to be revoked. */
export function isIncomplete({ revokedAtMs, validIn }: StoredKey, databases: number): boolean {
  return revokedAtMs === null && validIn.length < databases;
}

export type AskedKey = Pick<ApiKey, 'name' | 'scopes' | 'tenant' | 'expiresAtMs'>;

export type KeyMade =
  /** `secret`: the key itself, which is stored nowhere. */
  | { kind: 'made'; key: ApiKey; secret: string }
  /** The key must not be shown, so that nobody uses it. Revoke it where it was stored. */
  | { kind: 'not_confirmed'; keyId: string; shard: number; error: unknown };

/** @param secret API_KEY_SECRET, base64 */
export async function makeKey(
  databases: readonly Database[],
  asked: AskedKey,
  { secret, mode, nowMs }: { secret: string; mode: KeyMode; nowMs: number },
): Promise<KeyMade> {
  const { keyId, key, keyHash } = await makeApiKey(secret, mode, asked);
  for (const [shard, db] of databases.entries()) {
    try {
      await insertApiKey(db, { ...asked, keyId, keyHash, createdAtMs: nowMs });
    } catch (error) {
      return { kind: 'not_confirmed', keyId, shard, error };
    }
  }
  const made = { ...asked, keyId, createdAtMs: nowMs, lastUsedAtMs: null, revokedAtMs: null };
  return { kind: 'made', key: made, secret: key };
}

export type KeyRevoked =
  | { kind: 'revoked'; key: ApiKey & { revokedAtMs: number } }
  | { kind: 'unknown' }
  /** Requests for bookings in these databases may still be accepted with it. */
  | { kind: 'not_confirmed'; failed: { shard: number; error: unknown }[] };

/** Revokes the key in every database, even if some fail: the others refuse it from then on. A repetition revokes only what is left. */
export async function revokeKey(databases: readonly Database[], keyId: string, nowMs: number): Promise<KeyRevoked> {
  const answers = await Promise.allSettled(databases.map((db) => revokeApiKey(db, keyId, nowMs)));
  const failed = answers.flatMap((answer, shard) =>
    answer.status === 'rejected' ? [{ shard, error: answer.reason as unknown }] : [],
  );
  if (failed.length > 0) return { kind: 'not_confirmed', failed };
  // A key whose creation failed halfway is missing in some of them.
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value ?? []) : []));
  const [key] = found;
  if (key === undefined) return { kind: 'unknown' };
  return {
    kind: 'revoked',
    key: {
      ...key,
      lastUsedAtMs: newest(found.map(({ lastUsedAtMs }) => lastUsedAtMs)),
      revokedAtMs: Math.max(...found.map(({ revokedAtMs }) => revokedAtMs ?? nowMs)),
    },
  };
}

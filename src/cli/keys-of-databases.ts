/** API keys, of which each database has its own list. A key that was made or revoked in some of them only is shown as such. */
import type { ApiKey } from '../core/ledger/api-keys/list-api-keys.ts';

/** `revokedAtMs`: since when all databases that have the key refuse it; null where one does not. `lastUsedAtMs`: in any of them. */
export interface StoredKey extends ApiKey {
  /** Numbers of the databases. */
  missingIn: number[];
  /** Where it is not revoked; it may have expired. */
  validIn: number[];
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

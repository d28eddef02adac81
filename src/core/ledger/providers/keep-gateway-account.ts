/** Which account at a provider an API key belongs to, and which one the rows of former versions belong to. */

import type { D1Result } from '../d1.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';

const FIND = 'SELECT name, account FROM gateway_accounts WHERE name IN (SELECT value FROM json_each(?1))';

/** The accounts that are known by these names. */
export async function findGatewayAccounts(db: Database, names: readonly string[]): Promise<Map<string, string>> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND).bind(JSON.stringify(names)) });
  return accountsByName(found);
}

const KEEP = `
  INSERT INTO gateway_accounts (name, account) SELECT value, ?2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING`;

/** Records the account behind these names. A name that has one keeps it: the returned map is what the ledger has. */
export async function keepGatewayAccount(
  db: Database,
  names: readonly string[],
  account: string,
): Promise<Map<string, string>> {
  const { found } = await runBatch(db, {
    kept: db.d1.prepare(KEEP).bind(JSON.stringify(names), account),
    found: db.d1.prepare(FIND).bind(JSON.stringify(names)),
  });
  return accountsByName(found);
}

function accountsByName(found: D1Result): Map<string, string> {
  return new Map(rowsOf<{ name: string; account: string }>(found).map(({ name, account }) => [name, account]));
}

const knownAccounts = new Map<string, string>();

/** Remembers accounts in the ledger. The account behind a key never changes, so an isolate asks its database once. */
export function accountsIn(db: Database, known = knownAccounts) {
  const noted = (found: ReadonlyMap<string, string>) => {
    for (const [name, account] of found) known.set(name, account);
    return found;
  };
  return {
    async find(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
      return names.every((name) => known.has(name)) ? known : noted(await findGatewayAccounts(db, names));
    },
    keep: async (names: readonly string[], account: string) => noted(await keepGatewayAccount(db, names, account)),
  };
}

/** The same without writing (invariant 9): a name that is not recorded yet has the account that would be recorded. */
export function accountsReadFrom(db: Database) {
  const find = (names: readonly string[]) => findGatewayAccounts(db, names);
  return {
    find,
    async keep(names: readonly string[], account: string) {
      const found = await find(names);
      return new Map(names.map((name) => [name, found.get(name) ?? account]));
    },
  };
}

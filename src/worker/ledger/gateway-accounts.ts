/** Which account at a provider an API key belongs to, and which one the rows of former versions belong to. */
import { type Database, rowsOf, runBatch } from './database.ts';

const FIND = 'SELECT name, account FROM gateway_accounts WHERE name IN (SELECT value FROM json_each(?1))';

/** The accounts that are known by these names. */
export async function findGatewayAccounts(db: Database, names: readonly string[]): Promise<Map<string, string>> {
  const { found } = await runBatch(db, { found: db.d1.prepare(FIND).bind(JSON.stringify(names)) });
  return accountsByName(found);
}

const KEEP = `
  INSERT INTO gateway_accounts (name, account) SELECT value, ?2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING`;

/** Writes down whose these names are. A name that is known keeps its account: the answer has what stands. */
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

function accountsByName(found: D1Result<unknown>): Map<string, string> {
  return new Map(rowsOf<{ name: string; account: string }>(found).map(({ name, account }) => [name, account]));
}

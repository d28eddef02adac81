/** An API key for the benchmark's own requests: with one, as deployed, each request proves who sends it. */
import { DatabaseSync } from 'node:sqlite';
import { type KeyMode, makeApiKey } from '../src/core/security/api-key.ts';
import { DEFAULT_TENANT, SCOPES } from '../src/core/security/credential.ts';
import { LOCAL_SECRETS } from '../test/data/local-variables.ts';

const KEY_SCOPES = SCOPES.filter((scope) => scope !== 'admin');

/** @param mode `live` in production, `test` elsewhere */
async function newApiKey(mode: KeyMode) {
  return makeApiKey(LOCAL_SECRETS.API_KEY_SECRET, mode, {
    tenant: DEFAULT_TENANT,
    scopes: KEY_SCOPES,
    expiresAtMs: null,
  });
}

/** Makes a key that the database knows. */
export async function insertApiKey(database: DatabaseSync, mode: KeyMode): Promise<string> {
  const { keyId, key, keyHash } = await newApiKey(mode);
  database
    .prepare(
      'INSERT INTO api_keys (key_id, tenant, name, scopes, key_hash, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)',
    )
    .run(keyId, DEFAULT_TENANT, 'benchmark', KEY_SCOPES.join(' '), keyHash, Date.now());
  return key;
}

/** The same for the database in this file, which no Worker uses meanwhile. */
export async function addApiKey(file: string): Promise<string> {
  const database = new DatabaseSync(file);
  try {
    return await insertApiKey(database, 'test');
  } finally {
    database.close();
  }
}

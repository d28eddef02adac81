/** Adds an API key: its hash, and what it may do. */

import { auditKeyChange } from '../audit/insert-entry.ts';
import { type Database, runBatch } from '../database.ts';
import type { ApiKey } from './list-api-keys.ts';

const INSERT = `
  INSERT INTO api_keys (key_id, tenant, name, scopes, key_hash, created_at_ms, expires_at_ms)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING`;

export async function insertApiKey(
  db: Database,
  key: Pick<ApiKey, 'keyId' | 'tenant' | 'name' | 'scopes' | 'createdAtMs' | 'expiresAtMs'> & { keyHash: string },
): Promise<void> {
  const { keyId, tenant, name, scopes, keyHash, createdAtMs, expiresAtMs } = key;
  await runBatch(db, {
    inserted: db.d1.prepare(INSERT).bind(keyId, tenant, name, scopes.join(' '), keyHash, createdAtMs, expiresAtMs),
    audited: auditKeyChange(db, {
      atMs: createdAtMs,
      action: 'key.created',
      subject: keyId,
      outcome: 'created',
      detail: { scopes: scopes.join(' '), expires_at_ms: expiresAtMs },
    }),
  });
}

import { auditKeyChange } from '../audit/insert-entry.ts';
import { type Database, rowOf, runBatch } from '../database.ts';
import { API_KEY_COLUMNS, type ApiKey, type ApiKeyRow, apiKeyOf } from './list-api-keys.ts';

/** Revokes an API key for good: it authenticates no request that begins after this. Null where there is none with this id. */
export async function revokeApiKey(db: Database, keyId: string, nowMs: number): Promise<ApiKey | null> {
  const { found } = await runBatch(db, {
    revoked: db.d1
      .prepare('UPDATE api_keys SET revoked_at_ms = ?2 WHERE key_id = ?1 AND revoked_at_ms IS NULL')
      .bind(keyId, nowMs),
    audited: auditKeyChange(db, { atMs: nowMs, action: 'key.revoked', subject: keyId, outcome: 'revoked' }),
    found: db.d1.prepare(`SELECT ${API_KEY_COLUMNS} FROM api_keys WHERE key_id = ?1`).bind(keyId),
  });
  const row = rowOf<ApiKeyRow>(found);
  return row && apiKeyOf(row);
}

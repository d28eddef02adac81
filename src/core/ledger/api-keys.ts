/** API keys in D1: who has one, and which have been revoked. The keys themselves are not here. */
import { isScope, type Scope } from '../security/credential.ts';
import { audit, auditKeyChange } from './audit.ts';
import { type Database, rowOf, rowsOf, runBatch } from './database.ts';

export interface ApiKey {
  keyId: string;
  tenant: string;
  /** What it is for, in its maker's words. */
  name: string;
  scopes: readonly Scope[];
  createdAtMs: number;
  expiresAtMs: number | null;
  /** To the hour. */
  lastUsedAtMs: number | null;
  revokedAtMs: number | null;
}

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

const COLUMNS = `
  key_id AS keyId, tenant, name, scopes, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs,
  last_used_at_ms AS lastUsedAtMs, revoked_at_ms AS revokedAtMs`;

type Row = Omit<ApiKey, 'scopes'> & { scopes: string };

function apiKeyOf(row: Row): ApiKey {
  return { ...row, scopes: row.scopes.split(' ').filter(isScope) };
}

/** All keys, the oldest first. That somebody has looked at them is in the audit log. */
export async function listApiKeys(db: Database, nowMs: number): Promise<ApiKey[]> {
  const { found } = await runBatch(db, {
    found: db.d1.prepare(`SELECT ${COLUMNS} FROM api_keys ORDER BY created_at_ms, key_id`),
    audited: audit(db, '*', { atMs: nowMs, action: 'keys.read', subject: 'api_keys', outcome: 'read' }),
  });
  return rowsOf<Row>(found).map(apiKeyOf);
}

/** Revokes a key for good: no request that begins after this is let in by it. Null where there is none with this id. */
export async function revokeApiKey(db: Database, keyId: string, nowMs: number): Promise<ApiKey | null> {
  const { found } = await runBatch(db, {
    revoked: db.d1
      .prepare('UPDATE api_keys SET revoked_at_ms = ?2 WHERE key_id = ?1 AND revoked_at_ms IS NULL')
      .bind(keyId, nowMs),
    audited: auditKeyChange(db, { atMs: nowMs, action: 'key.revoked', subject: keyId, outcome: 'revoked' }),
    found: db.d1.prepare(`SELECT ${COLUMNS} FROM api_keys WHERE key_id = ?1`).bind(keyId),
  });
  const row = rowOf<Row>(found);
  return row && apiKeyOf(row);
}

/** API keys in D1: who has one, and which have been revoked. The keys themselves are not here. */

import { isScope, type Scope } from '../../security/credential.ts';
import { audit } from '../audit/insert-entry.ts';
import { type Database, rowsOf, runBatch } from '../database.ts';

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

export const API_KEY_COLUMNS = `
  key_id AS keyId, tenant, name, scopes, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs,
  last_used_at_ms AS lastUsedAtMs, revoked_at_ms AS revokedAtMs`;

export type ApiKeyRow = Omit<ApiKey, 'scopes'> & { scopes: string };

export function apiKeyOf(row: ApiKeyRow): ApiKey {
  return { ...row, scopes: row.scopes.split(' ').filter(isScope) };
}

/** All keys, the oldest first. The audit log shows that they have been read. */
export async function listApiKeys(db: Database, nowMs: number): Promise<ApiKey[]> {
  const { found } = await runBatch(db, {
    found: db.d1.prepare(`SELECT ${API_KEY_COLUMNS} FROM api_keys ORDER BY created_at_ms, key_id`),
    audited: audit(db, '*', { atMs: nowMs, action: 'keys.read', subject: 'api_keys', outcome: 'read' }),
  });
  return rowsOf<ApiKeyRow>(found).map(apiKeyOf);
}

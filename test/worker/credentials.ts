/** Callers of a Worker that lets nobody in without a key or a token. */
import { env } from 'cloudflare:workers';
import { insertApiKey } from '../../src/core/ledger/api-keys/insert-api-key.ts';
import { revokeApiKey } from '../../src/core/ledger/api-keys/revoke-api-key.ts';
import { makeApiKey, type NewKey } from '../../src/core/security/api-key.ts';
import { SCOPES } from '../../src/core/security/credential.ts';
import { LOCAL_SECRETS } from '../data/local-variables.ts';
import { database } from './operation.ts';

/** All scopes but admin, of the tenant that there is without keys. */
const USUAL: NewKey = { tenant: 'default', scopes: SCOPES.filter((scope) => scope !== 'admin'), expiresAtMs: null };

/** A key as `payctl keys create` makes it, and the header that carries it. */
export async function apiKey(
  { secret = LOCAL_SECRETS.API_KEY_SECRET, ...overrides }: Partial<NewKey> & { secret?: string } = {},
  mode: 'live' | 'test' = 'test',
) {
  const asked = { ...USUAL, ...overrides };
  const made = await makeApiKey(secret, mode, asked);
  await insertApiKey(database, { ...asked, ...made, name: 'of a test', createdAtMs: Date.now() });
  return { ...made, headers: bearer(made.key) };
}

/** One that was revoked before it was ever used. */
export async function revokedKey(overrides: Partial<NewKey> = {}) {
  const made = await apiKey(overrides);
  await revokeApiKey(database, made.keyId, Date.now());
  return made;
}

export const bearer = (presented: string) => ({ Authorization: `Bearer ${presented}` });

/** Variables under which keys are asked for. */
export const WITH_KEYS = { ...env, AUTH_MODE: 'api_key' };

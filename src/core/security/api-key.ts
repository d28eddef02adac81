/**
 * API keys. A key says by itself whose it is and what it may do, under a signature of this service, so that one that was made
 * up or altered is refused without asking anybody. Whether it has been revoked is in the database, which knows its hash only.
 */
import { base64url } from 'jose';
import { type Credential, isTenant, type Refused, SCOPES, type Scope } from './credential.ts';
import { hex, hmacSha256, isHmacSha256 } from './hmac.ts';

/** Beyond chance, in bytes: of the name by which a key is listed, and of the part that nobody but its holder has. */
const KEY_ID_BYTES = 6;
const SECRET_BYTES = 16;
/** A SHA-256 in base64url. */
const SIGNATURE_LENGTH = 43;
const LONGEST_KEY = 512;

/** A payment secret key. Elsewhere `pk_` begins a publishable key, which scanners for leaked secrets pass over. */
const PREFIX = 'psk_';
const FORM = /^psk_(live|test)_[A-Za-z0-9_-]+$/;

/** `live` keys are taken in production only, and `test` keys nowhere else. */
export type KeyMode = 'live' | 'test';

export interface NewKey {
  tenant: string;
  scopes: readonly Scope[];
  /** Milliseconds since 1970, counted in whole seconds; null: never. */
  expiresAtMs: number | null;
}

export interface MadeKey {
  keyId: string;
  /** The key itself. It is shown once, and kept nowhere. */
  key: string;
  /** What the database keeps of it. */
  keyHash: string;
}

/** @param secret API_KEY_SECRET, base64 */
export async function makeApiKey(
  secret: string,
  mode: KeyMode,
  { tenant, scopes, expiresAtMs }: NewKey,
): Promise<MadeKey> {
  const keyId = `key_${hex(randomBytes(KEY_ID_BYTES))}`;
  const expiry = expiresAtMs === null ? '' : Math.floor(expiresAtMs / 1000);
  const said = [keyId, tenant, letters(scopes), expiry, base64url.encode(randomBytes(SECRET_BYTES))].join(',');
  const unsigned = `${prefixOf(mode)}${base64url.encode(new TextEncoder().encode(said))}`;
  const key = `${unsigned}${base64url.encode(await hmacSha256(secret, unsigned))}`;
  return { keyId, key, keyHash: await keyHashOf(secret, key) };
}

/** Whether this means to be an API key, and no token. */
export function looksLikeApiKey(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** Whose key it is, according to the key itself. The database decides whether it has been revoked: `keyHash`. */
export async function readApiKey(
  secret: string,
  mode: KeyMode,
  key: string,
  nowMs: number,
): Promise<{ kind: 'authenticated'; credential: Credential } | Refused> {
  const signature = key.slice(-SIGNATURE_LENGTH);
  const unsigned = key.slice(0, -SIGNATURE_LENGTH);
  if (key.length > LONGEST_KEY || !FORM.test(unsigned)) return refused('The API key is malformed');
  if (!unsigned.startsWith(prefixOf(mode))) {
    return refused(`The API key is not a ${mode} key: it is of another environment`);
  }
  const said = await signedText(secret, unsigned, signature);
  if (said === null) return refused('The API key is not known');

  const [keyId = '', tenant = '', scopes = '', expiry = ''] = said.split(',');
  if (!isTenant(tenant)) throw new Error('an API key that this service has signed names no tenant');
  if (expiry !== '' && Number(expiry) * 1000 <= nowMs) return refused('The API key has expired');
  const credential = {
    tenant,
    actor: `key:${keyId}`,
    scopes: SCOPES.filter((scope) => scopes.includes(letterOf(scope))),
    keyHash: await keyHashOf(secret, key),
  };
  return { kind: 'authenticated', credential };
}

/** What a key says, or null where its signature is not this service's. */
async function signedText(secret: string, unsigned: string, signature: string): Promise<string | null> {
  try {
    if (!(await isHmacSha256(secret, new Uint8Array(base64url.decode(signature)), unsigned))) return null;
    return new TextDecoder().decode(base64url.decode(unsigned.slice(prefixOf('live').length)));
  } catch {
    return null; // which is not base64 at all
  }
}

/** As long for one mode as for the other. */
function prefixOf(mode: KeyMode): string {
  return `${PREFIX}${mode}_`;
}

async function keyHashOf(secret: string, key: string): Promise<string> {
  return hex(await hmacSha256(secret, `stored ${key}`));
}

/** Each scope is one letter in a key. */
function letterOf(scope: Scope): string {
  return { 'payments:write': 'w', 'refunds:write': 'f', 'payments:read': 'r', admin: 'a' }[scope];
}

function letters(scopes: readonly Scope[]): string {
  return SCOPES.filter((scope) => scopes.includes(scope))
    .map(letterOf)
    .join('');
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

function refused(reason: string): Refused {
  return { kind: 'refused', reason };
}

/**
 * API keys. A key contains its organisation, scopes and expiry, signed by this service, so a forged or altered key is refused
 * without a query. The database stores only the hash of a key, and whether it has been revoked.
 */
import { base64url } from 'jose';
import { type Credential, isTenant, type Refused, SCOPES, type Scope } from './credential.ts';
import { hex, hmacSha256, isHmacSha256 } from './hmac.ts';

/** Random bytes: of the id by which a key is listed, and of its secret part. */
const KEY_ID_BYTES = 6;
const SECRET_BYTES = 16;
/** A SHA-256 in base64url. */
const SIGNATURE_LENGTH = 43;
const LONGEST_KEY = 512;

/** A payment secret key. Elsewhere `pk_` begins a publishable key, which scanners for leaked secrets pass over. */
const PREFIX = 'psk_';
const FORM = /^psk_(live|test)_[A-Za-z0-9_-]+$/;

/** `live` keys are accepted in production only, `test` keys everywhere else. */
export type KeyMode = 'live' | 'test';

export interface NewKey {
  tenant: string;
  scopes: readonly Scope[];
  /** Milliseconds since 1970, counted in whole seconds; null: never. */
  expiresAtMs: number | null;
}

export interface MadeKey {
  keyId: string;
  /** The key itself. It is shown once and never stored. */
  key: string;
  /** The part that the database stores. */
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

/** Whether the text is meant as an API key, not as a token. */
export function looksLikeApiKey(text: string): boolean {
  return text.startsWith(PREFIX);
}

/**
 * The credential that the key contains. Whether the key has been revoked, the database decides by `keyHash`.
 *
 * @param secrets with any of which it may be signed, the likeliest first
 */
export async function readApiKey(
  secrets: readonly string[],
  mode: KeyMode,
  key: string,
  nowMs: number,
): Promise<{ kind: 'authenticated'; credential: Credential } | Refused> {
  const signature = key.slice(-SIGNATURE_LENGTH);
  const unsigned = key.slice(0, -SIGNATURE_LENGTH);
  if (key.length > LONGEST_KEY || !FORM.test(unsigned)) return refused('The API key is malformed');
  if (!unsigned.startsWith(prefixOf(mode))) {
    return refused(`The API key is not a ${mode} key: it belongs to another environment`);
  }
  for (const secret of secrets) {
    const said = await signedText(secret, unsigned, signature);
    if (said !== null) return saidBy(secret, key, said, nowMs);
  }
  return refused('The API key is not known');
}

/** @param secret that the key is signed with, and stored under */
async function saidBy(secret: string, key: string, said: string, nowMs: number): ReturnType<typeof readApiKey> {
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

/** The signed text of a key; null if the signature is not this service's. */
async function signedText(secret: string, unsigned: string, signature: string): Promise<string | null> {
  try {
    if (!(await isHmacSha256(secret, new Uint8Array(base64url.decode(signature)), unsigned))) return null;
    return new TextDecoder().decode(base64url.decode(unsigned.slice(prefixOf('live').length)));
  } catch {
    return null; // not base64
  }
}

/** Of the same length for both modes. */
function prefixOf(mode: KeyMode): string {
  return `${PREFIX}${mode}_`;
}

async function keyHashOf(secret: string, key: string): Promise<string> {
  return hex(await hmacSha256(secret, `stored ${key}`));
}

/** Each scope is one letter in a key. */
function letterOf(scope: Scope): string {
  return { 'payments:write': 'w', 'refunds:write': 'f', 'payments:read': 'r', 'metrics:read': 'm', admin: 'a' }[scope];
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

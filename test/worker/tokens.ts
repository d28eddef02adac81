/** Tokens as issuers sign them, well or badly, and the variables under which the Worker takes those of one issuer. */
import { SCOPES } from '../../src/core/security/credential.ts';

const ALGORITHMS = {
  HS256: { name: 'HMAC', hash: 'SHA-256' },
  HS512: { name: 'HMAC', hash: 'SHA-512' },
  RS256: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  ES256: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
} as const;
type Algorithm = keyof typeof ALGORITHMS;
type SharedAlgorithm = 'HS256' | 'HS512';
type PublishedAlgorithm = 'RS256' | 'ES256';

/** What a token says; undefined leaves a claim or a field of the header out. */
export type Parts = { header?: Record<string, unknown>; claims?: Record<string, unknown> };

export interface TestIssuer {
  variables: Record<string, string>;
  token(parts?: Parts): Promise<string>;
}

const NAMES = { JWT_ISSUER: 'https://issuer.example', JWT_AUDIENCE: 'payments', JWT_TENANT_CLAIM: 'org' };

export const nowSeconds = () => Math.floor(Date.now() / 1000);

/** All scopes but admin, of the organisation that there is without keys. */
function usualClaims(): Record<string, unknown> {
  return {
    iss: NAMES.JWT_ISSUER,
    aud: NAMES.JWT_AUDIENCE,
    sub: 'client-1',
    org: 'default',
    scope: SCOPES.filter((scope) => scope !== 'admin').join(' '),
    exp: nowSeconds() + 300,
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const jsonPart = (value: unknown) => base64Url(bytes(JSON.stringify(value)));

export function base64Url(content: Uint8Array): string {
  return btoa(String.fromCharCode(...content))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** @param key null: the signature is empty */
async function signed(algorithm: Algorithm, key: CryptoKey | null, { header, claims }: Parts): Promise<string> {
  const unsigned = `${jsonPart({ alg: algorithm, ...header })}.${jsonPart({ ...usualClaims(), ...claims })}`;
  const signature = key && (await crypto.subtle.sign(ALGORITHMS[algorithm], key, bytes(unsigned)));
  return `${unsigned}.${signature === null ? '' : base64Url(new Uint8Array(signature))}`;
}

/** A token that is signed with this text. */
export async function sharedToken(algorithm: SharedAlgorithm, secret: string, parts: Parts = {}): Promise<string> {
  const key = await crypto.subtle.importKey('raw', bytes(secret), ALGORITHMS[algorithm], false, ['sign']);
  return signed(algorithm, key, parts);
}

export const unsignedToken = () => signed('HS256', null, { header: { alg: 'none' } });

/** An issuer that shares this secret with the Worker. */
export function sharingIssuer(secret = 'a secret that nobody but these tests has ever heard of'): TestIssuer {
  return {
    variables: { ...NAMES, JWT_SECRET_KEY: secret },
    token: (parts) => sharedToken('HS256', secret, parts),
  };
}

/**
 * An issuer that publishes its key, which is called `key-1` and does not say what it is for.
 *
 * @param otherKeys published before it
 */
export async function publishingIssuer(
  algorithm: PublishedAlgorithm,
  otherKeys: Record<string, unknown>[] = [],
): Promise<TestIssuer & { jwk: JsonWebKey; spki: string }> {
  const pair = (await crypto.subtle.generateKey(ALGORITHMS[algorithm], true, ['sign', 'verify'])) as CryptoKeyPair;
  const { alg: _, ...jwk } = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as JsonWebKey;
  const spki = new Uint8Array((await crypto.subtle.exportKey('spki', pair.publicKey)) as ArrayBuffer);
  const url = `http://issuer.test/${crypto.randomUUID()}/keys`;
  await fetch(url, { method: 'PUT', body: JSON.stringify({ keys: [...otherKeys, { ...jwk, kid: 'key-1' }] }) });
  return {
    variables: { ...NAMES, JWT_JWKS_URL: url, JWT_ALGORITHM: algorithm },
    token: ({ header, claims } = {}) =>
      signed(algorithm, pair.privateKey, { header: { kid: 'key-1', ...header }, ...(claims && { claims }) }),
    jwk,
    spki: `-----BEGIN PUBLIC KEY-----\n${btoa(String.fromCharCode(...spki))}\n-----END PUBLIC KEY-----\n`,
  };
}

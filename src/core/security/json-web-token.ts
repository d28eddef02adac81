/**
 * JSON Web Tokens (RFC 7519): of an issuer that shares a secret with this service, or of one that publishes its keys. The
 * algorithm is the configured one, whatever a token says of itself.
 */

import type { HonoJsonWebKey } from 'hono/utils/jwt/jws';
import { decodeHeader, verify, verifyWithJwks } from 'hono/utils/jwt/jwt';
import type { JWTPayload } from 'hono/utils/jwt/types';
import { type Credential, DEFAULT_TENANT, isScope, isTenant, type Refusal, type Unverifiable } from './credential.ts';
import type { KeySets } from './key-set.ts';

/** Clocks differ by so much. */
const CLOCK_SKEW_MS = 60_000;
const LONGEST_TOKEN = 8_192;
const LONGEST_SUBJECT = 128;
/** RFC 9068 has access tokens say what they are. */
const TYPES = ['JWT', 'at+jwt'];

export interface JwtSettings {
  issuer: string;
  audience: string;
  /** The claim that names the tenant, which a token then must have; null: all tokens are of one organisation. */
  tenantClaim: string | null;
  signedWith: { algorithm: 'HS256'; secret: string } | { algorithm: 'RS256' | 'ES256'; jwksUrl: string };
}

/** @param keySets what has been fetched of the issuer's keys before */
export async function readToken(
  settings: JwtSettings,
  keySets: KeySets,
  token: string,
  nowMs: number,
): Promise<Credential | Refusal | Unverifiable> {
  if (token.length > LONGEST_TOKEN) return { refused: 'The token is malformed' };
  const payload = await verifiedPayload(settings, keySets, token, nowMs);
  if ('refused' in payload || 'unverifiable' in payload) return payload;
  const { claims } = payload;

  const why = whyNotNow(claims, nowMs);
  if (why !== null) return { refused: why };
  const { sub } = claims;
  if (typeof sub !== 'string' || !/^[\x21-\x7e]+$/.test(sub) || sub.length > LONGEST_SUBJECT) {
    return { refused: 'The token has no subject' };
  }
  const tenant = settings.tenantClaim === null ? DEFAULT_TENANT : claims[settings.tenantClaim];
  if (!isTenant(tenant)) return { refused: 'The token names no organisation' };
  return { tenant, actor: `jwt:${sub}`, scopes: scopesOf(claims), keyHash: null };
}

async function verifiedPayload(
  { issuer, audience, signedWith }: JwtSettings,
  keySets: KeySets,
  token: string,
  nowMs: number,
): Promise<{ claims: JWTPayload } | Refusal | Unverifiable> {
  try {
    const { typ, kid } = decodeHeader(token);
    // Times are judged below: the library allows for no skew.
    const expected = { iss: issuer, aud: audience, exp: false, nbf: false, iat: false, ...(typ && { typ: TYPES }) };
    if (signedWith.algorithm === 'HS256') {
      return { claims: await verify(token, signedWith.secret, { alg: 'HS256', ...expected }) };
    }
    const keys = await keySets.keysFor(signedWith.jwksUrl, kid, nowMs);
    if ('unverifiable' in keys) return keys;
    const options = {
      // RFC 7517, 4.5: keys may share a `kid`. The library takes the first one, whatever it is for.
      keys: keys.keys.filter((key) => isFor(signedWith.algorithm, key)) as HonoJsonWebKey[],
      allowedAlgorithms: [signedWith.algorithm],
      verification: expected,
    };
    return { claims: await verifyWithJwks(token, options) };
  } catch (error) {
    return { refused: refusalOf(error) };
  }
}

/** Whether signatures of this algorithm can be verified with the key, as far as the key says what it is for. */
function isFor(algorithm: 'RS256' | 'ES256', { kty, alg = algorithm, use = 'sig' }: Record<string, unknown>): boolean {
  return kty === (algorithm === 'RS256' ? 'RSA' : 'EC') && alg === algorithm && use === 'sig';
}

/** By the library's name for it. Its message repeats the token. */
function refusalOf(error: unknown): string {
  switch (error instanceof Error ? error.name : '') {
    case 'JwtTokenIssuer':
      return 'The token is of another issuer';
    case 'JwtTokenAudience':
    case 'JwtPayloadRequiresAud':
      return 'The token is for another audience';
    case 'JwtAlgorithmMismatch':
    case 'JwtAlgorithmNotAllowed':
    case 'JwtSymmetricAlgorithmNotAllowed':
    case 'JwtHeaderInvalid':
    case 'JwtHeaderRequiresKid':
      return 'The token is not signed as it has to be';
    default:
      return 'The token is not valid';
  }
}

function whyNotNow({ exp, nbf, iat }: JWTPayload, nowMs: number): string | null {
  const isTime = (time: unknown): time is number => typeof time === 'number' && Number.isFinite(time);
  if (!isTime(exp)) return 'The token does not expire';
  if (nowMs >= exp * 1000 + CLOCK_SKEW_MS) return 'The token has expired';
  for (const notBefore of [nbf, iat]) {
    if (notBefore === undefined) continue;
    if (!isTime(notBefore) || nowMs < notBefore * 1000 - CLOCK_SKEW_MS) return 'The token is not valid yet';
  }
  return null;
}

/** `scope` as RFC 8693 has it, separated by spaces, or as a list, as some issuers write it. */
function scopesOf({ scope }: JWTPayload) {
  const listed = typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope : [];
  return listed.filter(isScope);
}

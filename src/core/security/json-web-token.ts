/**
 * JSON Web Tokens (RFC 7519) from an issuer that shares a secret with this service or publishes its keys. Only the configured
 * algorithm is accepted, whatever the token's header names.
 */

import {
  type CryptoKey,
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  type ProtectedHeaderParameters,
} from 'jose';
import {
  type Authentication,
  DEFAULT_TENANT,
  isScope,
  isTenant,
  type Refused,
  type Unavailable,
} from './credential.ts';
import type { KeySets } from './key-set.ts';

/** How far the issuer's clock may be from this one. */
const CLOCK_SKEW_SECONDS = 60;
const TOKEN_MAX_LENGTH = 8_192;
const SUBJECT_MAX_LENGTH = 128;
/** RFC 9068 gives access tokens a type of their own. A media type may be written with or without `application/` (RFC 7515, 4.1.9). */
const TYPE = /^(application\/)?(jwt|at\+jwt)$/i;

export interface JwtSettings {
  issuer: string;
  audience: string;
  /** The claim that names the tenant, which is then required; null: all tokens belong to one organisation. */
  tenantClaim: string | null;
  signedWith: { algorithm: 'HS256'; secret: string } | { algorithm: 'RS256' | 'ES256'; jwksUrl: string };
}

/** @param keySets cached keys of the issuer */
export async function readToken(
  settings: JwtSettings,
  keySets: KeySets,
  token: string,
  nowMs: number,
): Promise<Authentication> {
  const verified = await verifyToken(settings, keySets, token, nowMs);
  return verified.kind === 'verified' ? credentialOf(verified.claims, settings.tenantClaim) : verified;
}

/** What the token claims, once its signature, issuer, audience and times hold. */
export async function verifyToken(
  { issuer, audience, signedWith }: Omit<JwtSettings, 'tenantClaim'>,
  keySets: KeySets,
  token: string,
  nowMs: number,
): Promise<{ kind: 'verified'; claims: JWTPayload } | Refused | Unavailable> {
  if (token.length > TOKEN_MAX_LENGTH) return refused('The token is malformed');
  let claims: JWTPayload;
  try {
    const { kid, ...header } = decodeProtectedHeader(token);
    if (!isSignedAsConfigured(signedWith.algorithm, header))
      return refused('The token is not signed with the required algorithm or key');
    const options: JWTVerifyOptions = {
      algorithms: [signedWith.algorithm],
      issuer,
      audience,
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_SKEW_SECONDS,
      currentDate: new Date(nowMs),
    };
    if (signedWith.algorithm === 'HS256') {
      claims = await verifyWith(new TextEncoder().encode(signedWith.secret), token, options);
    } else {
      // Without a `kid`, each of the issuer's keys would have to be tried.
      if (typeof kid !== 'string' || kid === '')
        return refused('The token is not signed with the required algorithm or key');
      const published = await keySets.keysFor(signedWith.jwksUrl, kid, nowMs);
      if (published.kind === 'unavailable') return published;
      // The library validates the members of each key.
      claims = await verifyWithKeySet({ keys: published.keys as JWK[] }, token, options);
    }
  } catch (error) {
    return refused(reasonOf(error));
  }
  const { exp = Number.POSITIVE_INFINITY, iat = 0 } = claims;
  // JSON has no infinity, but 1e999 is read as one.
  if (!Number.isFinite(exp)) return refused('The token does not expire');
  // The library checks `iat` only if a maximum token age is set.
  if (nowMs < (iat - CLOCK_SKEW_SECONDS) * 1000) return refused('The token is not valid yet');
  return { kind: 'verified', claims };
}

/** `crit` names extensions without which the token must not be accepted (RFC 7515, 4.1.11); this service has none. */
function isSignedAsConfigured(algorithm: string, { alg, typ, crit }: ProtectedHeaderParameters): boolean {
  return alg === algorithm && (typ === undefined || (typeof typ === 'string' && TYPE.test(typ))) && crit === undefined;
}

async function verifyWith(key: CryptoKey | Uint8Array, token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  return (await jwtVerify(token, key, options)).payload;
}

/**
 * Keys may share a `kid` (RFC 7517, 4.5): each key that fits the algorithm is tried. Keys are imported anew for each token,
 * because the library keeps the promises of its imports, and Workers do not let requests share a promise.
 */
async function verifyWithKeySet(keySet: JSONWebKeySet, token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, createLocalJWKSet(keySet), options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return await verifyWith(key, token, options);
      } catch (failure) {
        // Claims are checked only after the signature. Any other error means that this key did not sign the token, or is unusable
        // (too short, for example): the next key is tried.
        if (isOfClaims(failure)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function isOfClaims(error: unknown): boolean {
  return error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed;
}

/** The library's message can repeat the token, so it is not used. Any other error that a hostile token causes is a refusal, too. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'The token is not valid';
  switch (error.claim) {
    case 'iss':
      return 'The token is from another issuer';
    case 'aud':
      return 'The token is for another audience';
    case 'exp':
      return 'The token does not expire';
    case 'nbf':
    case 'iat':
      return 'The token is not valid yet';
    default:
      return 'The token is not valid';
  }
}

/** Whether it can name somebody in the audit log. */
export function isSubject(text: unknown): text is string {
  return typeof text === 'string' && /^[\x21-\x7e]+$/.test(text) && text.length <= SUBJECT_MAX_LENGTH;
}

function credentialOf(claims: JWTPayload, tenantClaim: string | null): Authentication {
  const { sub } = claims;
  if (!isSubject(sub)) return refused('The token has no subject');
  const tenant = tenantClaim === null ? DEFAULT_TENANT : claims[tenantClaim];
  if (!isTenant(tenant)) return refused('The token names no organisation');
  const credential = { tenant, actor: `jwt:${sub}`, scopes: scopesOf(claims), keyHash: null };
  return { kind: 'authenticated', credential };
}

/** `scope` is separated by spaces (RFC 8693); some issuers send a list. */
function scopesOf({ scope }: JWTPayload) {
  const listed = typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope : [];
  return listed.filter(isScope);
}

function refused(reason: string): Refused {
  return { kind: 'refused', reason };
}

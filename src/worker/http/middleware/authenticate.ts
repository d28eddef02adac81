/**
 * Middleware: authenticates the caller by the API key or the token in the Authorization header (RFC 6750). Behind `rateLimit`. Whether a key has been
 * revoked is checked in the first database batch that the request needs anyway; no response is sent before that check.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Caller } from '../../../core/caller.ts';
import { checkKey } from '../../../core/ledger/database.ts';
import { looksLikeApiKey, readApiKey } from '../../../core/security/api-key.ts';
import { ANONYMOUS, type Authentication, type Credential } from '../../../core/security/credential.ts';
import { readToken } from '../../../core/security/json-web-token.ts';
import { keySets } from '../../../core/security/key-set.ts';
import { errorResponse, retryAfter } from '../error-envelope.ts';
import type { HttpEnv } from '../http-env.ts';

export const REALM = 'Bearer realm="payment-service"';
const BEARER = /^Bearer +([\w.~+/=-]+)$/i;
const UNAVAILABLE_RETRY_MS = 5_000;

/** `missing`: the request shows nothing of who sends it. */
export type Presented = Authentication | { kind: 'missing'; how: string };

const MISSING: Presented = { kind: 'missing', how: 'Send an API key or a token: Authorization: Bearer …' };

export function authenticate() {
  return createMiddleware<HttpEnv>(async function authenticate(c, next) {
    const nowMs = Date.now();
    return admit(
      c,
      next,
      isOpen(c) ? { kind: 'authenticated', credential: ANONYMOUS } : await readBearer(c, nowMs),
      nowMs,
    );
  });
}

/** Lets an authenticated caller in, and answers the others. A revoked key is refused before any other answer leaves. */
export async function admit(
  c: Context<HttpEnv>,
  next: () => Promise<void>,
  presented: Presented,
  nowMs: number,
): Promise<Response | undefined> {
  switch (presented.kind) {
    case 'missing':
      return unauthorized(c, presented.how);
    case 'refused':
      c.get('log')('warn', 'auth.refused', { reason: presented.reason });
      return unauthorized(c, presented.reason, 'invalid_token');
    case 'unavailable':
      retryAfter(c, UNAVAILABLE_RETRY_MS);
      return errorResponse(c, 503, 'SERVICE_UNAVAILABLE', `${presented.reason} right now. Please try again.`);
    case 'authenticated':
      c.set('credential', presented.credential);
      c.set('caller', callerOf(c, presented.credential, nowMs));
      await next();
      await checkKey(c.get('shards').at(0).db);
      return undefined;
  }
}

/** Whether neither keys nor tokens are asked for. */
export function isOpen(c: Context<HttpEnv>): boolean {
  const { auth } = c.get('settings');
  return auth.apiKeySecrets.length === 0 && auth.jwt === null;
}

/** Who presents the key or token in the Authorization header. */
export async function readBearer(c: Context<HttpEnv>, nowMs: number): Promise<Presented> {
  const { auth, production } = c.get('settings');
  const takesKeys = auth.apiKeySecrets.length > 0;
  const header = c.req.header('Authorization');
  if (header === undefined) return MISSING;
  const presented = BEARER.exec(header.trim())?.[1];
  if (presented === undefined) return { kind: 'refused', reason: 'The Authorization header is malformed' };
  if (looksLikeApiKey(presented)) {
    if (!takesKeys) return { kind: 'refused', reason: 'API keys are not accepted; send a token' };
    return readApiKey(auth.apiKeySecrets, production ? 'live' : 'test', presented, nowMs);
  }
  if (auth.jwt === null) return { kind: 'refused', reason: 'Tokens are not accepted; send an API key' };
  return readToken(auth.jwt, keySets(c.get('log')), presented, nowMs);
}

function callerOf(c: Context<HttpEnv>, credential: Credential, nowMs: number): Caller {
  const { tenant, actor, keyHash } = credential;
  const { address, network } = c.get('client');
  return {
    tenant,
    author: {
      actor,
      requestId: c.get('requestId'),
      address,
      isAdmin: credential.scopes.includes('admin'),
    },
    network,
    ...(keyHash !== null && { keyCheck: { keyHash, nowMs, state: 'open' } }),
  };
}

/** The 401, with its reason in the header as well (RFC 6750, 3). */
export function unauthorized(c: Context, why: string, error?: 'invalid_token'): Response {
  c.header('WWW-Authenticate', error === undefined ? REALM : `${REALM}, error="${error}", error_description="${why}"`);
  return errorResponse(c, 401, 'UNAUTHORIZED', why);
}

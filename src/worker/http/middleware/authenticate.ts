/**
 * Middleware: who calls, by an API key or a token in the Authorization header (RFC 6750). Of a key, the database is asked whether
 * it has been revoked, in the first batch that the request needs anyway; no answer leaves before that.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Caller } from '../../../core/caller.ts';
import { checkKey } from '../../../core/ledger/database.ts';
import { looksLikeApiKey, readApiKey } from '../../../core/security/api-key.ts';
import { ANONYMOUS, type Credential, type Refusal, type Unverifiable } from '../../../core/security/credential.ts';
import { readToken } from '../../../core/security/json-web-token.ts';
import { keySets } from '../../../core/security/key-set.ts';
import { clientAddress, clientNetwork } from '../../rate-limit/client-address.ts';
import { errorResponse, retryAfter } from '../errors.ts';
import type { HttpEnv } from '../http-env.ts';

export const REALM = 'Bearer realm="payment-service"';
const BEARER = /^Bearer +([\w.~+/=-]+)$/i;
const UNVERIFIABLE_RETRY_MS = 5_000;

export function authenticate() {
  return createMiddleware<HttpEnv>(async function authenticate(c, next) {
    const nowMs = Date.now();
    const read = await readCredential(c, nowMs);
    if (read === null) return unauthorized(c, 'Send an API key or a token: Authorization: Bearer …');
    if ('refused' in read) {
      c.var.log('warn', 'auth.refused', { reason: read.refused });
      return unauthorized(c, read.refused, 'invalid_token');
    }
    if ('unverifiable' in read) {
      retryAfter(c, UNVERIFIABLE_RETRY_MS);
      return errorResponse(c, 503, 'SERVICE_UNAVAILABLE', `${read.unverifiable} right now. Please try again.`);
    }
    c.set('credential', read);
    c.set('caller', callerOf(c, read, nowMs));
    await next();
    await checkKey(c.var.context.db);
    return undefined;
  });
}

/** Null where nothing was presented. */
async function readCredential(c: Context<HttpEnv>, nowMs: number): Promise<Credential | Refusal | Unverifiable | null> {
  const { auth, production } = c.var.settings;
  if (auth.apiKeySecret === null && auth.jwt === null) return ANONYMOUS;
  const header = c.req.header('Authorization');
  if (header === undefined) return null;
  const presented = BEARER.exec(header.trim())?.[1];
  if (presented === undefined) return { refused: 'The Authorization header is malformed' };
  if (looksLikeApiKey(presented)) {
    if (auth.apiKeySecret === null) return { refused: 'API keys are not taken here, but tokens are' };
    return readApiKey(auth.apiKeySecret, production ? 'live' : 'test', presented, nowMs);
  }
  if (auth.jwt === null) return { refused: 'Tokens are not taken here, but API keys are' };
  return readToken(auth.jwt, keySets(c.var.log), presented, nowMs);
}

function callerOf(c: Context<HttpEnv>, credential: Credential, nowMs: number): Caller {
  const { tenant, actor, keyHash } = credential;
  const connectingIp = c.req.header('CF-Connecting-IP');
  return {
    tenant,
    author: {
      actor,
      requestId: c.var.requestId,
      address: clientAddress(connectingIp),
      isAdmin: credential.scopes.includes('admin'),
    },
    network: clientNetwork(connectingIp, c.var.settings.rateLimit.exempt),
    ...(keyHash !== null && { keyCheck: { keyHash, nowMs, state: 'open' } }),
  };
}

/** The 401. What is wrong is said in the header as well (RFC 6750, 3). */
export function unauthorized(c: Context, why: string, error?: 'invalid_token'): Response {
  c.header('WWW-Authenticate', error === undefined ? REALM : `${REALM}, error="${error}", error_description="${why}"`);
  return errorResponse(c, 401, 'UNAUTHORIZED', why);
}

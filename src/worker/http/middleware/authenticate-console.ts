/**
 * Middleware: authenticates the users of the console. By an API key or a token in the Authorization header, or by Cloudflare Access. In local
 * development without authentication, everybody is an admin. Behind `rateLimit`.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import ipaddr from 'ipaddr.js';
import type { ConsoleSession } from '../../../contract/console.ts';
import { readAccessAssertion } from '../../../core/security/access-assertion.ts';
import { type Credential, DEFAULT_TENANT } from '../../../core/security/credential.ts';
import { keySets } from '../../../core/security/key-set.ts';
import type { HttpEnv } from '../http-env.ts';
import { admit, isOpen, type Presented, readBearer } from './authenticate.ts';

const ACCESS_HEADER = 'Cf-Access-Jwt-Assertion';

const AT_DESK: Credential = { tenant: DEFAULT_TENANT, actor: 'console:desk', scopes: ['admin'], keyHash: null };

const SIGN_IN: Presented = {
  kind: 'missing',
  how: 'Sign in with an API key that has the scope admin, or through Cloudflare Access.',
};
const NOT_LOCAL: Presented = {
  kind: 'missing',
  how: 'Without a key, the console opens at a local address such as http://localhost only. For this address, set AUTH_MODE to api_key, and sign in with a key.',
};

interface SignIn {
  by: ConsoleSession['signed_in_by'];
  presented: Presented;
}

export function authenticateConsole() {
  return createMiddleware<HttpEnv>(async function authenticateConsole(c, next) {
    const nowMs = Date.now();
    const { by, presented } = await readSignIn(c, nowMs);
    c.set('signedInBy', by);
    return admit(c, next, presented, nowMs);
  });
}

async function readSignIn(c: Context<HttpEnv>, nowMs: number): Promise<SignIn> {
  const { access, production } = c.get('settings');
  if (!isOpen(c) && c.req.header('Authorization') !== undefined) {
    return { by: 'api_key', presented: await readBearer(c, nowMs) };
  }
  const assertion = c.req.header(ACCESS_HEADER);
  if (access !== null && assertion !== undefined) {
    return { by: 'access', presented: await readAccessAssertion(access, keySets(c.get('log')), assertion, nowMs) };
  }
  if (production || !isOpen(c)) return { by: null, presented: SIGN_IN };
  if (!isLocal(new URL(c.req.url).hostname)) return { by: null, presented: NOT_LOCAL };
  return { by: null, presented: { kind: 'authenticated', credential: AT_DESK } };
}

const LOCAL_RANGES = ['loopback', 'private', 'linkLocal', 'uniqueLocal'];
/** Domains that nobody can register: RFC 2606, RFC 6761, RFC 6762, RFC 8375, and ICANN's for private use. */
const LOCAL_DOMAIN = /^(.+\.)?(localhost|local|internal|test|example|invalid|home\.arpa)$/;

/**
 * Whether it is a local address. Otherwise, a page on the Internet could have a domain of its own resolve to this machine, and use its console (DNS
 * rebinding). A name without a dot is the name of a container.
 */
function isLocal(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  if (ipaddr.isValid(address)) return LOCAL_RANGES.includes(ipaddr.process(address).range());
  return !hostname.includes('.') || LOCAL_DOMAIN.test(hostname);
}

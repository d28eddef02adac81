/** How tests use the console: signed in with a key, through Cloudflare Access, and at a desk. */
import { env } from 'cloudflare:workers';
import { apiKey, WITH_KEYS } from './credentials.ts';
import { type Answer, type RequestOptions, sendWith } from './request.ts';
import { nowSeconds, type Parts, publishingIssuer } from './tokens.ts';

const AUDIENCE = '32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228';

/** Asks the console with a key of an admin of this organisation. */
export async function signedIn(tenant = 'default', bindings: Record<string, unknown> = WITH_KEYS) {
  const { headers, keyId } = await apiKey({ tenant, scopes: ['admin'] });
  const ask = (method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<Answer> =>
    sendWith(bindings, method, `/console/api/${path}`, {
      ...options,
      ...(body !== undefined && { body }),
      headers: { ...headers, ...options.headers },
    });
  return {
    keyId,
    headers,
    get: (path: string, options?: RequestOptions) => ask('GET', path, undefined, options),
    post: (path: string, body: unknown = {}, options?: RequestOptions) => ask('POST', path, body, options),
  };
}

/** A team of Cloudflare Access, and the variables of a Worker that it signs people in to. */
export async function accessTeam() {
  // An isolate remembers the keys of an issuer.
  const domain = `http://team-${crypto.randomUUID()}.issuer.test`;
  const issuer = await publishingIssuer('RS256');
  const publish = () =>
    fetch(`${domain}/cdn-cgi/access/certs`, {
      method: 'PUT',
      body: JSON.stringify({ keys: [{ ...issuer.jwk, kid: 'key-1', use: 'sig' }], public_cert: {}, public_certs: [] }),
    });
  await publish();
  const claims = () => ({
    aud: [AUDIENCE],
    email: 'person@example.com',
    iss: domain,
    type: 'app',
    identity_nonce: '6ei69kawdKzMIAPF',
    sub: '7335d417-61da-459d-899c-0a01c76a2f94',
    country: 'US',
    iat: nowSeconds(),
    nbf: nowSeconds(),
    exp: nowSeconds() + 300,
    scope: undefined,
    org: undefined,
  });
  const assertion = (parts: Parts = {}) =>
    issuer.token({ ...parts, claims: { ...claims(), ...parts.claims }, header: { typ: 'JWT', ...parts.header } });
  return {
    variables: { ...WITH_KEYS, ACCESS_TEAM_DOMAIN: domain, ACCESS_AUDIENCE: AUDIENCE },
    claims,
    assertion,
    headers: async (parts: Parts = {}) => ({ 'Cf-Access-Jwt-Assertion': await assertion(parts) }),
  };
}

/** A Worker on a desk, where nobody is asked for a key. */
export const AT_DESK = { ...env, AUTH_MODE: 'none' };

/** As the pages of the console send it. */
export const FROM_CONSOLE = { 'Sec-Fetch-Site': 'same-origin' };

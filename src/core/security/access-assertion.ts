/**
 * People whom Cloudflare Access has signed in. Access adds a signed token to each request that its policy lets through:
 * https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/application-token/
 */
import { type Authentication, DEFAULT_TENANT } from './credential.ts';
import { isSubject, verifyToken } from './json-web-token.ts';
import type { KeySets } from './key-set.ts';

export interface AccessSettings {
  /** `https://TEAM.cloudflareaccess.com`. */
  teamDomain: string;
  /** The audience tag of the application. */
  audience: string;
}

/**
 * An admin of the organisation `default`: whom to let in is Access's own policy. The actor is the person's id there, or the client id of a
 * service token; an email address would stay in the audit log for good.
 */
export async function readAccessAssertion(
  { teamDomain, audience }: AccessSettings,
  keySets: KeySets,
  assertion: string,
  nowMs: number,
): Promise<Authentication> {
  const issuer = new URL(teamDomain).origin;
  const signedWith = { algorithm: 'RS256', jwksUrl: `${issuer}/cdn-cgi/access/certs` } as const;
  const verified = await verifyToken({ issuer, audience, signedWith }, keySets, assertion, nowMs);
  if (verified.kind !== 'verified') return verified;
  const { type, sub, common_name: clientId } = verified.claims;
  // Access signs a token of the whole team as well, which is of no application.
  if (type !== 'app') return { kind: 'refused', reason: 'The token is not one of an application' };
  // The subject of a service token is empty.
  const name = sub === '' ? clientId : sub;
  if (!isSubject(name)) return { kind: 'refused', reason: 'The token has no subject' };
  const credential = { tenant: DEFAULT_TENANT, actor: `access:${name}`, scopes: ['admin'], keyHash: null } as const;
  return { kind: 'authenticated', credential };
}

/**
 * Authenticates people who signed in through Cloudflare Access. Access adds a signed token to each request that its policy allows:
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
 * Everybody is an admin of the organisation `default`: the policy of Access decides who may sign in. The actor is the person's id in Access, or the
 * client id of a service token. It is not the email address, because the audit log keeps it permanently.
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
  // Access also signs tokens for the whole team, which belong to no application.
  if (type !== 'app') return { kind: 'refused', reason: 'The token is not one of an application' };
  // The subject of a service token is empty.
  const name = sub === '' ? clientId : sub;
  if (!isSubject(name)) return { kind: 'refused', reason: 'The token has no subject' };
  const credential = { tenant: DEFAULT_TENANT, actor: `access:${name}`, scopes: ['admin'], keyHash: null } as const;
  return { kind: 'authenticated', credential };
}

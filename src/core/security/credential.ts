/** The authenticated caller: organisation, actor and scopes, from an API key or a token. */

/** `admin` includes the others; reads by an admin are recorded in the audit log. `metrics:read` shows figures of the whole installation, and no payment. */
export const SCOPES = ['payments:write', 'refunds:write', 'payments:read', 'metrics:read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface Credential {
  /** The organisation whose payments the caller works with. */
  tenant: string;
  /** For the audit log: `key:…`, `jwt:…` or `anonymous`. */
  actor: string;
  scopes: readonly Scope[];
  /** Of an API key, to check for revocation; null for a token or an anonymous caller. */
  keyHash: string | null;
}

/** The only organisation where neither keys nor tokens are required. */
export const DEFAULT_TENANT = 'default';

/** With AUTH_MODE none, every caller may use the whole contract, and read the metrics. */
export const ANONYMOUS: Credential = {
  tenant: DEFAULT_TENANT,
  actor: 'anonymous',
  scopes: ['payments:write', 'refunds:write', 'payments:read', 'metrics:read'],
  keyHash: null,
};

/** The key or token is not valid; the reason is shown to the caller. */
export type Refused = { kind: 'refused'; reason: string };

/** The issuer's keys cannot be fetched, so the token cannot be verified; the reason is shown to the caller. */
export type Unavailable = { kind: 'unavailable'; reason: string };

/** The result of checking an API key or a token. */
export type Authentication = { kind: 'authenticated'; credential: Credential } | Refused | Unavailable;

export function mayDo({ scopes }: Credential, needed: Scope): boolean {
  return scopes.includes(needed) || scopes.includes('admin');
}

/** A tenant appears in logs and in columns as it is, so it has no separators or control characters. */
export function isTenant(text: unknown): text is string {
  return typeof text === 'string' && /^[\w.:-]{1,64}$/.test(text);
}

export function isScope(text: unknown): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

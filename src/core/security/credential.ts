/** Who calls, for which organisation, and what they may do, whichever way they have shown it. */

/** `admin` includes the others, and what an admin reads is in the audit log. */
export const SCOPES = ['payments:write', 'refunds:write', 'payments:read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface Credential {
  /** The organisation whose payments are meant. */
  tenant: string;
  /** Who it is, for the audit log: `key:…`, `jwt:…` or `anonymous`. */
  actor: string;
  scopes: readonly Scope[];
  /** Of an API key: what the database is to be asked about it; null where nothing is. */
  keyHash: string | null;
}

/** Where there are no keys and no tokens, there is one organisation. */
export const DEFAULT_TENANT = 'default';

/** With AUTH_MODE none, everybody may do everything that the contract has. */
export const ANONYMOUS: Credential = {
  tenant: DEFAULT_TENANT,
  actor: 'anonymous',
  scopes: ['payments:write', 'refunds:write', 'payments:read'],
  keyHash: null,
};

/** The key or token is not valid; the reason is shown to the caller. */
export type Refused = { kind: 'refused'; reason: string };

/** The issuer's keys can't be fetched, so it is not known whether the token is valid; the reason is shown to the caller. */
export type Unavailable = { kind: 'unavailable'; reason: string };

/** What came of checking an API key or a token. */
export type Authentication = { kind: 'authenticated'; credential: Credential } | Refused | Unavailable;

export function mayDo({ scopes }: Credential, needed: Scope): boolean {
  return scopes.includes(needed) || scopes.includes('admin');
}

/** As it is in logs and in every column: nothing in it can be mistaken for something else. */
export function isTenant(text: unknown): text is string {
  return typeof text === 'string' && /^[\w.:-]{1,64}$/.test(text);
}

export function isScope(text: unknown): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

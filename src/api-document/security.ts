/** Who may call: an API key or a token, and the scope that an operation needs. */
import type { ZodOpenApiOperationObject, ZodOpenApiSecuritySchemeObject } from 'zod-openapi';
import type { Scope } from '../core/security/credential.ts';

export const SECURITY_SCHEMES: Record<string, ZodOpenApiSecuritySchemeObject> = {
  apiKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'psk_live_… or psk_test_…',
    description: 'An API key, made by `npx payctl keys create`. Local development requires none.',
  },
  jwt: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'A token of your own issuer, where `AUTH_MODE` is `jwt` or `both`. Its `scope` lists what it may do. Local development requires none.',
  },
};

/** Roles of bearer schemes are for readers and for clients: OpenAPI 3.1 lets them name what the key or token must be allowed to do. */
export function needs(scope: Scope | null): NonNullable<ZodOpenApiOperationObject['security']> {
  const scopes = scope === null ? [] : [scope];
  return [{ apiKey: scopes }, { jwt: scopes }];
}

export const NOBODY_ASKED: NonNullable<ZodOpenApiOperationObject['security']> = [];

/** For the description of an operation: documentation pages do not show the roles of bearer schemes. */
export const scopeLine = (scope: Scope) => `Scope: \`${scope}\`.`;

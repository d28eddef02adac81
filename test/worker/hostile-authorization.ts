/** Authorization headers of all shapes: what is none, what is made up, what is altered, and tokens with hostile claims under a good signature. */
import fc from 'fast-check';
import { encodeBase64Url } from 'hono/utils/encode';
import { sign } from 'hono/utils/jwt/jwt';
import { SCOPES } from '../../src/core/security/credential.ts';
import { anyHeaderText, anyJson, anyText } from './hostile-text.ts';

export const TOKENS = {
  JWT_SECRET_KEY: 'test-tokens-of-requests-that-are-hostile-kqzvw',
  JWT_ISSUER: 'https://issuer.test',
  JWT_AUDIENCE: 'payment-service',
};

/** A whole header, or the JSON of claims that the issuer signs. */
export type Authorization = { header: string | null } | { claims: string };

const base64Url = (bytes: Uint8Array) => encodeBase64Url(new Uint8Array(bytes).buffer).replace(/=+$/, '');
const encoded = (text: string) => base64Url(new TextEncoder().encode(text));
const anyBase64 = fc.uint8Array({ maxLength: 400 }).map((bytes) => base64Url(bytes));

const anyAlgorithm = fc.oneof(
  fc.constantFrom('"HS256"', '"none"', '"ES256"', '"RS256"', '"hs256"', '["HS256"]', '{"toString":"HS256"}', '256'),
  anyJson,
);
const anyKeyId = fc.oneof(fc.constantFrom('"published"', '"../../dev/null"', '"__proto__"'), anyJson);
const anyTokenHeader = fc.oneof(
  { weight: 1, arbitrary: anyJson },
  {
    weight: 3,
    arbitrary: fc
      .tuple(anyAlgorithm, anyKeyId, fc.oneof(fc.constant('"JWT"'), anyJson))
      .map(([alg, kid, typ]) => `{"alg":${alg},"kid":${kid},"typ":${typ}}`),
  },
);

/** Like the claim that it should be, as a rule. */
const claim = (usual: string) =>
  fc.oneof({ weight: 30, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: anyJson });
const anyClaims = fc
  .record({
    iss: claim(JSON.stringify(TOKENS.JWT_ISSUER)),
    aud: claim(JSON.stringify(TOKENS.JWT_AUDIENCE)),
    sub: claim('"somebody"'),
    exp: claim('99999999999'),
    scope: claim(JSON.stringify(SCOPES.join(' '))),
    tenant: claim('"default"'),
    nbf: claim('0'),
  })
  .map((claims) => `{${Object.entries(claims).map(([name, json]) => `"${name}":${json}`)}}`);

const anyToken = fc
  .tuple(anyTokenHeader, fc.oneof(anyClaims, anyJson), anyBase64)
  .map(([header, payload, signature]) => {
    return `${encoded(header)}.${encoded(payload)}.${signature}`;
  });

/** A good one with a part cut off, or a character changed. */
const altered = (good: string) =>
  fc.tuple(fc.nat(good.length), fc.constantFrom('', 'A', '=', '_'), fc.boolean()).map(([at, put, cut]) => {
    return good.slice(0, at) + put + (cut ? '' : good.slice(at + 1));
  });

const inHeader = (text: fc.Arbitrary<string | null>): fc.Arbitrary<Authorization> => text.map((header) => ({ header }));

/** Of the issuer, and as a rule about somebody who may call. */
export const anySignedToken: fc.Arbitrary<Authorization> = anyClaims.map((claims) => ({ claims }));

export const anyOf = (keys: readonly string[]) => inHeader(fc.constantFrom(...keys).map((key) => `Bearer ${key}`));

/** @param keys API keys that are good, to be altered */
export function anyAuthorization(keys: readonly string[]): fc.Arbitrary<Authorization> {
  const presented = fc.oneof(
    { weight: 4, arbitrary: anyToken },
    { weight: 2, arbitrary: anyBase64.map((junk) => `psk_test_${junk}`) },
    { weight: 2, arbitrary: fc.constantFrom(...keys).chain(altered) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'psk_',
        'psk_live_',
        'pk_live_',
        '.',
        '..',
        '...',
        'a'.repeat(8193),
        'a.'.repeat(4000),
      ),
    },
    { weight: 1, arbitrary: anyHeaderText },
  );
  const scheme = fc.oneof(
    { weight: 9, arbitrary: fc.constant('Bearer ') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('bearer  ', 'Basic ', 'Bearer\t', 'Bearer', '', 'Bearer Bearer ', 'Digest '),
    },
  );
  return fc.oneof(
    { weight: 8, arbitrary: inHeader(fc.tuple(scheme, presented).map(([name, what]) => name + what)) },
    { weight: 2, arbitrary: anyOf(keys) },
    { weight: 2, arbitrary: anySignedToken },
    { weight: 2, arbitrary: inHeader(fc.oneof(anyHeaderText, anyText.map(encoded))) },
    { weight: 1, arbitrary: inHeader(fc.constant(null)) },
  );
}

export async function headerOf(authorization: Authorization): Promise<string | null> {
  if ('header' in authorization) return authorization.header;
  return `Bearer ${await sign(JSON.parse(authorization.claims), TOKENS.JWT_SECRET_KEY, 'HS256')}`;
}

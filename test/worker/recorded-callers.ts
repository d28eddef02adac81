/** Requests to be recorded of callers with and without API keys and tokens, where they are asked for. */
import type { Scope } from '../../src/core/security/credential.ts';
import { PRODUCTION_VARIABLES } from '../data/local-variables.ts';
import { apiKey, bearer, revokedKey } from './credentials.ts';
import type { Recorder } from './recorder.ts';
import { payment, refundOf } from './request.ts';
import { sharingIssuer, unsignedToken } from './tokens.ts';

const KEYS = { AUTH_MODE: 'api_key' };
const METHODS = '/payment/methods';

export async function askByCredential(recorder: Recorder): Promise<void> {
  await askWithoutKey(recorder);
  await askWithScopes(recorder);
  await askWithTokens(recorder);
  await askInProduction(recorder);
}

/** A key that is recorded under a name. */
async function namedKey({ hide }: Recorder, name: string, made: ReturnType<typeof apiKey>) {
  const { key, headers } = await made;
  hide(key, name);
  return headers;
}

async function askWithoutKey(recorder: Recorder): Promise<void> {
  const { ask } = recorder;
  const routes: [string, string, unknown?][] = [
    ['POST', '/payment/process', payment({ booking_id: 'BOOK-without-key' })],
    ['POST', '/payment/refund', {}],
    ['GET', '/payment/status/TXN-1'],
    ['GET', METHODS],
    ['GET', '/payment/nothing'],
    ['DELETE', '/payment/process'],
    ['GET', '/health'],
  ];
  for (const [method, path, body] of routes) {
    await ask(`without a key: ${method} ${path}`, method, path, {
      variables: KEYS,
      ...(body !== undefined && { body }),
    });
  }
  const headers: [string, Record<string, string>][] = [
    ['a header that is none', { Authorization: 'Basic dXNlcjpwYXNz' }],
    ['an empty key', { Authorization: 'Bearer ' }],
    ['a token where keys are asked for', bearer('a.b.c')],
    ['an expired key', await namedKey(recorder, 'expired key', apiKey({ expiresAtMs: Date.now() - 1 }))],
    ['a revoked key', await namedKey(recorder, 'revoked key', revokedKey())],
    ['a key of production', await namedKey(recorder, 'production key', apiKey({}, 'live'))],
  ];
  for (const [name, header] of headers) {
    await ask(`${name}: payment`, 'POST', '/payment/process', {
      variables: KEYS,
      headers: header,
      body: payment({ booking_id: 'BOOK-refused-key' }),
    });
  }
}

async function askWithScopes(recorder: Recorder): Promise<void> {
  const paidWith = await namedKey(recorder, 'key with all scopes', apiKey());
  const pay = (booking_id: string) => ({ body: payment({ booking_id }) });
  const { body: paid } = await recorder.ask('a key with all scopes: payment', 'POST', '/payment/process', {
    variables: KEYS,
    headers: paidWith,
    ...pay('BOOK-with-a-key'),
  });
  const scopes: Scope[][] = [['payments:write'], ['refunds:write'], ['payments:read'], ['admin']];
  for (const of of scopes) {
    const name = `a key with ${of}`;
    const options = { variables: KEYS, headers: await namedKey(recorder, name, apiKey({ scopes: of })) };
    const { ask } = recorder;
    await ask(`${name}: payment`, 'POST', '/payment/process', { ...options, ...pay(`BOOK-with-${of}`) });
    await ask(`${name}: refund`, 'POST', '/payment/refund', { ...options, body: refundOf(paid, { refund_amount: 1 }) });
    await ask(`${name}: status`, 'GET', `/payment/status/${paid.transaction_id}`, options);
    await ask(`${name}: methods`, 'GET', METHODS, options);
  }
  const headers = await namedKey(recorder, 'key of another tenant', apiKey({ tenant: 'another' }));
  await recorder.ask('a key of another tenant: status', 'GET', `/payment/status/${paid.transaction_id}`, {
    variables: KEYS,
    headers,
  });
}

async function askWithTokens({ ask, hide }: Recorder): Promise<void> {
  const issuer = sharingIssuer();
  const variables = { ...issuer.variables, AUTH_MODE: 'jwt' };
  const tokens: [string, string][] = [
    ['a token', await issuer.token()],
    ['a token that reads', await issuer.token({ claims: { scope: 'payments:read' } })],
    ['an expired token', await issuer.token({ claims: { exp: Math.floor(Date.now() / 1000) - 120 } })],
    ['a token for others', await issuer.token({ claims: { aud: 'others' } })],
    ['a token of another issuer', await issuer.token({ claims: { iss: 'https://other.example' } })],
    ['a token that nobody signed', await unsignedToken()],
  ];
  for (const [name, token] of tokens) {
    hide(token, name);
    const body = payment({ booking_id: `BOOK-${name.replaceAll(' ', '-')}` });
    await ask(`${name}: payment`, 'POST', '/payment/process', { variables, headers: bearer(token), body });
  }
}

async function askInProduction(recorder: Recorder): Promise<void> {
  const headers = await namedKey(recorder, 'key of production', apiKey({}, 'live'));
  const { ENVIRONMENT, SANDBOX_ALLOWED, BRIDGE_URL, AUTH_MODE } = PRODUCTION_VARIABLES;
  const variables = { ENVIRONMENT, SANDBOX_ALLOWED, BRIDGE_URL, AUTH_MODE };
  await recorder.ask('production', 'GET', METHODS, { variables, headers });
  await recorder.ask('production in the clear', 'GET', METHODS, { variables, headers, scheme: 'http' });
}

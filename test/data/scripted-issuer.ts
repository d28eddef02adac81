/**
 * Issuers of tokens, which publish the keys that a test gives them, at `http://issuer.test/<name>/keys`, or at a path of `<name>.issuer.test`: each
 * name is an issuer of its own. `PUT` takes the key set, `GET` answers with it. One that has been given nothing is down.
 */
import type { OutboundRequest } from './scripted-bridge.ts';

const published = new Map<string, string>();

export async function scriptedIssuer(request: OutboundRequest): Promise<Response> {
  const { host, pathname } = new URL(request.url);
  const issuer = host + pathname;
  if (request.method === 'PUT') {
    published.set(issuer, await request.text());
    return new Response(null, { status: 204 });
  }
  const keySet = published.get(issuer);
  if (keySet === undefined) return new Response('the issuer is down', { status: 503 });
  return new Response(keySet, { headers: { 'Content-Type': 'application/json' } });
}

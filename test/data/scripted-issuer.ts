/**
 * Issuers of tokens, which publish the keys that a test gives them, at `http://issuer.test/<name>/keys`: each name is an issuer
 * of its own. `PUT` takes the key set, `GET` answers with it. One that has been given nothing is down.
 */
import type { OutboundRequest } from './scripted-bridge.ts';

const published = new Map<string, string>();

export async function scriptedIssuer(request: OutboundRequest): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === 'PUT') {
    published.set(pathname, await request.text());
    return new Response(null, { status: 204 });
  }
  const keySet = published.get(pathname);
  if (keySet === undefined) return new Response('the issuer is down', { status: 503 });
  return new Response(keySet, { headers: { 'Content-Type': 'application/json' } });
}

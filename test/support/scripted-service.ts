/** A local server in the place of the payment service, or of a proxy before it: it answers what a test says, and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A status, a body (JSON, unless it is text) and headers; or what to do with the response. */
export type Reply = readonly [number, unknown, Record<string, string>?] | ((response: ServerResponse) => void);

export interface ScriptedService {
  readonly url: string;
  readonly asked: { method: string; path: string; headers: IncomingHttpHeaders; body: string }[];
  close(): Promise<void>;
}

/** The replies come in their order, and the last one for all that follows. */
export async function startScriptedService(...replies: [Reply, ...Reply[]]): Promise<ScriptedService> {
  const asked: ScriptedService['asked'] = [];
  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const nth = asked.push({ method, path, headers, body: await text(request) });
    const next = replies[nth - 1] ?? (replies.at(-1) as Reply);
    if (typeof next === 'function') next(response);
    else {
      const [status, body, more] = next;
      response.writeHead(status, { 'Content-Type': 'application/json', ...more });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    }
  }
  const server = createServer((request, response) => {
    reply(request, response).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * A network between a client and the Worker at its worst: of each POST, the Worker does what was asked and its first answer is lost; the
 * second request gets a proxy's 503, which is no JSON; the third arrives, and so does its answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { freePort } from '../../scripts/free-port.ts';

const WORKER_DEADLINE_MS = 30_000;
const NOT_PASSED_ON = ['host', 'connection', 'content-length', 'transfer-encoding', 'accept-encoding'];

export interface LosingProxy {
  readonly url: string;
  /** All POSTs that came, in their order, with the request's headers. */
  readonly posts: { path: string; body: string; headers: IncomingMessage['headers'] }[];
  close(): Promise<void>;
}

export async function startLosingProxy(workerUrl: string, retryAfterSeconds = 1): Promise<LosingProxy> {
  const posts: LosingProxy['posts'] = [];
  async function passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url: path = '', method = '', headers } = request;
    const body = (await buffer(request)).toString();
    if (method === 'POST') posts.push({ path, body, headers });
    const nth = posts.filter((post) => post.path === path && post.body === body).length;
    if (method === 'POST' && nth === 2) {
      response
        .writeHead(503, { 'Retry-After': String(retryAfterSeconds), 'Content-Type': 'text/html' })
        .end('<h1>No server is available</h1>');
      return;
    }
    const answer = await fetch(`${workerUrl}${path}`, {
      method,
      headers: Object.entries(headers).flatMap(([name, value]): [string, string][] =>
        NOT_PASSED_ON.includes(name) ? [] : [[name, String(value)]],
      ),
      ...(method === 'POST' && { body }),
      signal: AbortSignal.timeout(WORKER_DEADLINE_MS),
    });
    const text = await answer.text();
    if (method === 'POST' && nth === 1) request.socket.destroy();
    else response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(text);
  }
  const server = createServer((request, response) => {
    passOn(request, response).catch((error) => response.destroy(error));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    posts,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

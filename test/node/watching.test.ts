/** What the cron asks and posts outside: the bridge's state, and the webhook for alerts. On real sockets. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { postAlert } from '../../src/core/monitoring/post-alert.ts';
import { probeBridge } from '../../src/core/outbox/probe-bridge.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answering = (status: number, body: string) => serve((_, response) => response.writeHead(status).end(body));

describe('the bridge is', () => {
  it.each([
    [200, '{"status":"ready"}', 'ready'],
    [503, '{"status":"no broker"}', 'no_broker'],
    [503, '{"status":"not set up"}', 'not_set_up'],
    [503, '{"status":"stopping"}', 'stopping'],
    // Of a proxy in front of it, or of another server.
    [502, '<html>Bad gateway</html>', 'away'],
    [200, 'ok', 'away'],
    [404, '{"status":"ready"}', 'away'],
    [200, JSON.stringify({ status: 'ready', more: 'x'.repeat(2_000) }), 'away'],
  ] as const)('what it says of itself: with %i and %s, %s', async (status, body, state) => {
    expect(await probeBridge(await answering(status, body))).toBe(state);
  });

  it('asked under the path of its address', async () => {
    const paths: unknown[] = [];
    const url = await serve((request, response) => {
      paths.push(request.url);
      response.end('{"status":"ready"}');
    });
    await probeBridge(`${url}/bridge`);
    await probeBridge(`${url}/bridge/`);
    expect(paths).toEqual(['/bridge/readyz', '/bridge/readyz']);
  });

  it('away where nothing listens, or nothing comes back within three seconds', async () => {
    expect(await probeBridge('http://127.0.0.1:1')).toBe('away');
    const silent = await serve(() => {});
    const startedAtMs = performance.now();
    expect(await probeBridge(silent)).toBe('away');
    expect(performance.now() - startedAtMs).toBeLessThan(13_000);
  });
});

describe('the webhook', () => {
  it('gets the text as JSON, in which Slack finds no link and no mention', async () => {
    let got = { type: '', body: '' };
    const url = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        got = { type: request.headers['content-type'] ?? '', body: Buffer.concat(chunks).toString() };
        response.end('ok');
      });
    });
    expect(await postAlert(url, 'a & b <!channel> "c" 5 > 4')).toEqual({ kind: 'taken' });
    expect(got.type).toBe('application/json');
    expect(JSON.parse(got.body)).toEqual({ text: 'a &amp; b &lt;!channel&gt; "c" 5 &gt; 4' });
  });

  it.each([204, 200])('has taken it with %i', async (status) => {
    expect(await postAlert(await answering(status, ''), 'text')).toEqual({ kind: 'taken' });
  });

  it.each([301, 302, 400, 404, 429, 500])(
    'has refused it with %i, and its secret address is in no reason',
    async (status) => {
      const url = await answering(status, 'no_service');
      expect(await postAlert(`${url}/services/SECRET`, 'text')).toEqual({
        kind: 'refused',
        reason: `it answered ${status}`,
      });
    },
  );

  it('is no reason for an exception where it cannot be reached', async () => {
    expect(await postAlert('http://127.0.0.1:1/SECRET', 'text')).toEqual({
      kind: 'refused',
      reason: 'it could not be reached',
    });
  });
});

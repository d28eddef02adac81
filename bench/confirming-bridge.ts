/** A bridge that confirms each event at once: what it costs to deliver one is then the Worker's and the database's alone. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { RelayBatch, RelayResults } from '../src/contract/relay.ts';

export interface ConfirmingBridge {
  url: string;
  /** Events that it has confirmed. */
  confirmed: number;
  stop(): Promise<void>;
}

export async function startConfirmingBridge(): Promise<ConfirmingBridge> {
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    // Each minute, the cron asks whether it is ready.
    if (request.method === 'GET') return response.end('{"status":"ready"}');
    return void json(request).then((body) => {
      const { events } = body as RelayBatch;
      bridge.confirmed += events.length;
      const results = events.map(({ event_id }) => ({ event_id, delivered: true }) as const);
      response.end(JSON.stringify({ results } satisfies RelayResults));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const bridge: ConfirmingBridge = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    confirmed: 0,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return bridge;
}

/** A gateway and a bridge that answer what the service hopes for, at once or after a given time: what they take is not ours. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface StandIn {
  url: string;
  stop(): void;
}

/** Approves each charge and refund that it is asked about, under the protocol of docs/gateway-protocol.md. */
export function startGateway(delayMs: number): Promise<StandIn> {
  return serve((path, _body, answer) => {
    const reference = `ref_${path.split('/').at(-1)}`;
    setTimeout(() => answer({ status: 'approved', reference }), delayMs);
  });
}

/** Reports each event of a batch as delivered. */
export function startDeliveringBridge(): Promise<StandIn> {
  return serve((_path, body, answer) => {
    const { events } = JSON.parse(body) as { events: { event_id: string }[] };
    answer({ results: events.map(({ event_id }) => ({ event_id, delivered: true })) });
  });
}

async function serve(handle: (path: string, body: string, answer: (body: unknown) => void) => void): Promise<StandIn> {
  const server: Server = createServer((request, response) => {
    const answer = (body: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    void text(request).then((body) => handle(request.url ?? '', body, answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A gateway that approves all that it is asked about, after a given time: what it takes is not ours. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ApprovingGateway {
  url: string;
  stop(): Promise<void>;
}

/** Speaks the protocol of docs/gateway-protocol.md. */
export async function startApprovingGateway(delayMs: number): Promise<ApprovingGateway> {
  const server = createServer((request, response) => {
    const reference = `ref_${request.url?.split('/').at(-1)}`;
    response.setHeader('Content-Type', 'application/json');
    setTimeout(() => response.end(JSON.stringify({ status: 'approved', reference })), delayMs);
    request.resume();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** By which a request is found in the logs of a gateway, and a gateway's request in ours. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createHttpGateway } from '../../src/core/gateways/http/http-gateway.ts';
import { loggedOutside } from '../../src/core/gateways/logged-outside.ts';
import { pendingTransaction } from '../support/rows.ts';

const servers: (() => void)[] = [];
afterEach(() => {
  for (const close of servers.splice(0)) close();
});

/** Answers everything alike, and keeps the headers that it got. */
async function serverAnswering(headers: OutgoingHttpHeaders = {}) {
  const got: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    got.push(request.headers);
    response
      .writeHead(200, { 'content-type': 'application/json', ...headers })
      .end('{"status":"approved","reference":"ch_1"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(() => server.close());
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

it.each([
  ['is in each call of an HTTP gateway', 'req-1', 'req-1'],
  ['is in none where no request asked for it', null, undefined],
])("the request's id %s", async (_, requestId, header) => {
  const { got, url } = await serverAnswering();
  const gateway = createHttpGateway({ url, apiKey: 'key' }, requestId);
  await gateway.lookUpCharge(pendingTransaction(), AbortSignal.timeout(5_000));
  expect(got.map((headers) => headers['x-request-id'])).toEqual([header]);
});

it.each([
  ["Stripe's number of a request is logged", { 'request-id': 'req_Xyz' }, 'req_Xyz'],
  ["PayPal's number of a request is logged", { 'paypal-debug-id': 'f3c2' }, 'f3c2'],
  ['what is no number is not logged', { 'request-id': 'two words' }, undefined],
])('%s', async (_, headers, id) => {
  const { url } = await serverAnswering(headers);
  const logged: unknown[] = [];
  const outside = loggedOutside((...line) => logged.push(line));
  await outside.send(url, {});
  expect(logged).toEqual([
    ['info', 'gateway.request', { host: new URL(url).host, provider_request_id: id, status: 200 }],
  ]);
});

it('a server that does not number requests has no line', async () => {
  const { url } = await serverAnswering();
  const logged: unknown[] = [];
  await loggedOutside((...line) => logged.push(line)).send(url, {});
  expect(logged).toEqual([]);
});

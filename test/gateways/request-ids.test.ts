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
async function serverAnswering(headers: OutgoingHttpHeaders = {}, status = 200) {
  const got: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    got.push(request.headers);
    response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
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
  ["Stripe's number of a request that fails is logged", { 'request-id': 'req_Xyz' }, 'req_Xyz'],
  ["PayPal's number of a request that fails is logged", { 'paypal-debug-id': 'f3c2' }, 'f3c2'],
  ['what is no number is not logged', { 'request-id': 'two words' }, undefined],
])('%s', async (_, headers, id) => {
  const { url } = await serverAnswering(headers, 402);
  const logged: unknown[] = [];
  const outside = loggedOutside((...line) => logged.push(line));
  await outside.send(url, {});
  expect(logged).toEqual([
    ['info', 'gateway.request', { host: new URL(url).host, provider_request_id: id, status: 402 }],
  ]);
});

it.each([
  ['a request that succeeds', { 'request-id': 'req_Xyz' }, 200],
  ['a server that does not number requests', {}, 402],
])('%s has no line', async (_, headers, status) => {
  const { url } = await serverAnswering(headers, status);
  const logged: unknown[] = [];
  await loggedOutside((...line) => logged.push(line)).send(url, {});
  expect(logged).toEqual([]);
});

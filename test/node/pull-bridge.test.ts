/** The bridge as a pull consumer: what it publishes, reports and acknowledges, and when it leaves the queue alone. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { DELIVERIES_PATH, type Delivery, type RelayMessage } from '../../src/contract/pull.ts';
import { RELAY_CONFIRM_DEADLINE_MS } from '../../src/contract/relay.ts';
import { type BridgeProcess, startBridge } from '../support/bridge.ts';
import { until } from '../support/child.ts';
import { type Listener, listen, removeTopology } from '../support/exchange.ts';
import { type QueueApi, startQueueApi } from '../support/queue-api.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';

const SECRET = randomBytes(32).toString('base64');
const PREVIOUS_SECRET = randomBytes(32).toString('base64');
const MINUTE_MS = 60_000;

describe('the bridge that takes events from a queue', () => {
  const exchange = `test.pull.${randomBytes(4).toString('hex')}`;
  const topology = { exchange, queue: `${exchange}.queue` };
  let queue: QueueApi;
  let service: Service;
  let listener: Listener;
  let bridge: BridgeProcess;

  beforeAll(async () => {
    [queue, service] = [await startQueueApi(), await startService()];
    listener = await listen(rabbitmqUrl(), exchange, runDirectory('pull-listener'));
    bridge = await start();
  });
  afterEach(() => {
    queue.purge();
    service.answer = recordAll;
    queue.refuse('pull', null);
    queue.refuse('ack', null);
  });
  afterAll(async () => {
    await Promise.all(bridges.map(({ child }) => child.stop()));
    await Promise.all([listener?.close(), queue?.close(), service?.close()]);
    await removeTopology(rabbitmqUrl(), exchange, topology.queue);
  });

  const bridges: BridgeProcess[] = [];
  async function start(options: Partial<Parameters<typeof startBridge>[0]> = {}): Promise<BridgeProcess> {
    const started = await startBridge({
      ...topology,
      port: await freePort(),
      rabbitmqUrl: rabbitmqUrl(),
      signingSecret: SECRET,
      previousSigningSecret: PREVIOUS_SECRET,
      directory: runDirectory('pull-bridge'),
      pull: { queue, serviceUrl: service.url },
      ...options,
    });
    bridges.push(started);
    return started;
  }
  const arrived = (id: string) => listener.received.filter(({ body }) => body.event_id === id);
  const reportsOf = (id: string) => service.reports.flat().filter(({ result }) => result.event_id === id);
  const eventually = <Seen>(look: () => Seen) => expect.poll(look, { timeout: 10_000 });
  const isAcknowledged = () => eventually(() => queue.backlog()).toBe(0);

  describe('of what it takes from the queue', () => {
    const [good, bad, ended, ending] = [
      newMessage({ request_id: 'shop-order-17' }),
      newMessage(),
      newMessage({}, -1),
      newMessage({}, 40_000),
    ];
    beforeAll(async () => {
      const invalid = { ...bad, event: { ...bad.event, amount: 'much' } };
      queue.send(...[good, invalid, ended, ending].map((message) => JSON.stringify(message)));
      queue.send('hello', '{"event":{"event_id":"evt_1"}}');
      await until('all is acknowledged', () => queue.backlog() === 0);
    });

    it('publishes an event with the id of its request, and reports it as delivered under its lease', async () => {
      const { event, lease } = good;
      expect(reportsOf(event.event_id)).toEqual([{ lease, result: { event_id: event.event_id, delivered: true } }]);
      await eventually(() => arrived(event.event_id)).toHaveLength(1);
      expect(arrived(event.event_id)[0]?.message.headers).toEqual({ 'x-request-id': 'shop-order-17' });
      expect(bridge.child.output()).toContain('"request_ids":["shop-order-17"]');
    });

    it('reports an event of no contract as invalid', () => {
      const { event_id } = bad.event;
      const reason = 'not an event of the contract amount';
      expect(reportsOf(event_id)).toEqual([
        { lease: bad.lease, result: { event_id, delivered: false, reason, invalid: true } },
      ]);
    });

    it.each([
      ['has ended', ended],
      ['ends before the event could be published and reported', ending],
    ])('drops a message whose lease %s', (_, { event: { event_id } }) => {
      expect([arrived(event_id), reportsOf(event_id)]).toEqual([[], []]);
    });

    it('drops what is not a message of the service, and says so', () => {
      expect(bridge.child.output().match(/pull\.dropped/g)).toHaveLength(2);
      expect(arrived('evt_1')).toEqual([]);
    });

    it('signs each report with both secrets while one is replaced', () => {
      const { body, headers } = service.lastCall();
      for (const secret of [SECRET, PREVIOUS_SECRET]) {
        expect(() => new Webhook(secret).verify(body, headers)).not.toThrow();
      }
      expect(() => new Webhook(randomBytes(32).toString('base64')).verify(body, headers)).toThrow();
    });
  });

  it('does not acknowledge what the service has not recorded; it is handed back when it comes again, and not published twice', async () => {
    const [recorded, lost] = [newMessage(), newMessage()];
    service.answer = (deliveries) => ({
      status: 200,
      recorded: ids(deliveries).filter((id) => id !== lost.event.event_id),
    });
    queue.send(JSON.stringify(recorded), JSON.stringify(lost));
    await eventually(() => queue.backlog()).toBe(1);
    expect(reportsOf(recorded.event.event_id)).toHaveLength(1);

    service.answer = recordAll;
    queue.endVisibilityTimeouts();
    await isAcknowledged();
    expect(reportsOf(lost.event.event_id).map(({ result }) => result)).toEqual([
      ...Array(3).fill({ event_id: lost.event.event_id, delivered: true }),
      {
        event_id: lost.event.event_id,
        delivered: false,
        reason: 'taken from the queue before, without a report',
      },
    ]);
    expect(arrived(lost.event.event_id)).toHaveLength(1);
  });

  it('repeats a report that fails, while the lease lasts', async () => {
    const message = newMessage();
    let failures = 1;
    service.answer = (deliveries) => {
      failures -= 1;
      return failures >= 0 ? { status: 503 } : recordAll(deliveries);
    };
    queue.send(JSON.stringify(message));
    await isAcknowledged();
    expect(reportsOf(message.event.event_id)).toHaveLength(2);
    expect(arrived(message.event.event_id)).toHaveLength(1);
  });

  it('repeats what one of several databases has not recorded, and that alone', async () => {
    const [recorded, late] = [newMessage(), newMessage()];
    let reports = 0;
    service.answer = (deliveries) => {
      reports += 1;
      return reports > 1
        ? recordAll(deliveries)
        : { status: 200, recorded: ids(deliveries).filter((id) => id !== late.event.event_id) };
    };
    queue.send(JSON.stringify(recorded), JSON.stringify(late));
    await isAcknowledged();
    const delivered = ({ event: { event_id } }: RelayMessage) => ({ event_id, delivered: true });
    expect(reportsOf(late.event.event_id).map(({ result }) => result)).toEqual(Array(2).fill(delivered(late)));
    expect(reportsOf(recorded.event.event_id).map(({ result }) => result)).toEqual([delivered(recorded)]);
  });

  it('acknowledges again what it could not acknowledge, without publishing it a second time', async () => {
    const message = newMessage();
    queue.refuse('ack', { status: 500 });
    queue.send(JSON.stringify(message));
    await eventually(() => bridge.child.output()).toContain('pull.not_acknowledged');
    queue.refuse('ack', null);
    queue.endVisibilityTimeouts();
    await isAcknowledged();
    expect(arrived(message.event.event_id)).toHaveLength(1);
  });

  it('takes full batches at once, and looks at an empty queue once a second', async () => {
    const messages = Array.from({ length: 450 }, () => newMessage());
    const pulls = queue.counts.pulls;
    queue.send(...messages.map((message) => JSON.stringify(message)));
    await isAcknowledged();
    expect(queue.counts.pulls - pulls).toBeLessThanOrEqual(12);
    await eventually(() => messages.filter(({ event }) => arrived(event.event_id).length > 0)).toHaveLength(450);

    const idle = queue.counts.pulls;
    await sleep(2_500);
    expect(queue.counts.pulls - idle).toBeGreaterThanOrEqual(1);
    expect(queue.counts.pulls - idle).toBeLessThanOrEqual(3);
  });

  it('comes back to an API that limits its calls when that says, and not before', async () => {
    const message = newMessage();
    queue.refuse('pull', { status: 429, retryAfterSeconds: 3 });
    await eventually(() => bridge.child.output()).toContain('"status":429');
    queue.refuse('pull', null);
    queue.send(JSON.stringify(message));
    const startedAtMs = Date.now();
    await isAcknowledged();
    expect(Date.now() - startedAtMs).toBeGreaterThan(1_500);
  });

  it('publishes nothing and takes nothing from the queue before the service has taken a report', async () => {
    service.answer = () => ({ status: 401 });
    await bridge.child.stop();
    const unheard = await start({ waitForBroker: false });
    queue.send(JSON.stringify(newMessage()));
    await eventually(() => unheard.child.output()).toMatch(/"level":50,.*"status":401,.*report\.refused/);
    const pulls = queue.counts.pulls;
    await sleep(1_500);
    expect(queue.counts.pulls).toBe(pulls);
    expect(await (await fetch(`${unheard.url}/readyz`)).json()).toEqual({ status: 'no service' });

    service.answer = recordAll;
    await isAcknowledged();
    expect((await fetch(`${unheard.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${unheard.url}/events`, { method: 'POST', body: '{}' })).status).toBe(404);
    bridge = unheard;
  });

  it('judges leases by Cloudflare’s clock, and not by its own', async () => {
    const message = newMessage({}, 2 * MINUTE_MS);
    queue.advance(5 * MINUTE_MS);
    queue.send(JSON.stringify(message));
    await isAcknowledged();
    expect(reportsOf(message.event.event_id)).toEqual([]);
    expect(arrived(message.event.event_id)).toEqual([]);
    queue.advance(-5 * MINUTE_MS);
  });

  it('takes nothing from the queue without a broker', async () => {
    await bridge.child.stop();
    const lonely = await start({ rabbitmqUrl: `amqp://127.0.0.1:${await freePort()}/`, waitForBroker: false });
    queue.send(JSON.stringify(newMessage()));
    const pulls = queue.counts.pulls;
    await sleep(1_500);
    expect([queue.counts.pulls, queue.backlog()]).toEqual([pulls, 1]);
    expect(await (await fetch(`${lonely.url}/readyz`)).json()).toEqual({ status: 'no broker' });
    await lonely.child.stop();
  });

  it('ends after SIGTERM when what it has taken is reported and acknowledged, however long the service takes', async () => {
    await bridge.child.stop();
    const stopping = await start();
    await isAcknowledged();
    const message = newMessage();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    service.answer = async (deliveries) => {
      await held;
      return recordAll(deliveries);
    };
    queue.send(JSON.stringify(message));
    await eventually(() => reportsOf(message.event.event_id)).toHaveLength(1);
    const stopped = stopping.child.stop();
    await eventually(() => stopping.child.output()).toContain('bridge.stopping');
    // Longer than the broker may take, behind which a bridge that is called has nothing left to do.
    await sleep(RELAY_CONFIRM_DEADLINE_MS + 2_500);
    release();
    expect(await stopped).toBe(0);
    expect(queue.backlog()).toBe(0);
  }, 30_000);

  it('does not publish what it takes after SIGTERM, but puts it back into the queue', async () => {
    await bridge.child.stop();
    const stopping = await start();
    let release = () => {};
    queue.holdPulls(
      new Promise<void>((resolve) => {
        release = resolve;
      }),
    );
    const message = newMessage();
    queue.send(JSON.stringify(message));
    const { pulled } = queue.counts;
    await eventually(() => queue.counts.pulled).toBe(pulled + 1);
    const stopped = stopping.child.stop();
    await eventually(() => stopping.child.output()).toContain('bridge.stopping');
    release();
    expect(await stopped).toBe(0);
    expect(arrived(message.event.event_id)).toEqual([]);

    queue.holdPulls(null);
    const next = await start();
    await isAcknowledged();
    expect(reportsOf(message.event.event_id)).toMatchObject([{ result: { delivered: false } }]);
    await next.child.stop();
  });

  it('names a token that Cloudflare refuses, keeps trying, and logs neither the token nor an address', async () => {
    const refused = await start({
      waitForBroker: false,
      pull: { queue: { ...queue, apiToken: 'wrong-token' }, serviceUrl: service.url },
    });
    await eventually(() => refused.child.output()).toMatch(/"level":50,.*"status":403,.*pull\.failed/);
    expect(await (await fetch(`${refused.url}/readyz`)).json()).toEqual({ status: 'no queue' });
    await refused.child.stop();
    for (const { child } of bridges) {
      expect(child.output()).not.toMatch(/wrong-token|user@example\.com/);
      expect(child.output()).not.toContain(queue.apiToken);
    }
  });
});

interface Reply {
  status: number;
  recorded?: string[];
}

interface Service {
  url: string;
  reports: Delivery[][];
  answer: (deliveries: Delivery[]) => Reply | Promise<Reply>;
  lastCall(): { body: string; headers: Record<string, string> };
  close(): Promise<void>;
}

const ids = (deliveries: Delivery[]) => deliveries.map(({ result }) => result.event_id);
const recordAll = (deliveries: Delivery[]): Reply => ({ status: 200, recorded: ids(deliveries) });

/** Where the bridge reports to: it holds each report to its signature, as the payment service does. */
async function startService(): Promise<Service> {
  let last = { body: '', headers: {} as Record<string, string> };
  const server = createServer((request, response) => void reply(request, response));
  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    last = { body, headers };
    new Webhook(SECRET).verify(body, headers);
    const { deliveries } = JSON.parse(body) as { deliveries: Delivery[] };
    if (deliveries.length > 0) service.reports.push(deliveries);
    const { status, recorded } = request.url === DELIVERIES_PATH ? await service.answer(deliveries) : { status: 404 };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ recorded }));
  }
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const service: Service = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reports: [],
    answer: recordAll,
    lastCall: () => last,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function newMessage(overrides: Partial<RelayMessage> = {}, leaseLeftMs = 2 * MINUTE_MS): RelayMessage {
  const id = randomBytes(8).toString('hex');
  return {
    event: {
      event_id: `evt_${id}`,
      event_type: 'payment.success',
      user_id: 'user_123',
      user_email: 'user@example.com',
      booking_id: `BOOK-${id}`,
      transaction_id: `TXN-${id}`,
      amount: 25.5,
      payment_method: 'credit_card',
      timestamp: '2026-11-23T16:53:49Z',
    },
    lease: { id: `lse_${id}`, shard: 0, until_ms: Date.now() + leaseLeftMs, attempts: 0 },
    ...overrides,
  };
}

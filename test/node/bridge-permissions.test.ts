/** The bridge as a RabbitMQ user that may only publish, on a topology that somebody else has made. */
import { randomBytes } from 'node:crypto';
import { Connection } from 'rabbitmq-client';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { type Broker, startBroker } from '../../scripts/rabbitmq.ts';
import { connectionTo } from '../../src/bridge/broker-address.ts';
import { type BridgeProcess, startBridge } from '../support/bridge.ts';
import { runDirectory } from '../support/run.ts';

const START_DEADLINE_MS = 90_000;
const SECRET = randomBytes(32).toString('base64');
const PASSWORD = 'publisher-password';
const ROUTING_KEYS = ['payment.success', 'payment.failed', 'payment.refund'];

describe('a bridge that may only write to its exchange', { timeout: 30_000 }, () => {
  let broker: Broker;
  let owner: Connection;
  let names: { exchange: string; queue: string };
  let bridge: BridgeProcess | null = null;

  beforeAll(async () => {
    const started = await startBroker({ directory: runDirectory('permissions-broker') });
    if (started === null) throw new Error('no RabbitMQ can be started on this machine');
    broker = started;
    owner = new Connection(connectionTo(broker.url));
    await broker.control(['add_user', 'publisher', PASSWORD]);
    await broker.control(['set_permissions', 'publisher', '^$', String.raw`\.exchange$`, '^$']);
  }, START_DEADLINE_MS);
  afterAll(async () => {
    await owner?.close();
    await broker?.remove();
  }, START_DEADLINE_MS);

  beforeEach(() => {
    const name = `test.${randomBytes(4).toString('hex')}`;
    names = { exchange: `${name}.exchange`, queue: `${name}.queue` };
  });
  afterEach(async () => {
    await bridge?.child.stop();
    bridge = null;
  });

  async function start(options: { waitForBroker?: boolean } = {}): Promise<BridgeProcess> {
    const url = new URL(broker.url);
    [url.username, url.password] = ['publisher', PASSWORD];
    bridge = await startBridge({
      port: await freePort(),
      rabbitmqUrl: url.toString(),
      signingSecret: SECRET,
      directory: runDirectory('publisher-bridge'),
      ...names,
      ...options,
    });
    return bridge;
  }

  async function makeTopology(routingKeys: string[]): Promise<void> {
    const { exchange, queue } = names;
    await owner.exchangeDeclare({ exchange, type: 'topic', durable: true });
    await owner.queueDeclare({ queue, durable: true });
    for (const routingKey of routingKeys) await owner.queueBind({ exchange, queue, routingKey });
  }

  it('publishes, and keeps the existing topology', async () => {
    await makeTopology(ROUTING_KEYS);
    const { url, child } = await start();
    expect(await publish(url)).toMatchObject({ code: 200, body: { results: [{ delivered: true }] } });
    expect(await owner.queueDeclare({ queue: names.queue, passive: true })).toMatchObject({ messageCount: 1 });
    expect(child.output()).toMatch(/ACCESS_REFUSED.*broker\.topology_taken_as_it_is/);
    expect(child.output()).toContain('broker.ready');
  });

  it('reports an event as returned if a binding is missing, logs that once, and delivers when the binding exists', async () => {
    await makeTopology([]);
    const { url, child } = await start();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect((await publish(url)).body.results).toEqual([
        { event_id: expect.any(String), delivered: false, reason: 'returned by the broker: NO_ROUTE' },
      ]);
    }
    await expect.poll(() => child.output()).toContain('broker.unroutable');
    expect(child.output().match(/broker\.unroutable/g)).toHaveLength(1);
    expect(child.output()).not.toContain('broker.topology_restored');
    expect((await fetch(`${url}/readyz`)).status).toBe(200);

    await owner.queueBind({ ...names, routingKey: 'payment.success' });
    expect((await publish(url)).body.results).toMatchObject([{ delivered: true }]);
  });

  it('delivers to the queue of another name that is bound to the exchange', async () => {
    await makeTopology(ROUTING_KEYS);
    const { queue } = names;
    names = { ...names, queue: `${queue}.none` };
    const { url } = await start();
    expect((await publish(url)).body.results).toMatchObject([{ delivered: true }]);
    expect(await owner.queueDeclare({ queue, passive: true })).toMatchObject({ messageCount: 1 });
  });

  it('is not ready while the exchange is missing, and logs the reason', async () => {
    const { url, child } = await start({ waitForBroker: false });
    await expect.poll(() => child.output()).toContain(`the exchange ${names.exchange} is missing`);
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'not set up' }]);
    expect(await publish(url)).toMatchObject({
      code: 503,
      body: { error: 'the exchange on the broker is not set up' },
    });

    await makeTopology(ROUTING_KEYS);
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 5_000 }).toBe(200);
    expect((await publish(url)).body.results).toMatchObject([{ delivered: true }]);
  });
});

/** One event, as the Worker sends it. */
async function publish(url: string) {
  const event = {
    event_id: `evt_${randomBytes(13).toString('hex').toUpperCase()}`,
    event_type: 'payment.success',
    transaction_id: 'TXN-1',
    user_id: 'user_123',
    user_email: null,
    booking_id: 'BOOK-1',
    amount: 25.5,
    payment_method: 'credit_card',
    timestamp: '2024-12-15T10:30:45Z',
  };
  const body = JSON.stringify({ events: [event] });
  const [id, at] = [`msg_${randomBytes(8).toString('hex')}`, new Date()];
  const response = await fetch(`${url}/events`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(SECRET).sign(id, at, body),
    },
    body,
    signal: AbortSignal.timeout(15_000),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests say what it should be
  return { code: response.status, body: (await response.json()) as any };
}

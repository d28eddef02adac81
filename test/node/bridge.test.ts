import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type AsyncMessage, Connection } from 'rabbitmq-client';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { type BrokerEndpoint, brokerEndpoint, connectionTo } from '../../src/bridge/broker-address.ts';
import type { PaymentEvent } from '../../src/contract/events.ts';
import { RELAY_BODY_MAX_BYTES } from '../../src/contract/relay.ts';
import { type BridgeProcess, startBridge } from '../support/bridge.ts';
import { type Listener, listen, removeTopology } from '../support/exchange.ts';
import { rabbitmqUrl, runDirectory } from '../support/run.ts';

const SECRET = randomBytes(32).toString('base64');
const WEAK_SECRETS = [btoa('a'.repeat(32)), btoa('b'.repeat(32))] as const;
const POST_EVENTS = 'POST /events HTTP/1.1\r\nhost: bridge\r\n';
const TOLERANCE_SECONDS = 300;

describe('the bridge', () => {
  const exchange = `test.bridge.${randomBytes(4).toString('hex')}`;
  const queue = `${exchange}.queue`;
  let bridge: BridgeProcess;
  let listener: Listener;

  beforeAll(async () => {
    listener = await listen(rabbitmqUrl(), exchange, runDirectory('listener'));
    bridge = await start({ exchange, queue });
  });
  afterAll(async () => {
    // Also those of tests that failed half-way.
    await Promise.all(bridges.map(({ child }) => child.stop()));
    await listener?.close();
    await removeTopology(rabbitmqUrl(), exchange, queue);
  });

  it('publishes a signed batch and answers with one result for each event, in order', async () => {
    const events = [newEvent(), newEvent(), newEvent()];
    const { code, body } = await post(bridge.url, { events });

    expect(code).toBe(200);
    expect(body).toEqual({ results: events.map(({ event_id }) => ({ event_id, delivered: true })) });
    const arrived = await messagesOf(listener, events);
    expect(arrived.map(({ messageId }) => messageId)).toEqual(events.map(({ event_id }) => event_id));
  });

  it('publishes persistent messages that name themselves, their type, their time and their origin', async () => {
    const event = newEvent();
    await post(bridge.url, { events: [event] });

    const [message] = await messagesOf(listener, [event]);
    expect(message).toMatchObject({
      routingKey: 'payment.success',
      messageId: event.event_id,
      type: 'payment.success',
      timestamp: Date.parse(event.timestamp) / 1000,
      contentType: 'application/json',
      appId: 'payment-service',
      durable: true,
    });
    expect(message?.body).toEqual(event);
  });

  it('publishes the id of the request that caused an event as a header, and no header where none did', async () => {
    const [caused, other] = [newEvent(), newEvent()];
    await post(bridge.url, { events: [caused, other], request_ids: { [caused.event_id]: 'shop-order-17' } });

    const messages = await messagesOf(listener, [caused, other]);
    const headers = new Map(messages.map((message) => [message.messageId, message.headers]));
    expect(headers.get(caused.event_id)).toEqual({ 'x-request-id': 'shop-order-17' });
    expect(headers.get(other.event_id)).toBeUndefined();
    expect(messages.find(({ messageId }) => messageId === caused.event_id)?.body).toEqual(caused);
  });

  it.each([
    ['a number', 17],
    ['empty', ''],
    ['longer than 255 characters', 'a'.repeat(256)],
    ['a text with a line break', 'a\nb'],
    ['an object', { id: 'a' }],
  ])('publishes an event without the header where the id of its request is %s', async (_, id) => {
    const event = newEvent();
    const { body } = await post(bridge.url, { events: [event], request_ids: { [event.event_id]: id, __proto__: 'a' } });
    expect(body.results).toEqual([{ event_id: event.event_id, delivered: true }]);
    expect((await messagesOf(listener, [event]))[0]?.headers).toBeUndefined();
  });

  it.each<[string, (body: string) => Record<string, string>]>([
    ['no signature', () => ({})],
    ['no id', (body) => ({ ...sign(body), 'webhook-id': '' })],
    ['no timestamp', (body) => ({ ...sign(body), 'webhook-timestamp': '' })],
    ['a timestamp that is none', (body) => ({ ...sign(body), 'webhook-timestamp': 'now' })],
    ['a signature that is none', (body) => ({ ...sign(body), 'webhook-signature': ' ,=v1' })],
    ['a scheme without a signature', (body) => ({ ...sign(body), 'webhook-signature': 'v1' })],
    ['a signature without a scheme', (body) => alterSignature(sign(body), (signature) => signature.slice(3))],
    ['a signature of another scheme', (body) => alterSignature(sign(body), (signature) => `v2${signature.slice(2)}`)],
    ['half a signature', (body) => alterSignature(sign(body), (signature) => signature.slice(0, 25))],
    ['the signature of another secret', (body) => sign(body, { secret: randomBytes(32).toString('base64') })],
    ['the signature of another amount', (body) => sign(body.replace('25.5', '2.55'))],
    ['a signature that is older than the tolerance', (body) => sign(body, { ageSeconds: TOLERANCE_SECONDS + 5 })],
    ['a signature of the future', (body) => sign(body, { ageSeconds: -TOLERANCE_SECONDS - 5 })],
    ['an altered id', (body) => ({ ...sign(body), 'webhook-id': 'msg_other' })],
  ])('refuses %s with 401, and publishes nothing', async (_, headersFor) => {
    const event = newEvent();
    const text = JSON.stringify({ events: [event] });
    const { code, body } = await post(bridge.url, text, headersFor(text));

    expect(code).toBe(401);
    expect(body).toEqual({ error: 'the signature does not hold' });
    await expectUnpublished(listener, bridge.url, event);
  });

  it('accepts batches signed with the new or the previous secret, until the previous one is removed', async () => {
    const [previous, next] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
    const rotating = await start({ exchange, queue, signingSecret: next, previousSigningSecret: previous });
    for (const secret of [previous, next]) {
      const event = newEvent();
      const text = JSON.stringify({ events: [event] });
      expect((await post(rotating.url, text, sign(text, { secret }))).code).toBe(200);
      await messagesOf(listener, [event]);
    }
    await rotating.child.stop();

    const rotated = await start({ exchange, queue, signingSecret: next });
    const event = newEvent();
    const text = JSON.stringify({ events: [event] });
    expect((await post(rotated.url, text, sign(text, { secret: previous }))).code).toBe(401);
    await expectUnpublished(listener, bridge.url, event);
    await rotated.child.stop();
  });

  it('publishes a batch again that is sent again within the tolerance, under the same ids', async () => {
    const event = newEvent();
    const text = JSON.stringify({ events: [event] });
    const headers = sign(text);
    expect((await post(bridge.url, text, headers)).code).toBe(200);
    expect((await post(bridge.url, text, headers)).code).toBe(200);

    await listener.waitFor(1);
    await expect.poll(() => idsOf(listener).filter((id) => id === event.event_id)).toHaveLength(2);
  });

  it.each([
    ['no JSON', 'no JSON', 422],
    ['no events', { events: [] }, 422],
    ['101 events', { events: Array.from({ length: 101 }, newEvent) }, 422],
    ['an event without an id', { events: [{ event_type: 'payment.success' }] }, 422],
  ])('refuses a signed batch with %s', async (_, body, code) => {
    expect((await post(bridge.url, body)).code).toBe(code);
  });

  it.each([
    ['says so', (text: string) => text],
    ['does not say so', (text: string) => new Blob([text]).stream()],
  ])(
    'refuses a signed batch that has more bytes than one can have and %s, and publishes nothing',
    async (_, bodyOf) => {
      const event = newEvent();
      const text = JSON.stringify({ events: [event] }).padEnd(RELAY_BODY_MAX_BYTES + 1);
      const response = await fetch(`${bridge.url}/events`, {
        method: 'POST',
        headers: sign(text),
        body: bodyOf(text),
        duplex: 'half',
      });

      expect(response.status).toBe(413);
      await expectUnpublished(listener, bridge.url, event);
    },
  );

  it.each([
    ['announced', `content-length: ${RELAY_BODY_MAX_BYTES + 1}`, ''],
    ['endless', 'transfer-encoding: chunked', `10000\r\n${' '.repeat(0x10000)}\r\n`],
  ])('refuses an %s body before it has read it or looked for a signature, and hangs up', async (_, header, chunk) => {
    const { answer, sentBytes } = await send(bridge.url, `${POST_EVENTS}${header}\r\n\r\n`, { chunk, everyMs: 1 });
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(sentBytes).toBeLessThan(8 * RELAY_BODY_MAX_BYTES);
  });

  it('disconnects a slow sender, and does not log that as a bug', async () => {
    const slowly = { chunk: 'a', everyMs: 500 };
    const answers = await Promise.all([
      send(bridge.url, '', { chunk: '', everyMs: 500 }),
      send(bridge.url, POST_EVENTS, slowly),
      send(bridge.url, `${POST_EVENTS}content-length: 1000\r\n\r\n`, slowly),
      send(bridge.url, `${POST_EVENTS}transfer-encoding: chunked\r\n\r\n`, { ...slowly, chunk: '1\r\na\r\n' }),
    ]);
    for (const { answer } of answers) expect(answer).toBe('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
    // Two of them have got as far as to their body.
    await expect.poll(() => bridge.child.output().match(/relay\.(sender_gone|bug)/g)).toHaveLength(2);
    expect(bridge.child.output()).not.toContain('relay.bug');
  }, 20_000);

  it('publishes the valid events of a batch, and reports the others as outside of the contract', async () => {
    const events = [
      newEvent(),
      { ...newEvent(), event_type: 'payment.unknown' },
      { ...newEvent(), card_number: '4111111111111111' },
      newEvent(),
    ];
    const { code, body } = await post(bridge.url, { events });

    expect(code).toBe(200);
    expect(body.results).toEqual([
      { event_id: events[0]?.event_id, delivered: true },
      { event_id: events[1]?.event_id, delivered: false, reason: expect.stringContaining('event_type'), invalid: true },
      {
        event_id: events[2]?.event_id,
        delivered: false,
        reason: expect.stringContaining('not an event of the contract'),
        invalid: true,
      },
      { event_id: events[3]?.event_id, delivered: true },
    ]);
    expect(JSON.stringify(body)).not.toContain('4111111111111111');
    expect(bridge.child.output()).not.toContain('4111111111111111');
  });

  it('accepts a full batch of 100', async () => {
    const events = Array.from({ length: 100 }, newEvent);
    const { body } = await post(bridge.url, { events });
    expect(body.results.filter((result: { delivered: boolean }) => result.delivered)).toHaveLength(100);
  });

  it('reports an unroutable event as not delivered, and restores the binding', async () => {
    const lonely = await start({ exchange: `${exchange}.lonely`, queue: `${queue}.lonely` });
    const connection = new Connection(connectionTo(rabbitmqUrl()));
    const binding = { exchange: `${exchange}.lonely`, queue: `${queue}.lonely`, routingKey: 'payment.failed' };
    await connection.queueUnbind(binding);

    const [routed, unroutable, alsoRouted] = [newEvent(), newEvent('payment.failed'), newEvent()];
    const request_ids = { [routed.event_id]: 'shop-order-18', [unroutable.event_id]: 'shop-order-19' };
    const { body } = await post(lonely.url, { events: [routed, unroutable, alsoRouted], request_ids });

    expect(body.results).toEqual([
      { event_id: routed.event_id, delivered: true },
      { event_id: unroutable.event_id, delivered: false, reason: expect.stringMatching(/NO_ROUTE/) },
      { event_id: alsoRouted.event_id, delivered: true },
    ]);
    const logged = `"event_id":"${unroutable.event_id}","request_id":"shop-order-19"`;
    await expect.poll(() => lonely.child.output()).toContain(logged);
    await expect
      .poll(async () => (await post(lonely.url, { events: [unroutable] })).body.results)
      .toEqual([{ event_id: unroutable.event_id, delivered: true }]);
    await connection.close();
    await lonely.child.stop();
    await removeTopology(rabbitmqUrl(), `${exchange}.lonely`, `${queue}.lonely`);
  });

  it('publishes where the queue is exclusive to the connection of its consumer', async () => {
    const [ownExchange, ownQueue] = [`${exchange}.exclusive`, `${queue}.exclusive`];
    const consumer = new Connection(connectionTo(rabbitmqUrl()));
    await consumer.exchangeDeclare({ exchange: ownExchange, type: 'topic', durable: true });
    await consumer.queueDeclare({ queue: ownQueue, exclusive: true });
    await consumer.queueBind({ exchange: ownExchange, queue: ownQueue, routingKey: '#' });
    const publisher = await start({ exchange: ownExchange, queue: ownQueue });

    const { body } = await post(publisher.url, { events: [newEvent()] });
    expect(body.results[0].delivered).toBe(true);
    await publisher.child.stop();
    await consumer.close();
    await removeTopology(rabbitmqUrl(), ownExchange, ownQueue);
  });

  it('keeps an existing exchange and queue unchanged', async () => {
    const [ownExchange, ownQueue] = [`${exchange}.own`, `${queue}.own`];
    const connection = new Connection(connectionTo(rabbitmqUrl()));
    await connection.exchangeDeclare({ exchange: ownExchange, type: 'topic', durable: true, autoDelete: true });
    await connection.queueDeclare({ queue: ownQueue, durable: true, arguments: { 'x-max-length': 7 } });
    const second = await start({ exchange: ownExchange, queue: ownQueue });

    const { body } = await post(second.url, { events: [newEvent()] });
    expect(body.results[0].delivered).toBe(true);
    expect((await connection.queueDeclare({ queue: ownQueue, passive: true })).messageCount).toBe(1);
    await connection.close();
    await second.child.stop();
    await removeTopology(rabbitmqUrl(), ownExchange, ownQueue);
  });

  it('declares a missing exchange, queue or binding as durable', async () => {
    const maker = await start({ exchange: `${exchange}.made`, queue: `${queue}.made` });
    const connection = new Connection(connectionTo(rabbitmqUrl()));
    // The broker refuses a declaration that differs from what is there.
    await connection.exchangeDeclare({ exchange: `${exchange}.made`, type: 'topic', durable: true });
    await connection.queueDeclare({ queue: `${queue}.made`, durable: true });
    await connection.close();
    await maker.child.stop();
    await removeTopology(rabbitmqUrl(), `${exchange}.made`, `${queue}.made`);
  });

  it('recovers when its exchange is removed, which costs it the channel', async () => {
    const robbed = await start({ exchange: `${exchange}.gone`, queue: `${queue}.gone` });
    const connection = new Connection(connectionTo(rabbitmqUrl()));
    await connection.exchangeDelete({ exchange: `${exchange}.gone` });
    await connection.close();
    const event = newEvent();
    expect((await post(robbed.url, { events: [event] })).body.results[0].delivered).toBe(false);
    await expect.poll(async () => (await post(robbed.url, { events: [event] })).body.results?.[0].delivered).toBe(true);
    await robbed.child.stop();
    await removeTopology(rabbitmqUrl(), `${exchange}.gone`, `${queue}.gone`);
  });

  it('runs beside another one', async () => {
    const second = await start({ exchange, queue });
    const events = Array.from({ length: 50 }, newEvent);
    const answers = await Promise.all(
      events.map((event, n) => post(n % 2 === 0 ? bridge.url : second.url, { events: [event] })),
    );
    expect(answers.every(({ body }) => body.results[0].delivered)).toBe(true);
    await second.child.stop();
  });

  it('accepts the contract’s address, which has no user', async () => {
    const url = new URL(rabbitmqUrl());
    url.username = '';
    url.password = '';
    const anonymous = await start({ exchange, queue, rabbitmqUrl: url.toString() });
    expect((await post(anonymous.url, { events: [newEvent()] })).code).toBe(200);
    await anonymous.child.stop();
  });

  it('reaches a broker at an IPv6 address, and listens on one itself', async () => {
    const port = await freePort({ host: '::1' });
    const wire = await forward(port, brokerEndpoint(rabbitmqUrl()), '::1');
    const url = new URL(rabbitmqUrl());
    url.host = `[::1]:${port}`;
    const sixth = await start({ exchange, queue, rabbitmqUrl: url.toString(), host: '[::1]' });
    expect(new URL(sixth.url).hostname).toBe('[::1]');
    const event = newEvent();
    expect((await post(sixth.url, { events: [event] })).body.results).toEqual([
      { event_id: event.event_id, delivered: true },
    ]);
    await messagesOf(listener, [event]);
    expect(await sixth.child.stop()).toBe(0);
    wire.cut();
  });

  it('runs without a broker, reports that, and refuses batches until one is reachable', async () => {
    const port = await freePort();
    const waiting = await start({ exchange, queue, rabbitmqUrl: `amqp://127.0.0.1:${port}/`, waitForBroker: false });

    expect((await fetch(`${waiting.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${waiting.url}/readyz`)).status).toBe(503);
    expect((await post(waiting.url, { events: [newEvent()] })).code).toBe(503);

    // A broker appears: the real one, behind the address at which there was none.
    const wire = await forward(port, brokerEndpoint(rabbitmqUrl()));
    await expect.poll(async () => (await fetch(`${waiting.url}/readyz`)).status).toBe(200);
    expect((await post(waiting.url, { events: [newEvent()] })).code).toBe(200);

    // It is gone again, without a word: open connections are cut.
    wire.cut();
    await expect.poll(async () => (await fetch(`${waiting.url}/readyz`)).status).toBe(503);
    expect(await waiting.child.stop()).toBe(0);
  });

  it('after SIGTERM, answers the accepted batch, refuses others, and exits with 0', async () => {
    const port = await freePort();
    const wire = await forward(port, brokerEndpoint(rabbitmqUrl()));
    const metricsPort = await freePort();
    const stopping = await start({ exchange, queue, rabbitmqUrl: `amqp://127.0.0.1:${port}/`, metricsPort });
    wire.hold();
    const event = newEvent();
    const answer = post(stopping.url, { events: [event] });
    const metrics = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    await expect.poll(metrics).toContain('payment_bridge_events_in_flight 1\n');
    const stopped = stopping.child.stop();
    await expect.poll(() => stopping.child.output()).toContain('bridge.stopping');
    expect((await fetch(`${stopping.url}/readyz`)).status).toBe(503);
    expect((await post(stopping.url, { events: [newEvent()] })).code).toBe(503);
    wire.release();

    expect((await answer).body).toEqual({ results: [{ event_id: event.event_id, delivered: true }] });
    expect(await stopped).toBe(0);
    wire.cut();
  });

  it('exits with 0 although a client is still sending', async () => {
    const stopping = await start({ exchange, queue });
    const sending = send(stopping.url, `${POST_EVENTS}content-length: 1000\r\n\r\n`, { chunk: 'a', everyMs: 100 });
    await sleep(200);
    const startedAtMs = Date.now();
    expect(await stopping.child.stop()).toBe(0);
    expect(Date.now() - startedAtMs).toBeLessThan(5_000);
    expect((await sending).answer).toBe('');
  });

  it('reports an event as not delivered when the broker does not confirm in time', async () => {
    const port = await freePort();
    const wire = await forward(port, brokerEndpoint(rabbitmqUrl()));
    const slow = await start({ exchange, queue, rabbitmqUrl: `amqp://127.0.0.1:${port}/` });
    wire.hold();
    const event = newEvent();
    const { body } = await post(slow.url, { events: [event] });

    expect(body.results).toEqual([
      { event_id: event.event_id, delivered: false, reason: expect.stringContaining('in time') },
    ]);
    wire.cut();
    await slow.child.kill();
  }, 20_000);

  it.each([
    ['broken', { BRIDGE_PORT: '0', RABBITMQ_URL: 'http://localhost/', BRIDGE_SIGNING_SECRET: 'short' }],
    [
      'unsafe',
      {
        RABBITMQ_URL: 'amqp://rabbitmq.example/',
        BRIDGE_SIGNING_SECRET: WEAK_SECRETS[0],
        BRIDGE_SIGNING_SECRET_PREVIOUS: WEAK_SECRETS[1],
      },
    ],
  ])('names every setting that is %s, and ends with 1', async (_, env) => {
    const failed = await promisify(execFile)(process.execPath, ['src/bridge/main.ts'], { env }).then(
      () => null,
      (error) => error,
    );
    expect(failed.code).toBe(1);
    const named = failed.stderr
      .trim()
      .split('\n')
      .map((line: string) => /^bridge: (\w+) must be /.exec(line)?.[1]);
    expect(named.toSorted()).toEqual(Object.keys(env).toSorted());
    for (const secret of ['short', ...WEAK_SECRETS]) expect(failed.stderr).not.toContain(secret);
  });

  it('reports in one line that its port is in use, and exits with 1', async () => {
    const failed = await promisify(execFile)(process.execPath, ['src/bridge/main.ts'], {
      env: { BRIDGE_PORT: new URL(bridge.url).port, RABBITMQ_URL: rabbitmqUrl(), BRIDGE_SIGNING_SECRET: SECRET },
    }).then(
      () => null,
      (error) => error,
    );
    expect(failed.code).toBe(1);
    expect(failed.stderr.trim()).toBe(`bridge: port ${new URL(bridge.url).port} is in use`);
  });
});

const bridges: BridgeProcess[] = [];

async function start(options: {
  exchange: string;
  queue: string;
  rabbitmqUrl?: string;
  host?: string;
  waitForBroker?: boolean;
  metricsPort?: number;
  signingSecret?: string;
  previousSigningSecret?: string;
}): Promise<BridgeProcess> {
  const started = await startBridge({
    rabbitmqUrl: rabbitmqUrl(),
    signingSecret: SECRET,
    port: await freePort(),
    directory: runDirectory('bridge'),
    ...options,
  });
  bridges.push(started);
  return started;
}

function newEvent(type: 'payment.success' | 'payment.failed' = 'payment.success'): PaymentEvent {
  const common = {
    event_id: `evt_${randomBytes(13).toString('hex').toUpperCase()}`,
    user_id: 'user_123',
    user_email: null,
    booking_id: 'BOOK-1',
    amount: 25.5,
    payment_method: 'credit_card',
    timestamp: '2024-12-15T10:30:45Z',
  } as const;
  return type === 'payment.success'
    ? { ...common, event_type: type, transaction_id: 'TXN-1' }
    : { ...common, event_type: type, failure_reason: 'Insufficient funds', error_code: 'INSUFFICIENT_FUNDS' };
}

function sign(body: string, options: { secret?: string; ageSeconds?: number } = {}) {
  const { secret = SECRET, ageSeconds = 0 } = options;
  const id = `msg_${randomBytes(8).toString('hex')}`;
  const at = new Date(Date.now() - ageSeconds * 1_000);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}
type SignedHeaders = ReturnType<typeof sign>;

function alterSignature(headers: SignedHeaders, change: (signature: string) => string): SignedHeaders {
  return { ...headers, 'webhook-signature': change(headers['webhook-signature']) };
}

async function post(url: string, body: unknown, headers?: Record<string, string>) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${url}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(headers ?? sign(text)) },
    body: text,
    signal: AbortSignal.timeout(15_000),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests say what it should be
  return { code: response.status, body: (await response.json()) as any };
}

/** Sends bytes and then a chunk again and again, until the other side hangs up. */
async function send(url: string, head: string, { chunk, everyMs }: { chunk: string; everyMs: number }) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const sent = { answer: '', sentBytes: 0 };
  socket.on('error', () => {}); // it writes until it notices
  socket.on('data', (data) => {
    sent.answer += data;
  });
  socket.write(head);
  const timer = setInterval(() => {
    if (socket.writable && socket.write(chunk)) sent.sentBytes += chunk.length;
  }, everyMs);
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(timer);
  return sent;
}

function idsOf(listener: Listener): string[] {
  return listener.received.map(({ body }) => body.event_id);
}

async function messagesOf(listener: Listener, events: PaymentEvent[]): Promise<AsyncMessage[]> {
  const ids = new Set<string>(events.map(({ event_id }) => event_id));
  const found = () => listener.received.filter(({ body }) => ids.has(body.event_id));
  await expect.poll(() => found().length).toBeGreaterThanOrEqual(events.length);
  return found().map(({ message }) => message);
}

/** What is published afterwards arrives, and this has not. */
async function expectUnpublished(listener: Listener, url: string, event: PaymentEvent): Promise<void> {
  const later = newEvent();
  await post(url, { events: [later] });
  await messagesOf(listener, [later]);
  expect(idsOf(listener)).not.toContain(event.event_id);
}

/** A wire between two ports that can be held and cut. */
async function forward(port: number, to: BrokerEndpoint, host = '127.0.0.1') {
  const sockets = new Set<Socket>();
  let held = false;
  const server = createServer((near) => {
    const far = connect(to.port, to.host);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
    if (held) far.pause();
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return {
    hold() {
      held = true;
      for (const socket of sockets) socket.pause();
    },
    release() {
      held = false;
      for (const socket of sockets) socket.resume();
    },
    cut() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

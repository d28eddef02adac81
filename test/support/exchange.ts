/**
 * A consumer beside the others: everything that reaches the exchange, as a downstream service would get it. Each message has to be as
 * docs/asyncapi.yaml says.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AsyncMessage, Connection } from 'rabbitmq-client';
import { connectionTo } from '../../src/bridge/broker-address.ts';
import { until } from './child.ts';
import { departures, documentedEvents, documentedHeaders } from './event-document.ts';

export interface Received {
  routingKey: string;
  /** As it was on the wire. */
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what it should be
  body: any;
  message: AsyncMessage;
  atMs: number;
}

export interface Listener {
  readonly received: Received[];
  /** Those of one booking, in the order of their arrival. */
  of(bookingId: string): Received[];
  waitFor(count: number, deadlineMs?: number): Promise<Received[]>;
  /** @throws where a message was not as docs/asyncapi.yaml says */
  close(): Promise<void>;
}

/**
 * Listens on a durable queue of its own, so that nothing is missed while the broker is away. What arrives is kept in the
 * directory as well, for the search for card data.
 */
export async function listen(rabbitmqUrl: string, exchange: string, directory: string): Promise<Listener> {
  const connection = new Connection({ ...connectionTo(rabbitmqUrl), retryLow: 200, retryHigh: 1_000 });
  // A broker that is away is what some tests are about: the client connects and subscribes again by itself.
  let lastError: unknown = null;
  const keepError = (error: unknown) => {
    lastError = error;
  };
  connection.on('error', keepError);
  const queue = `${exchange}.listener`;
  const received: Received[] = [];
  const undocumented: string[] = [];
  const [events, headers] = [documentedEvents(), documentedHeaders()];
  const consumer = connection.createConsumer(
    {
      queue,
      queueOptions: { durable: true },
      exchanges: [{ exchange, type: 'topic', durable: true }],
      queueBindings: [{ exchange, routingKey: '#' }],
      qos: { prefetchCount: 500 },
    },
    (message) => {
      const text = Buffer.isBuffer(message.body) ? message.body.toString() : JSON.stringify(message.body);
      appendFileSync(join(directory, 'received.jsonl'), `${text}\n`);
      const body = JSON.parse(text);
      undocumented.push(...departures(events, headers, message, body).map((departure) => `${departure}: ${text}`));
      received.push({ routingKey: message.routingKey, text, body, message, atMs: Date.now() });
    },
  );
  consumer.on('error', keepError);
  let isReady = false;
  consumer.once('ready', () => {
    isReady = true;
  });
  await until('the listener is subscribed', () => isReady, {
    lastWords: () => String(lastError ?? 'the broker has not answered'),
  });
  return {
    received,
    of: (bookingId) => received.filter(({ body }) => body.booking_id === bookingId),
    async waitFor(count, deadlineMs = 45_000) {
      await until(`${count} events arrive`, () => received.length >= count, { deadlineMs });
      return received;
    },
    async close() {
      await consumer.close();
      await connection.queueDelete(queue);
      await connection.close();
      if (undocumented.length > 0) throw new Error(`not as docs/asyncapi.yaml says: ${undocumented.join('\n')}`);
    },
  };
}

/** All that waits in a queue, taken out of it: each message as JSON, with its properties. */
export async function drainQueue(rabbitmqUrl: string, queue: string): Promise<string[]> {
  const connection = new Connection(connectionTo(rabbitmqUrl));
  const messages: string[] = [];
  for (;;) {
    const message = await connection.basicGet({ queue, noAck: true });
    if (message === undefined) break;
    messages.push(JSON.stringify(message));
  }
  await connection.close();
  return messages;
}

/** Removes what a bridge under test declared. */
export async function removeTopology(rabbitmqUrl: string, exchange: string, queue: string): Promise<void> {
  const connection = new Connection(connectionTo(rabbitmqUrl));
  await connection.queueDelete({ queue });
  await connection.exchangeDelete({ exchange });
  await connection.close();
}

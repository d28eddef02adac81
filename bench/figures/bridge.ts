/**
 * Events that the bridge gets confirmed a second, beside RabbitMQ's client alone: the same messages, as many in flight, to the same
 * queue of the same broker, in turns of a few seconds. The batches are signed beforehand, since the Worker signs on another machine.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { Agent } from 'node:http';
import { Connection, type Publisher } from 'rabbitmq-client';
import { Webhook } from 'standardwebhooks';
import { freePort } from '../../scripts/free-port.ts';
import { connectionTo } from '../../src/bridge/broker-address.ts';
import { EVENT_TYPES, type PaymentEvent } from '../../src/contract/events.ts';
import { RELAY_BATCH_MAX_EVENTS, type RelayBatch, type RelayResults } from '../../src/contract/relay.ts';
import { startBridge } from '../../test/support/bridge.ts';
import { removeTopology } from '../../test/support/exchange.ts';
import { runDirectory } from '../../test/support/run.ts';
import { eventMessages } from '../backlogs.ts';
import type { Figure } from '../figure.ts';
import { httpPost } from '../http-post.ts';
import { cpuMs } from '../process-cpu.ts';
import { median } from '../statistics.ts';

/** Invocations of the queue's consumer that post at the same time. */
const BATCHES_AT_ONCE = 8;
/** Of the first turn, which does not count. */
const WARM_UP_SECONDS = 1;
const MIN_RATIO = 0.8;
const MIN_EVENTS_PER_SECOND = 5_000;
/** The broker drops the oldest: it keeps no more while it is measured than where a consumer keeps up. */
const QUEUE_MAX_LENGTH = 10_000;

interface Slice {
  events: number;
  seconds: number;
  /** Of the process that publishes. */
  cpuMs: number;
}

export const bridge: Figure = {
  name: 'bridge',
  title: 'bridge: events confirmed by RabbitMQ, beside its client alone',
  async measure({ quick, progress, signal, brokerUrl }) {
    const rabbitmqUrl = await brokerUrl();
    const directory = runDirectory('bench-bridge');
    const exchange = `bench.${randomBytes(4).toString('hex')}`;
    const queue = `${exchange}.processing_queue`;
    const signingSecret = randomBytes(32).toString('base64');
    const connection = new Connection(connectionTo(rabbitmqUrl));
    // The bridge takes the topology as it is.
    await connection.exchangeDeclare({ exchange, type: 'topic', durable: true });
    await connection.queueDeclare({ queue, durable: true, arguments: { 'x-max-length': QUEUE_MAX_LENGTH } });
    for (const routingKey of EVENT_TYPES) await connection.queueBind({ exchange, queue, routingKey });
    const publisher = connection.createPublisher({ confirm: true });
    const port = await freePort();
    const started = await startBridge({ port, rabbitmqUrl, exchange, queue, signingSecret, directory });
    const agent = new Agent({ keepAlive: true, maxSockets: BATCHES_AT_ONCE });
    const batches = batchesOf(BATCHES_AT_ONCE);
    const [turns, seconds] = quick ? [2, 1.5] : [6, 3];
    const ofBridge: Slice[] = [];
    const ofClient: Slice[] = [];
    try {
      for (let turn = 0; turn <= turns && !signal.aborted; turn += 1) {
        progress.at(turn, turns);
        const sliceSeconds = turn === 0 ? WARM_UP_SECONDS : seconds;
        const signed = batches.map((events) => signedRequest(events, signingSecret));
        const bySlice = await slice(sliceSeconds, started.child.pid, signed, (one) => postBatch(port, agent, one));
        const byClient = await slice(sliceSeconds, process.pid, batches, (one) => publishAll(publisher, exchange, one));
        if (turn > 0) {
          ofBridge.push(bySlice);
          ofClient.push(byClient);
        }
      }
    } finally {
      agent.destroy();
      await started.child.stop();
      await publisher.close();
      await connection.close();
      await removeTopology(rabbitmqUrl, exchange, queue);
      await rm(directory, { recursive: true, force: true });
    }
    const rates = { bridge: ofBridge.map(rate), client: ofClient.map(rate) };
    const ratio = median(rates.bridge.map((one, turn) => one / (rates.client[turn] ?? Number.NaN)));
    return {
      lines: [
        {
          what: 'events a second ÷ the client alone',
          value: ratio,
          unit: '×',
          target: { atLeast: MIN_RATIO },
          note: `median of ${turns} turns; alone it confirms ${Math.round(median(rates.client)).toLocaleString('en')}/s`,
        },
        {
          what: 'events a second',
          value: median(rates.bridge),
          unit: '/s',
          target: { atLeast: MIN_EVENTS_PER_SECOND },
          note: `${BATCHES_AT_ONCE} batches of ${RELAY_BATCH_MAX_EVENTS} at once`,
        },
        ...cpuLine('CPU an event, bridge', ofBridge, 'HTTP, signature, schema and AMQP'),
        ...cpuLine('CPU an event, client alone', ofClient, 'AMQP'),
      ],
      details: { events_per_second: rates, batches_at_once: BATCHES_AT_ONCE },
    };
  },
};

const rate = ({ events, seconds }: Slice) => events / seconds;

function cpuLine(what: string, slices: readonly Slice[], note: string) {
  const usedMs = slices.reduce((sum, slice) => sum + slice.cpuMs, 0);
  const events = slices.reduce((sum, slice) => sum + slice.events, 0);
  return Number.isNaN(usedMs) ? [] : [{ what, value: usedMs / events, unit: 'ms', note }];
}

/** Sends each of the batches again and again, all of them at once. */
async function slice<Batch>(
  seconds: number,
  pid: number,
  batches: readonly Batch[],
  send: (batch: Batch) => Promise<void>,
): Promise<Slice> {
  const cpuBeforeMs = cpuMs(pid);
  const startedMs = performance.now();
  const endsMs = startedMs + seconds * 1_000;
  let events = 0;
  await Promise.all(
    batches.map(async (batch) => {
      while (performance.now() < endsMs) {
        await send(batch);
        events += RELAY_BATCH_MAX_EVENTS;
      }
    }),
  );
  return { events, seconds: (performance.now() - startedMs) / 1_000, cpuMs: cpuMs(pid) - cpuBeforeMs };
}

function batchesOf(count: number): PaymentEvent[][] {
  const events = eventMessages(count * RELAY_BATCH_MAX_EVENTS).map(({ event }) => event);
  return Array.from({ length: count }, (_, batch) =>
    events.slice(batch * RELAY_BATCH_MAX_EVENTS, (batch + 1) * RELAY_BATCH_MAX_EVENTS),
  );
}

interface SignedRequest {
  body: Buffer;
  headers: Record<string, string>;
}

/** As src/core/outbox/relay-client.ts signs it. */
function signedRequest(events: PaymentEvent[], signingSecret: string): SignedRequest {
  const request_ids = Object.fromEntries(events.map(({ event_id }) => [event_id, randomUUID()]));
  const body = JSON.stringify({ events, request_ids } satisfies RelayBatch);
  const id = `msg_${randomBytes(16).toString('hex')}`;
  const now = new Date();
  return {
    body: Buffer.from(body),
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': new Webhook(signingSecret).sign(id, now, body),
    },
  };
}

/** @throws where an event was not delivered */
async function postBatch(port: number, agent: Agent, { body, headers }: SignedRequest): Promise<void> {
  const answer = await httpPost(`http://127.0.0.1:${port}/events`, body, { agent, headers });
  if (answer.status !== 200) throw new Error(`the bridge answered ${answer.status}`);
  const { results } = JSON.parse(answer.body) as RelayResults;
  if (results.length !== RELAY_BATCH_MAX_EVENTS || results.some(({ delivered }) => !delivered)) {
    throw new Error('the bridge did not deliver an event');
  }
}

/** The same messages as the bridge makes of the events, each confirmed. */
async function publishAll(publisher: Publisher, exchange: string, events: PaymentEvent[]): Promise<void> {
  await Promise.all(
    events.map((event) =>
      publisher.send(
        {
          exchange,
          routingKey: event.event_type,
          mandatory: true,
          durable: true,
          messageId: event.event_id,
          type: event.event_type,
          timestamp: Math.floor(Date.parse(event.timestamp) / 1_000),
          contentType: 'application/json',
          appId: 'payment-service',
        },
        Buffer.from(JSON.stringify(event)),
      ),
    ),
  );
}

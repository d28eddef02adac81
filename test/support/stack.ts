/** Everything between a caller and the exchange: the Worker under `wrangler dev`, the bridge, RabbitMQ, a consumer. */
import { randomBytes, randomInt } from 'node:crypto';
import { freePort } from '../../scripts/free-port.ts';
import { TEST_CVV, TEST_EXPIRY_YEAR } from '../data/cards.ts';
import { mustBeDocumented } from '../data/documented.ts';
import { LOCAL_VARIABLES } from '../data/local-variables.ts';
import { type BridgeProcess, startBridge } from './bridge.ts';
import { answers, until } from './child.ts';
import { type Installation, install } from './configuration.ts';
import { type Listener, listen, removeTopology } from './exchange.ts';
import { runDirectory } from './run.ts';
import { prepareDatabase, startWorker, type WorkerProcess } from './worker.ts';

export interface Stack {
  readonly exchange: string;
  readonly queue: string;
  readonly directory: string;
  readonly listener: Listener;
  worker: WorkerProcess;
  bridge: BridgeProcess;
  /** Where the bridge serves its metrics, on 127.0.0.1. */
  readonly bridgeMetricsPort: number;
  startBridge(options?: { waitForBroker?: boolean }): Promise<void>;
  startWorker(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Brings all of it up, under names of its own in the given broker.
 *
 * @param installation other than the one that wrangler.toml describes
 */
export async function startStack(
  name: string,
  rabbitmqUrl: string,
  variables: Record<string, string> = {},
  installation?: Installation,
): Promise<Stack> {
  const directory = runDirectory(name);
  const exchange = `test.${name}.${randomBytes(4).toString('hex')}`;
  const queue = `${exchange}.processing_queue`;
  const [bridgePort, workerPort, bridgeMetricsPort] = [await freePort(), await freePort(), await freePort()];
  const signingSecret = randomBytes(32).toString('base64');

  const bridgeUrl = `http://127.0.0.1:${bridgePort}`;
  const workerUrl = `http://127.0.0.1:${workerPort}`;
  const pulledFrom = installation?.pulledFrom;
  const pull = pulledFrom && { pull: { queue: pulledFrom, serviceUrl: workerUrl } };
  const delivery = pulledFrom
    ? {
        BRIDGE_DELIVERY: 'pull',
        QUEUE_API_MESSAGES: `${pulledFrom.url}/accounts/${pulledFrom.accountId}/queues/${pulledFrom.queueId}/messages`,
        QUEUE_API_TOKEN: pulledFrom.apiToken,
      }
    : { BRIDGE_URL: bridgeUrl };

  const bringUpBridge = (waitForBroker = true) =>
    startBridge({
      ...{ port: bridgePort, metricsPort: bridgeMetricsPort },
      ...{ rabbitmqUrl, exchange, queue, signingSecret, directory, waitForBroker },
      ...pull,
    });
  const bringUpWorker = () =>
    startWorker({
      port: workerPort,
      directory,
      ...(config !== null && { config }),
      variables: {
        ...LOCAL_VARIABLES,
        ...delivery,
        BRIDGE_SIGNING_SECRET: signingSecret,
        ...variables,
      },
    });

  if (installation === undefined) prepareDatabase(directory);
  const [bridge, config, listener] = await Promise.all([
    // One that pulls is ready when the Worker is, too.
    bringUpBridge(pulledFrom === undefined),
    installation === undefined ? null : install(directory, installation),
    listen(rabbitmqUrl, exchange, directory),
  ]);
  const worker = await bringUpWorker().catch(async (error: unknown) => {
    await Promise.allSettled([bridge.child.stop(), listener.close()]);
    throw error;
  });
  const stack: Stack = {
    exchange,
    queue,
    directory,
    listener,
    bridge,
    bridgeMetricsPort,
    worker,
    async startBridge({ waitForBroker } = {}) {
      stack.bridge = await bringUpBridge(waitForBroker);
    },
    async startWorker() {
      stack.worker = await bringUpWorker();
    },
    async stop() {
      await Promise.all([stack.worker.child.stop(), stack.bridge.child.stop(), listener.close()]);
      await removeTopology(rabbitmqUrl, exchange, queue);
    },
  };
  // Until the Worker is there, its reports fail, and it waits longer each time.
  if (pulledFrom) await until('the bridge pulls', () => answers(`${bridgeUrl}/readyz`), { child: bridge.child });
  return stack;
}

/** Pays as a caller does; each call comes from an address of its own, so that the rate limit plays no part. */
export async function pay(
  baseUrl: string,
  overrides: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  const payment = {
    user_id: 'user_123',
    booking_id: newBooking(),
    amount: 25.5,
    payment_method: 'credit_card',
    card_details: card('4111111111111111'),
    ...overrides,
  };
  return post(baseUrl, '/payment/process', payment, headers);
}

export function card(number: string): Record<string, string> {
  return {
    card_number: number,
    expiry_month: '12',
    expiry_year: TEST_EXPIRY_YEAR,
    cvv: TEST_CVV,
    cardholder_name: 'John Doe',
  };
}

export function newBooking(): string {
  return `BOOK-${randomBytes(6).toString('hex')}`;
}

/** The last of 500 requests at once waits long on a machine with two cores on which other tests run as well. */
const ANSWER_DEADLINE_MS = 60_000;

export interface HttpAnswer {
  code: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export async function post(
  baseUrl: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  const response = await fetch(`${baseUrl}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': newAddress(), ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
  });
  return answerOf('POST', path, response);
}

/** The body of the status of a payment or a refund. */
export async function statusOf(baseUrl: string, id: unknown): Promise<Record<string, unknown>> {
  const path = `/payment/status/${id}`;
  const response = await fetch(`${baseUrl}${path}`, {
    headers: { 'CF-Connecting-IP': newAddress() },
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
  });
  return (await answerOf('GET', path, response)).body;
}

/** Each test holds the service to its document. */
async function answerOf(method: string, path: string, response: Response): Promise<HttpAnswer> {
  const { status, headers } = response;
  const body = (await response.json()) as Record<string, unknown>;
  mustBeDocumented({ method, path, status, headers, body });
  return { code: status, headers, body };
}

/** From the network that RFC 2544 keeps for benchmarks. */
export function newAddress(): string {
  return `198.${18 + randomInt(2)}.${randomInt(256)}.${randomInt(256)}`;
}

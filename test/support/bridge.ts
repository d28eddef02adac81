/** The bridge as its own process. */
import { join } from 'node:path';
import { answers, type Child, startChild, until } from './child.ts';
import type { QueueApi } from './queue-api.ts';

export interface BridgeProcess {
  readonly url: string;
  readonly child: Child;
}

/** Starts a bridge and waits until it listens, and until it has a broker unless `waitForBroker` is false. */
export async function startBridge(options: {
  /** As BRIDGE_HOST has it. */
  host?: string;
  port: number;
  rabbitmqUrl: string;
  exchange: string;
  queue: string;
  signingSecret: string;
  previousSigningSecret?: string;
  directory: string;
  waitForBroker?: boolean;
  /** Where it takes events from and reports them to, instead of being called. */
  pull?: { queue: QueueApi; serviceUrl: string };
  metricsPort?: number;
  /** Another one than that of this version. */
  program?: string;
}): Promise<BridgeProcess> {
  const { host = '127.0.0.1' } = options;
  const url = `http://${host}:${options.port}`;
  const child = startChild(process.execPath, [options.program ?? 'src/bridge/main.ts'], {
    env: {
      PATH: process.env.PATH,
      BRIDGE_HOST: host,
      BRIDGE_PORT: String(options.port),
      BRIDGE_SIGNING_SECRET: options.signingSecret,
      ...(options.previousSigningSecret && { BRIDGE_SIGNING_SECRET_PREVIOUS: options.previousSigningSecret }),
      RABBITMQ_URL: options.rabbitmqUrl,
      RABBITMQ_EXCHANGE: options.exchange,
      RABBITMQ_QUEUE: options.queue,
      ...(options.pull && {
        BRIDGE_SOURCE: 'pull',
        CLOUDFLARE_API_URL: options.pull.queue.url,
        CLOUDFLARE_ACCOUNT_ID: options.pull.queue.accountId,
        CLOUDFLARE_QUEUE_ID: options.pull.queue.queueId,
        CLOUDFLARE_API_TOKEN: options.pull.queue.apiToken,
        PAYMENT_SERVICE_URL: options.pull.serviceUrl,
      }),
      ...(options.metricsPort && { BRIDGE_METRICS_PORT: String(options.metricsPort) }),
    },
    logFile: join(options.directory, 'bridge.log'),
  });
  const path = options.waitForBroker === false ? 'healthz' : 'readyz';
  await until(`the bridge answers at /${path}`, () => answers(`${url}/${path}`), { child });
  return { url, child };
}

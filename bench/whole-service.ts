/** The Worker with its bridge, an exchange of its own in the run's RabbitMQ, and a consumer that listens there. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../scripts/free-port.ts';
import { LOCAL_SECRETS, LOCAL_VARIABLES } from '../test/data/local-variables.ts';
import { startBridge } from '../test/support/bridge.ts';
import { type Listener, listen, removeTopology } from '../test/support/exchange.ts';
import { runDirectory } from '../test/support/run.ts';
import type { Measuring } from './figure.ts';
import { bundleWorker, type LocalWorker, startLocalWorker } from './local-worker.ts';

export interface WholeService {
  worker: LocalWorker;
  listener: Listener;
  /** In which the Worker stores. */
  directory: string;
}

/** Has it work for a figure, and leaves nothing of it. @throws NotMeasurable where there is no RabbitMQ */
export async function withWholeService<Result>(
  figure: string,
  { brokerUrl, signal }: Measuring,
  work: (service: WholeService) => Promise<Result>,
): Promise<Result> {
  const rabbitmqUrl = await brokerUrl();
  const directory = runDirectory(`bench-${figure}`);
  const exchange = `bench.${randomBytes(4).toString('hex')}`;
  const queue = `${exchange}.processing_queue`;
  const signingSecret = LOCAL_SECRETS.BRIDGE_SIGNING_SECRET;
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const script = await bundleWorker('src/worker/index.ts', join(directory, 'bundle'), signal);
    const port = await freePort();
    const bridge = await startBridge({ port, rabbitmqUrl, exchange, queue, signingSecret, directory });
    stops.push(
      () => removeTopology(rabbitmqUrl, exchange, queue),
      () => bridge.child.stop(),
    );
    const listener = await listen(rabbitmqUrl, exchange, directory);
    stops.push(() => listener.close());
    const worker = await startLocalWorker({
      script,
      directory,
      variables: { ...LOCAL_VARIABLES, BRIDGE_URL: bridge.url },
    });
    stops.push(() => worker.stop());
    return await work({ worker, listener, directory });
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

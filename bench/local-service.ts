/**
 * The Worker in workerd with its D1, queues and Durable Object, on a socket of its own: no proxy and no log line a request, as
 * `wrangler dev` has them, between a measurement and what it measures.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Log, LogLevel, Miniflare, Response as MiniflareResponse } from 'miniflare';
import { freePort } from '../scripts/free-port.ts';
import { runProcess } from '../scripts/processes.ts';
import { PROJECT } from '../src/local/project.ts';
import { WRANGLER, WRANGLER_ENV } from '../src/local/wrangler.ts';
import { LOCAL_VARIABLES } from '../test/data/local-variables.ts';
import { localDatabaseFile } from '../test/support/local-database.ts';
import type { Invocation } from './invocation.ts';
import { workerdsOf } from './process-cpu.ts';
import { withoutSignalListeners } from './signals.ts';

const NAME = 'payment-service';

export interface LocalService {
  url: string;
  /** The process in which Worker, D1, queues and Durable Objects are; null where there is no /proc. */
  workerdPid: number | null;
  /** Fires the Cron Trigger. */
  cron(): Promise<void>;
  sendToQueue(queue: 'PAYMENT_EVENTS' | 'PAYMENT_WORK', bodies: readonly unknown[]): Promise<void>;
  stop(): Promise<void>;
}

/** Bundles an entry of the Worker as it is deployed. @returns the bundle's text */
export async function bundleWorker(entry: string, directory: string, signal: AbortSignal): Promise<string> {
  const { succeeded, output } = await runProcess([WRANGLER, 'deploy', entry, '--dry-run', '--outdir', directory], {
    cwd: PROJECT,
    env: WRANGLER_ENV,
    signal,
  });
  signal.throwIfAborted();
  if (!succeeded) throw new Error(`the Worker was not bundled:\n${output}`);
  const name = entry.split('/').at(-1)?.replace(/\.ts$/, '.js') ?? '';
  return readFile(join(directory, name), 'utf8');
}

/** Starts it with an empty, migrated database in the directory. */
export async function startLocalService(options: {
  bundle: string;
  directory: string;
  variables: Record<string, string>;
  /** Of the counted Worker: called at the end of each background invocation. */
  onInvocation?: (invocation: Invocation) => void;
  /** Called for each line that the Worker logs. */
  onLog?: (line: string) => void;
}): Promise<LocalService> {
  const { bundle, directory, onInvocation, onLog } = options;
  const port = await freePort();
  const before = workerdsOf(process.pid);
  const miniflare = withoutSignalListeners(
    () =>
      new Miniflare({
        resourcePersistencePath: join(directory, 'v3'),
        log: new Log(LogLevel.ERROR),
        logRequests: false,
        enableDevRegistry: false,
        telemetry: { enabled: false },
        cf: false,
        handleStructuredLogs: ({ message }) => onLog?.(message),
        workers: [
          {
            config: {
              name: NAME,
              compatibilityDate: compatibilityDate(),
              manifest: { mainModule: 'index.js', modules: { 'index.js': { type: 'esm', contents: bundle } } },
              env: {
                ...textBindings({ ...LOCAL_VARIABLES, ...options.variables }),
                DB: { type: 'd1', id: 'DB' },
                RATE_LIMITER: { type: 'durable-object', worker: NAME, exportName: 'RateLimiter' },
                PAYMENT_EVENTS: { type: 'queue', name: 'payment-events' },
                PAYMENT_WORK: { type: 'queue', name: 'payment-work' },
                ...(onInvocation && {
                  REPORTS: {
                    type: 'fetcher' as const,
                    async handler(request: { json(): Promise<unknown> }) {
                      onInvocation((await request.json()) as Invocation);
                      return new MiniflareResponse();
                    },
                  },
                }),
              },
              exports: { RateLimiter: { type: 'durable-object', storage: 'sqlite' } },
              triggers: [
                { type: 'queue', name: 'payment-events', maxBatchSize: 100, maxBatchTimeout: 0, maxRetries: 3 },
                { type: 'queue', name: 'payment-work', maxBatchSize: 1, maxBatchTimeout: 0, maxRetries: 2 },
              ],
            },
            dev: { unsafeDirectSockets: [{ host: '127.0.0.1', port }], stripCfConnectingIp: false },
          },
        ],
      }),
  );
  try {
    await miniflare.ready;
    await (await miniflare.getD1Database('DB')).exec('SELECT 1'); // makes its file
    applyMigrations(localDatabaseFile(directory));
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
  const [workerdPid = null] = workerdsOf(process.pid).filter((pid) => !before.includes(pid));
  const worker = await miniflare.getWorker();
  return {
    url: `http://127.0.0.1:${port}`,
    workerdPid,
    async cron() {
      const { outcome } = await worker.scheduled({ cron: '* * * * *' });
      if (outcome !== 'ok') throw new Error(`the cron ended with ${outcome}`);
    },
    async sendToQueue(queue, bodies) {
      const producer = await miniflare.getQueueProducer(queue);
      await producer.sendBatch(bodies.map((body) => ({ body })));
    },
    stop: () => miniflare.dispose(),
  };
}

/** Past D1, which would take a round trip for each of some hundred statements. */
function applyMigrations(file: string): void {
  const migrations = join(PROJECT, 'migrations');
  const database = new DatabaseSync(file);
  try {
    for (const name of readdirSync(migrations).sort()) database.exec(readFileSync(join(migrations, name), 'utf8'));
  } finally {
    database.close();
  }
}

function textBindings(variables: Record<string, string>): Record<string, { type: 'text'; value: string }> {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, { type: 'text', value }]));
}

function compatibilityDate(): string {
  const [, date] = /^compatibility_date = "(.*)"/m.exec(readFileSync(join(PROJECT, 'wrangler.toml'), 'utf8')) ?? [];
  if (date === undefined) throw new Error('wrangler.toml has no compatibility date');
  return date;
}

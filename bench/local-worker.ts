/**
 * A Worker on this machine, in Miniflare, with the bindings of wrangler.toml. It answers on a socket of its own: no proxy and no log line
 * a request, as `wrangler dev` has them, between a measurement and what it measures.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Log, LogLevel, Miniflare, Response as MiniflareResponse } from 'miniflare';
import { unstable_readConfig as readConfig } from 'wrangler';
import { applyLocalMigrations } from '../scripts/local-migrations.ts';
import { runProcess } from '../scripts/processes.ts';
import { bindingOf } from '../src/core/shards.ts';
import { PROJECT } from '../src/local/project.ts';
import { WRANGLER, WRANGLER_ENV } from '../src/local/wrangler.ts';
import { localDatabaseFiles } from '../test/support/local-database.ts';
import type { Invocation } from './invocation.ts';
import { workerdsOf } from './process-cpu.ts';
import { withoutSignalListeners } from './signals.ts';

/** As much of wrangler.toml as a Worker in Miniflare needs. Wrangler's own type of it is not published. */
interface Config {
  compatibility_date: string;
  vars: Record<string, string>;
  d1_databases: { binding: string }[];
  durable_objects: { bindings: { name: string; class_name: string }[] };
  queues: {
    producers: { binding: string; queue: string }[];
    consumers: { queue: string; max_batch_size: number; max_batch_timeout: number; max_retries: number }[];
  };
}

export const ARCHIVE_BUCKET = 'payment-archive';

export interface LocalWorker {
  /** Of its socket. */
  url: string;
  /** The process in which Worker, D1, queues and Durable Objects are; null where there is no /proc. */
  workerdPid: number | null;
  /** The files of its databases, in their order. */
  databaseFiles: string[];
  /** Runs the Cron Trigger, and waits until it has ended. */
  runCron(): Promise<void>;
  sendToQueue(queue: 'PAYMENT_EVENTS' | 'PAYMENT_WORK', bodies: readonly unknown[]): Promise<void>;
  stop(): Promise<void>;
}

/** Bundles an entry as `wrangler deploy` does; answers with the path of the script. */
export async function bundleWorker(entry: string, directory: string, signal: AbortSignal): Promise<string> {
  const { succeeded, output } = await runProcess([WRANGLER, 'deploy', entry, '--dry-run', '--outdir', directory], {
    cwd: PROJECT,
    env: { ...WRANGLER_ENV, CI: 'true' },
    signal,
  });
  signal.throwIfAborted();
  if (!succeeded) throw new Error(`the Worker was not bundled:\n${output}`);
  return join(directory, `${basename(entry, '.ts')}.js`);
}

export interface LocalWorkerOptions {
  script: string;
  /** What the Worker stores is in it, and stays there. */
  directory: string;
  /** In place of those of wrangler.toml with the same names. */
  variables: Record<string, string>;
  /** Whether it gets what it sends to its queues; without, that is lost. */
  consumes?: boolean;
  /** Whether it has an archive, in the bucket ARCHIVE_BUCKET. */
  hasArchive?: boolean;
  /** How many databases it has; by default, as many as wrangler.toml binds. */
  databases?: number;
  /** Of the counting Worker: called at the end of each background invocation. */
  onInvocation?: (invocation: Invocation) => void;
  /** Called for each line that the Worker logs. */
  onLog?: (line: string) => void;
}

/** Starts a bundled Worker. Its databases have their tables. */
export async function startLocalWorker(options: LocalWorkerOptions): Promise<LocalWorker> {
  const { script, directory, variables, consumes = true, hasArchive = false, onInvocation, onLog } = options;
  const config: Config = readConfig({ config: join(PROJECT, 'wrangler.toml') });
  const bindings = Array.from({ length: options.databases ?? config.d1_databases.length }, (_, shard) =>
    bindingOf(shard),
  );
  const name = basename(script, '.js');
  mkdirSync(directory, { recursive: true });
  const texts = Object.entries({ ...config.vars, ...variables });
  const contents = readFileSync(script, 'utf8');
  const before = workerdsOf(process.pid);
  const miniflare = withoutSignalListeners(
    () =>
      new Miniflare({
        resourcePersistencePath: join(directory, 'v3'),
        log: new Log(LogLevel.ERROR),
        logRequests: false,
        telemetry: { enabled: false },
        enableDevRegistry: false,
        cf: false,
        handleStructuredLogs: ({ message }) => onLog?.(message),
        workers: [
          {
            config: {
              name,
              compatibilityDate: config.compatibility_date,
              manifest: { mainModule: 'worker.js', modules: { 'worker.js': { type: 'esm', contents } } },
              env: Object.fromEntries([
                ...texts.map(([variable, value]) => [variable, { type: 'text', value: String(value) }] as const),
                ...bindings.map((binding) => [binding, { type: 'd1', id: binding }] as const),
                ...config.queues.producers.map(
                  ({ binding, queue }) => [binding, { type: 'queue', name: queue }] as const,
                ),
                ...config.durable_objects.bindings.map(
                  (object) =>
                    [object.name, { type: 'durable-object', worker: name, exportName: object.class_name }] as const,
                ),
                ...(hasArchive ? [['ARCHIVE', { type: 'r2', name: ARCHIVE_BUCKET }] as const] : []),
                ...(onInvocation ? [['REPORTS', reportsTo(onInvocation)] as const] : []),
              ]),
              exports: Object.fromEntries(
                config.durable_objects.bindings.map(
                  (object) => [object.class_name, { type: 'durable-object', storage: 'sqlite' }] as const,
                ),
              ),
              triggers: (consumes ? config.queues.consumers : []).map((consumer) => ({
                type: 'queue' as const,
                name: consumer.queue,
                maxBatchSize: consumer.max_batch_size,
                maxBatchTimeout: consumer.max_batch_timeout,
                maxRetries: consumer.max_retries,
              })),
            },
            dev: { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }], stripCfConnectingIp: false },
          },
        ],
      }),
  );
  try {
    await miniflare.ready;
    const url = (await miniflare.unsafeGetDirectURL(name)).origin;
    const databaseFiles: string[] = [];
    for (const [shard, binding] of bindings.entries()) {
      databaseFiles.push(await ownFile(await miniflare.getD1Database(binding), directory));
      migrate(databaseFiles.at(-1) ?? '', shard, bindings.length);
    }
    const [workerdPid = null] = workerdsOf(process.pid).filter((pid) => !before.includes(pid));
    const worker = await miniflare.getWorker();
    return {
      url,
      workerdPid,
      databaseFiles,
      async runCron() {
        const { outcome } = await worker.scheduled({ cron: '* * * * *' });
        if (outcome !== 'ok') throw new Error(`the cron ended with ${outcome}`);
      },
      async sendToQueue(queue, bodies) {
        const producer = await miniflare.getQueueProducer(queue);
        await producer.sendBatch(bodies.map((body) => ({ body })));
      },
      stop: () => miniflare.dispose(),
    };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

function reportsTo(onInvocation: (invocation: Invocation) => void) {
  return {
    type: 'fetcher' as const,
    async handler(request: { json(): Promise<unknown> }) {
      onInvocation((await request.json()) as Invocation);
      return new MiniflareResponse();
    },
  };
}

/** The database's file, which nothing names: a table that it gets is in it. */
async function ownFile(database: Awaited<ReturnType<Miniflare['getD1Database']>>, directory: string): Promise<string> {
  await database.prepare('CREATE TABLE IF NOT EXISTS looked_for (one INTEGER)').run();
  const found = localDatabaseFiles(directory).find((file) => hasTable(file, 'looked_for'));
  if (found === undefined) throw new Error('the local database has no file');
  await database.prepare('DROP TABLE looked_for').run();
  return found;
}

function hasTable(file: string, table: string): boolean {
  const database = new DatabaseSync(file);
  try {
    return database.prepare('SELECT 1 FROM sqlite_master WHERE name = ?1').get(table) !== undefined;
  } finally {
    database.close();
  }
}

/** Makes the tables where there are none: past D1, which would take a round trip for each of some hundred statements. */
function migrate(file: string, shard: number, shards: number): void {
  if (hasTable(file, 'transactions')) return;
  applyLocalMigrations(file);
  if (shards === 1) return;
  const database = new DatabaseSync(file);
  try {
    database.prepare('INSERT INTO database_place (one, shard, shards) VALUES (1, ?1, ?2)').run(shard, shards);
  } finally {
    database.close();
  }
}

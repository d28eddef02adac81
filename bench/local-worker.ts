/** A Worker on this machine, in Miniflare, with the bindings of wrangler.toml. It answers on a socket of its own, without a proxy. */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { Miniflare } from 'miniflare';
import { unstable_readConfig as readConfig } from 'wrangler';
import { WRANGLER, WRANGLER_ENV } from '../src/local/wrangler.ts';
import { withoutSignalListeners } from './signals.ts';

const BUNDLE_DEADLINE_MS = 60_000;

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

export interface LocalWorker {
  /** Of its socket. */
  url: string;
  /** Runs the Cron Trigger, and waits until it has ended. */
  runCron(): Promise<void>;
  stop(): Promise<void>;
}

/** Bundles an entry as `wrangler deploy` does; answers with the path of the script. */
export async function bundleWorker(entry: string, directory: string): Promise<string> {
  const args = [WRANGLER, 'deploy', entry, '--dry-run', '--outdir', directory];
  await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, ...WRANGLER_ENV, CI: 'true' },
    timeout: BUNDLE_DEADLINE_MS,
  });
  return join(directory, `${basename(entry, '.ts')}.js`);
}

/**
 * Starts a bundled Worker. What it stores is in the directory and stays there.
 *
 * @param variables in place of those of wrangler.toml with the same names
 * @param consumes whether it gets what it sends to its queues; without, it is lost
 */
export async function startLocalWorker(options: {
  script: string;
  directory: string;
  variables: Record<string, string>;
  consumes?: boolean;
}): Promise<LocalWorker> {
  const config: Config = readConfig({ config: 'wrangler.toml' });
  const name = basename(options.script, '.js');
  const stored = join(options.directory, 'stored');
  mkdirSync(stored, { recursive: true });
  const texts = Object.entries({ ...config.vars, ...options.variables });
  const modules = { 'worker.js': { type: 'esm' as const, contents: await readFile(options.script, 'utf8') } };
  const miniflare = withoutSignalListeners(
    () =>
      new Miniflare({
        resourcePersistencePath: stored,
        isolatedResourcePersistencePath: stored,
        telemetry: { enabled: false },
        enableDevRegistry: false,
        unsafeTriggerHandlers: true,
        cf: false,
        handleStructuredLogs: () => {},
        workers: [
          {
            config: {
              name,
              compatibilityDate: config.compatibility_date,
              manifest: {
                mainModule: 'worker.js',
                modulesRoot: '/',
                modules,
              },
              env: Object.fromEntries([
                ...texts.map(([variable, value]) => [variable, { type: 'text', value: String(value) }] as const),
                ...config.d1_databases.map(({ binding }) => [binding, { type: 'd1', id: binding }] as const),
                ...config.queues.producers.map(
                  ({ binding, queue }) => [binding, { type: 'queue', name: queue }] as const,
                ),
                ...config.durable_objects.bindings.map(
                  (object) =>
                    [object.name, { type: 'durable-object', worker: name, exportName: object.class_name }] as const,
                ),
              ]),
              exports: Object.fromEntries(
                config.durable_objects.bindings.map(
                  (object) => [object.class_name, { type: 'durable-object', storage: 'sqlite' }] as const,
                ),
              ),
              triggers: (options.consumes === false ? [] : config.queues.consumers).map((consumer) => ({
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
    const entry = await miniflare.ready;
    const url = (await miniflare.unsafeGetDirectURL(name)).origin;
    // Its file is made when a database is first asked.
    for (const { binding } of config.d1_databases) {
      await (await miniflare.getD1Database(binding)).prepare('SELECT 1').run();
    }
    return {
      url,
      async runCron() {
        const response = await fetch(new URL('/cdn-cgi/local/scheduled', entry));
        if (!response.ok) throw new Error(`the cron failed: ${await response.text()}`);
      },
      stop: () => miniflare.dispose(),
    };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

/** The file of the one database that a Worker has stored in the directory. */
export function databaseFile(directory: string): string {
  const files = globSync(join(directory, 'stored/d1/**/*.sqlite')).filter(
    (path) => basename(path) !== 'metadata.sqlite',
  );
  const [file] = files;
  if (file === undefined || files.length > 1) throw new Error(`${files.length} databases are stored, and not one`);
  return file;
}

/** Makes the tables in the one database that a Worker has stored in the directory. The Worker is stopped. */
export async function migrateDatabase(directory: string): Promise<void> {
  const database = new DatabaseSync(databaseFile(directory));
  try {
    for (const name of (await readdir('migrations')).sort()) {
      database.exec(await readFile(join('migrations', name), 'utf8'));
    }
  } finally {
    database.close();
  }
}

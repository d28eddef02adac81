/** The Worker as a developer runs it: `wrangler dev`, with its D1 and its queue, in a directory of the test's own. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import getPort from 'get-port';
import { answers, type Child, startChild, until } from './child.ts';

const WRANGLER = 'node_modules/wrangler/bin/wrangler.js';
const MIGRATE_DEADLINE_MS = 60_000;
const SWEEP_DEADLINE_MS = 60_000;

export interface WorkerProcess {
  readonly url: string;
  readonly child: Child;
  /** Fires the Cron Trigger, as Cloudflare does every minute. */
  sweep(): Promise<void>;
}

export interface WorkerOptions {
  port: number;
  directory: string;
  /** In place of .dev.vars, so that a developer's own settings play no part. */
  variables: Record<string, string>;
}

/** Applies the migrations to the local D1 in the directory. */
export async function migrate(directory: string): Promise<void> {
  const args = [WRANGLER, 'd1', 'migrations', 'apply', 'payment-service', '--local', '--persist-to', directory];
  await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, CI: 'true', WRANGLER_SEND_METRICS: 'false' },
    timeout: MIGRATE_DEADLINE_MS,
  });
}

/** Starts `wrangler dev` and waits until it answers. */
export async function startWorker(options: WorkerOptions): Promise<WorkerProcess> {
  const url = `http://127.0.0.1:${options.port}`;
  const variables = join(options.directory, 'variables');
  await writeFile(
    variables,
    Object.entries(options.variables)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const child = startChild(
    process.execPath,
    [
      ...[WRANGLER, 'dev', '--ip', '127.0.0.1', '--port', String(options.port), '--env-file', variables],
      ...['--persist-to', options.directory, '--inspector-port', String(await getPort())],
      '--show-interactive-dev-session=false',
    ],
    {
      env: {
        ...process.env,
        WRANGLER_SEND_METRICS: 'false',
        NO_COLOR: '1',
        // Its own log, which has more than what it prints, belongs to the run as well.
        WRANGLER_LOG_PATH: join(options.directory, 'wrangler-logs'),
      },
      logFile: join(options.directory, 'worker.log'),
    },
  );
  await until('the Worker answers', () => answers(`${url}/health`), { child, deadlineMs: 60_000 });
  return {
    url,
    child,
    async sweep() {
      const response = await fetch(`${url}/cdn-cgi/handler/scheduled`, {
        signal: AbortSignal.timeout(SWEEP_DEADLINE_MS),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`the sweep failed: ${text}`);
    },
  };
}

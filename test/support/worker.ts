/** The Worker as a developer runs it: `wrangler dev`, with its D1 and its queue, in a directory of the test's own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.ts';
import { localDatabaseFile } from '../../scripts/local-database.ts';
import { applyLocalMigrations } from '../../scripts/local-migrations.ts';
import { answers, type Child, startChild, until } from './child.ts';
import { localDatabase } from './local-database.ts';

const WRANGLER = 'node_modules/wrangler/bin/wrangler.js';
const SWEEP_DEADLINE_MS = 60_000;
/** A database that is late fails a run of the cron, which the next one makes up for. */
const SWEEP_ATTEMPTS = 3;
const JOBS_DEADLINE_MS = 15_000;
const JOBS_PAUSE_MS = 250;

export interface WorkerProcess {
  readonly url: string;
  readonly child: Child;
  /** Fires the Cron Trigger, as Cloudflare does every minute, and waits for the jobs that it wakes, as far as they end soon. */
  sweep(): Promise<void>;
}

export interface WorkerOptions {
  port: number;
  directory: string;
  config?: string;
  /** In place of .dev.vars, so that a developer's own settings play no part. */
  variables: Record<string, string>;
}

/** Has a migrated local D1 in the directory. Answers with its file. */
export function prepareDatabase(directory: string, binding = 'DB'): string {
  const file = localDatabaseFile(directory, binding);
  applyLocalMigrations(file);
  return file;
}

/** A wake-up takes its slot within milliseconds, and frees it when its job is done. The slot of one that died is not waited for. */
async function jobsAreDone(directory: string): Promise<void> {
  const untilMs = Date.now() + JOBS_DEADLINE_MS;
  const database = localDatabase(directory);
  try {
    do await sleep(JOBS_PAUSE_MS);
    while (
      database.count(`SELECT count(*) FROM job_slots WHERE leased_until_ms > ${Date.now()}`) > 0 &&
      Date.now() < untilMs
    );
  } finally {
    database.close();
  }
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
  const start = async () =>
    startChild(
      process.execPath,
      [
        ...[WRANGLER, 'dev', '--ip', '127.0.0.1', '--port', String(options.port), '--env-file', variables],
        ...['--config', options.config ?? 'wrangler.toml'],
        ...['--persist-to', options.directory, '--inspector-port', String(await freePort())],
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
  const isUp = (child: Child) =>
    until('the Worker answers', () => answers(`${url}/health`), { child, deadlineMs: 120_000 });
  let child = await start();
  await isUp(child).catch(async (error: unknown) => {
    if (!child.hasEnded()) throw error;
    // Its inspector's port, for one, may have been taken meanwhile.
    child = await start();
    await isUp(child);
  });
  return {
    url,
    child,
    async sweep() {
      for (let attempt = 1; ; attempt += 1) {
        const response = await fetch(`${url}/cdn-cgi/handler/scheduled`, {
          signal: AbortSignal.timeout(SWEEP_DEADLINE_MS),
        });
        const text = await response.text();
        if (response.ok) break;
        if (attempt === SWEEP_ATTEMPTS) throw new Error(`the sweep failed: ${text}`);
      }
      await jobsAreDone(options.directory);
    },
  };
}

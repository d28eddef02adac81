/** The Worker on this machine, under `wrangler dev`: how it is started, when it answers, and its Cron Trigger. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PROJECT } from '../src/local/project.ts';
import { persistence, WRANGLER, WRANGLER_ENV } from '../src/local/wrangler.ts';
import { PROBE_PATH } from './dev-output.ts';
import { type Running, startProcess } from './processes.ts';

const START_DEADLINE_MS = 60_000;
const PROBE_DEADLINE_MS = 2_000;
export const PROBE_INTERVAL_MS = 50;
/** index.ts, which logs each request's end as well, and answers the demo. */
const WORKER = join(PROJECT, 'src/worker/dev.ts');
/** The pages of a deployment, and the demo beside them. Wrangler has them built, as wrangler.toml says. */
const PAGES = join(PROJECT, '.pages/development');
/** Cron Triggers do not fire by themselves under `wrangler dev`. */
const CRON_PATH = '/cdn-cgi/local/scheduled?cron=*+*+*+*+*';
export const CRON_INTERVAL_MS = 60_000;
const CRON_DEADLINE_MS = 55_000;

export interface LocalWorkerOptions {
  port: number;
  /** The directory of the local state; null is wrangler's own place, .wrangler/state. */
  persistTo: string | null;
  /** Further ones of `wrangler dev`. */
  args: string[];
  onLine: (line: string) => void;
}

export function startLocalWorker({ port, persistTo, args, onLine }: LocalWorkerOptions): Running {
  return startProcess(
    [
      ...[WRANGLER, 'dev', WORKER, '--port', String(port), '--show-interactive-dev-session=false'],
      ...['--assets', PAGES, ...persistence(persistTo), ...args],
    ],
    { cwd: PROJECT, env: WRANGLER_ENV, onLine },
  );
}

/** Resolves when the Worker answers: with null, or with why it does not answer as it should. */
export async function untilWorkerAnswers(port: number, signal: AbortSignal): Promise<string | null> {
  const deadlineMs = performance.now() + START_DEADLINE_MS;
  while (!signal.aborted) {
    const response = await probe(`http://127.0.0.1:${port}${PROBE_PATH}`);
    if (response?.status === 404) return null;
    if (response?.status === 503) return `The Worker is not configured: ${await problemsIn(response)}`;
    if (performance.now() > deadlineMs) return `The Worker does not answer on port ${port}`;
    await delay(PROBE_INTERVAL_MS);
  }
  return null;
}

async function problemsIn(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { message: string; details: { problems?: string[] } } };
    return error.details.problems?.join('; ') ?? error.message;
  } catch {
    return text; // from a server in front of the Worker
  }
}

export async function probe(url: string): Promise<Response | null> {
  return fetch(url, { signal: AbortSignal.timeout(PROBE_DEADLINE_MS) }).catch(() => null);
}

/** What goes wrong in it, the Worker logs. */
export async function fireCron(port: number): Promise<void> {
  await fetch(`http://127.0.0.1:${port}${CRON_PATH}`, { signal: AbortSignal.timeout(CRON_DEADLINE_MS) }).catch(
    () => null,
  );
}

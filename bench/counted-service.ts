/** The counting Worker on this machine, a bridge that confirms, and requests whose calls are read once all they cause has ended. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOCAL_VARIABLES } from '../test/data/local-variables.ts';
import { localDatabaseFile } from '../test/support/local-database.ts';
import { addApiKey } from './api-key.ts';
import { type ConfirmingBridge, startConfirmingBridge } from './confirming-bridge.ts';
import { COUNTS_PATH, type Counts, PLANS_PATH, type Plans, RESET_PATH, VARIABLES_PATH } from './counts.ts';
import { bundleWorker, startLocalWorker } from './local-worker.ts';
import { type BenchRequest, clientHeaders } from './requests.ts';

const POLL_MS = 5;
const SETTLED_DEADLINE_MS = 20_000;
/** As many requests of one address as the service lets anyone set. */
const LIMITS = { RATE_LIMIT_PER_MINUTE: '1000', RATE_LIMIT_BURST: '1000' };

export interface CountedService {
  /** Sends a request, and answers with the body. @throws Error where it is not answered with 2xx */
  send(request: BenchRequest): Promise<Record<string, unknown>>;
  /** Forgets what has been counted. */
  reset(): Promise<void>;
  /** What has been counted, once nothing runs or is queued any more and so many events have been confirmed since the last reset. */
  counts(events: number): Promise<Counts>;
  /** Runs the cron, and what it wakes, to the end. */
  runCron(): Promise<void>;
  setVariables(variables: Record<string, string>): Promise<void>;
  plans(statements: string[]): Promise<Plans>;
  stop(): Promise<void>;
}

/** Where a service can be started, and what it needs. */
export interface Place {
  directory: string;
  script: string;
  apiKey: string;
}

/** Makes an empty, migrated database with an API key. */
export async function preparePlace(directory: string, signal: AbortSignal): Promise<Place> {
  const script = await bundleWorker('bench/workers/counting-worker.ts', join(directory, 'bundle'), signal);
  await (await startLocalWorker({ script, directory, variables: LOCAL_VARIABLES })).stop();
  return { directory, script, apiKey: await addApiKey(localDatabaseFile(directory)) };
}

/** The same database in another directory. No Worker uses it meanwhile. */
export async function copyPlace(place: Place, directory: string): Promise<Place> {
  await cp(join(place.directory, 'v3'), join(directory, 'v3'), { recursive: true });
  return { ...place, directory };
}

export async function startCountedService(
  { directory, script, apiKey }: Place,
  { databases = 1 } = {},
): Promise<CountedService> {
  const bridge = await startConfirmingBridge();
  const worker = await startLocalWorker({
    script,
    directory,
    databases,
    variables: { ...LOCAL_VARIABLES, ...LIMITS, AUTH_MODE: 'api_key', BRIDGE_URL: bridge.url },
  });
  const call = async (path: string, body?: unknown) => {
    const response = await fetch(`${worker.url}${path}`, {
      method: 'POST',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
    return response;
  };
  const counts = (events: number) =>
    settled(bridge, events, async () => (await (await call(COUNTS_PATH)).json()) as Counts);
  return {
    async send({ method, path, headers, body }) {
      const response = await fetch(`${worker.url}${path}`, {
        method,
        headers: { ...clientHeaders(1), ...headers, Authorization: `Bearer ${apiKey}` },
        ...(body !== undefined && { body }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${text}`);
      return JSON.parse(text) as Record<string, unknown>;
    },
    async reset() {
      await call(RESET_PATH);
      bridge.confirmed = 0;
    },
    counts,
    async runCron() {
      await worker.runCron();
      await counts(0);
    },
    async setVariables(variables) {
      await call(VARIABLES_PATH, variables);
    },
    plans: async (statements) => (await (await call(PLANS_PATH, statements)).json()) as Plans,
    async stop() {
      await worker.stop();
      await bridge.stop();
    },
  };
}

async function settled(bridge: ConfirmingBridge, events: number, read: () => Promise<Counts>): Promise<Counts> {
  const untilMs = Date.now() + SETTLED_DEADLINE_MS;
  for (;;) {
    const counts = await read();
    if (counts.running === 0 && counts.queued === 0 && bridge.confirmed >= events) return counts;
    if (Date.now() > untilMs) {
      const { running, queued } = counts;
      throw new Error(
        `${bridge.confirmed} of ${events} events were confirmed, ${running} invocations still run, ${queued} messages are queued`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** The service's own CPU for a request, with stubs for bindings: in Node, and inside workerd. */
import { mkdtemp, rm } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PRODUCTION_VARIABLES } from '../../test/data/local-variables.ts';
import { applyMigrations, openSqliteD1 } from '../../test/simulation/sqlite-d1.ts';
import { insertApiKey } from '../api-key.ts';
import type { Figure, Line, Measured, Measuring } from '../figure.ts';
import { bundleWorker, type LocalWorker, startLocalWorker } from '../local-worker.ts';
import { cpuMs } from '../process-cpu.ts';
import { recordingDatabase } from '../record-answers.ts';
import { type BenchRequest, clientHeaders, processRequest, statusRequest } from '../requests.ts';
import { median, middleHalf } from '../statistics.ts';
import {
  BOOKING,
  type CpuRun,
  IDLE_WORKER,
  type RepeatedRequest,
  repeatRequest,
  stubBindings,
  stubDatabase,
} from '../stub-bindings.ts';

const FIRST_BOOKING = 'BOOK-e00000000000';

const FULL = { rounds: 5, sliceMs: 200, warmUp: 500 };
const QUICK = { rounds: 3, sliceMs: 100, warmUp: 200 };
/** What each of them must reach, in milliseconds, as deployed: with an API key and limits on cards and users. */
const TARGETS_MS = { process: 0.25, status: 0.08, health: 0.08 };
const WITHOUT_KEYS = { ...PRODUCTION_VARIABLES, ENVIRONMENT: 'development', AUTH_MODE: 'none' };

type Worker = typeof IDLE_WORKER;

interface Measurement {
  name: string;
  variables: Record<string, string>;
  request: RepeatedRequest;
  targetMs?: number;
}

/** Milliseconds of CPU for so many requests. */
type Repeat = (measurement: Measurement, times: number, idle: boolean) => Promise<number>;

export const cpu: Figure = {
  name: 'cpu',
  title: 'Own CPU a request',
  async measure(measuring) {
    const directory = await mkdtemp(join(tmpdir(), 'bench-cpu-'));
    try {
      return await measureIn(directory, measuring);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

async function measureIn(directory: string, { quick, progress, signal }: Measuring): Promise<Measured> {
  const plan = quick ? QUICK : FULL;
  const worker = await importWorker(await bundleWorker('src/worker/index.ts', join(directory, 'deployed'), signal));
  const measurements = await recordMeasurements(worker);
  const inWorkerd = await startLocalWorker({
    script: await bundleWorker('bench/workers/cpu-worker.ts', join(directory, 'bundle'), signal),
    directory,
    variables: {},
  });
  try {
    const runtimes: [string, Repeat][] = [
      ['Node', repeatInNode(worker)],
      ['workerd', repeatInWorkerd(inWorkerd)],
    ];
    const lines: Line[] = [];
    const total = runtimes.length * measurements.length;
    for (const [runtime, repeat] of runtimes) {
      for (const measurement of measurements) {
        signal.throwIfAborted();
        lines.push(await measureOne(runtime, repeat, measurement, plan));
        progress.at(lines.length, total);
      }
    }
    return {
      lines,
      details: {
        ...plan,
        batches: measurements.map(({ name, request }) => ({ name, batches: request.answers.length })),
      },
    };
  } finally {
    await inWorkerd.stop();
  }
}

async function measureOne(
  runtime: string,
  repeat: Repeat,
  measurement: Measurement,
  { rounds, sliceMs, warmUp }: typeof FULL,
): Promise<Line> {
  // As many as take about as long as a slice: the system counts CPU in steps.
  const timesOf = async (idle: boolean) => {
    await repeat(measurement, warmUp, idle);
    return Math.ceil((sliceMs * warmUp) / Math.max(1, await repeat(measurement, warmUp, idle)));
  };
  const [idleTimes, times] = [await timesOf(true), await timesOf(false)];
  const ownMs: number[] = [];
  const idleMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const idle = (await repeat(measurement, idleTimes, true)) / idleTimes;
    idleMs.push(idle);
    ownMs.push((await repeat(measurement, times, false)) / times - idle);
  }
  const { name, targetMs } = measurement;
  return {
    what: `${name}, in ${runtime}`,
    value: Math.round(median(ownMs) * 1_000) / 1_000,
    unit: 'ms',
    ...(targetMs !== undefined && { target: { atMost: targetMs } }),
    note: `middle half ${middleHalf(ownMs, 3)}; a Worker that does nothing, taken off: ${median(idleMs).toFixed(3)}`,
  };
}

function repeatInNode(worker: Worker): Repeat {
  const database = stubDatabase();
  const environments = new Map<unknown, object>();
  return async ({ variables, request }, times, idle) => {
    const env = environments.get(variables) ?? stubBindings(variables, database);
    environments.set(variables, env);
    const before = process.cpuUsage();
    await withoutLog(() => repeatRequest(idle ? IDLE_WORKER : worker, env, database, request, times));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
}

/** The process counts CPU in steps of ten milliseconds, so a run is long; where it is not counted, this takes the time. */
function repeatInWorkerd({ url, workerdPid: pid }: LocalWorker): Repeat {
  return async ({ variables, request }, times, idle) => {
    const run: CpuRun = { variables, request, times, idle };
    const now = () => (pid === null ? performance.now() : cpuMs(pid));
    const before = now();
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(run) });
    if (!response.ok) throw new Error(`the Worker has failed: ${await response.text()}`);
    return now() - before;
  };
}

/** The bundle, as it is deployed, in this process. What is a platform's is there by its name only. */
async function importWorker(script: string): Promise<Worker> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'cloudflare:workers'
        ? {
            url: 'data:text/javascript,export class DurableObject {}; export function waitUntil() {}',
            shortCircuit: true,
          }
        : next(specifier, context),
  });
  try {
    const { default: worker } = (await import(pathToFileURL(script).href)) as { default: Worker };
    return worker;
  } finally {
    hooks.deregister();
  }
}

/** Has the service answer each request once with a real database behind it. */
async function recordMeasurements(worker: Worker): Promise<Measurement[]> {
  const deployed = await recordRequests(worker, PRODUCTION_VARIABLES);
  const open = await recordRequests(worker, WITHOUT_KEYS);
  return [
    { name: 'a payment', variables: PRODUCTION_VARIABLES, request: deployed.process, targetMs: TARGETS_MS.process },
    { name: 'a status', variables: PRODUCTION_VARIABLES, request: deployed.status, targetMs: TARGETS_MS.status },
    { name: 'health', variables: PRODUCTION_VARIABLES, request: deployed.health, targetMs: TARGETS_MS.health },
    { name: 'a payment without an API key', variables: WITHOUT_KEYS, request: open.process },
  ];
}

async function recordRequests(
  worker: Worker,
  variables: Record<string, string>,
): Promise<Record<'process' | 'status' | 'health', RepeatedRequest>> {
  const sqlite = openSqliteD1();
  try {
    applyMigrations(sqlite.sqlite);
    const key = variables.AUTH_MODE === 'none' ? null : await insertApiKey(sqlite.sqlite, 'live');
    const database = recordingDatabase(sqlite);
    const env = stubBindings(variables, database);
    const record = async (request: BenchRequest): Promise<RepeatedRequest> => {
      const headers = { ...request.headers, ...clientHeaders(1), ...(key && { Authorization: `Bearer ${key}` }) };
      const sent = { ...request, headers };
      await withoutLog(() => repeatRequest(worker, env, database, { ...sent, answers: [] }, 1));
      return { ...sent, answers: database.recorded() };
    };
    // What only the first request of an isolate does is no part of it.
    await record(processRequest(FIRST_BOOKING));
    const process = await record(processRequest(BOOKING));
    const made = sqlite.sqlite.prepare('SELECT booking_id, transaction_id FROM transactions').get();
    const payment = { bookingId: String(made?.booking_id), transactionId: String(made?.transaction_id) };
    return {
      process,
      status: await record(statusRequest(payment)),
      health: await record({ method: 'GET', path: '/health', headers: {} }),
    };
  } finally {
    sqlite.close();
  }
}

/** Where a log line goes is the platform's work. */
async function withoutLog(work: () => Promise<void>): Promise<void> {
  const print = console.log;
  console.log = () => {};
  try {
    await work();
  } finally {
    console.log = print;
  }
}

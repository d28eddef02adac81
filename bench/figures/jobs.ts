/**
 * Each background job and queue consumer alone, on a full backlog: the real Worker in workerd, with its local D1, queue and cron; the
 * gateway and the bridge are stand-ins. The local queue runs one invocation at a time, so this is the speed of one slot.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOCAL_VARIABLES } from '../../test/data/local-variables.ts';
import { type LocalDatabase, localDatabase } from '../../test/support/local-database.ts';
import { runDirectory } from '../../test/support/run.ts';
import { type ApprovingGateway, startApprovingGateway } from '../approving-gateway.ts';
import {
  type Backlog,
  eventMessages,
  expiredCounters,
  expiredKeys,
  oldEvents,
  pendingRows,
  statements,
  unsealedEntries,
  waitingEvents,
  writeBacklog,
  writeSealedEntries,
} from '../backlogs.ts';
import { type ConfirmingBridge, startConfirmingBridge } from '../confirming-bridge.ts';
import type { Figure, Line, Measuring } from '../figure.ts';
import type { Invocation } from '../invocation.ts';
import { bundleWorker, type LocalWorker, startLocalWorker } from '../local-worker.ts';
import { cpuMs } from '../process-cpu.ts';

/** Payments a second of one shard, with which each job has to keep up. */
const PAYMENTS_PER_SECOND = 500;
const MAX_STATEMENTS = 900;
const MAX_CPU_MS = 30_000;
const POLL_MS = 100;
/** For the report of an invocation whose last row is done. */
const REPORT_WITHIN_MS = 300;
const MESSAGES_AT_ONCE = 100;
/** Providers take 100 to 300 ms: four slots of six look-ups each get no more answers from them than this one slot from 20 ms. */
const GATEWAY_DELAY_MS = 20;

interface Job {
  name: string;
  /** As invocations are reported: a job of its own, the kind of its messages, or the cron, which runs once a minute. */
  of: 'look_ups' | 'sweep' | 'event' | 'seal' | 'pack' | 'archive' | 'purge';
  /** Rows that a payment leaves to it, at most. */
  rowsAPayment: number;
  /** What is written for it before it starts, and how much of it in a full and in a quick run. */
  write: Backlog;
  rows: { full: number; quick: number };
  /** Counts the rows that are still to do. */
  left: string;
  /** What the queue is given; absent where the cron starts it. */
  messages?: (count: number) => unknown[];
}

/** A new job is one more entry. */
const JOBS: readonly Job[] = [
  {
    name: 'look_ups',
    of: 'look_ups',
    rowsAPayment: 1,
    write: statements(pendingRows),
    rows: { full: 5_000, quick: 500 },
    left: `SELECT (SELECT count(*) FROM transactions WHERE status = 'pending')
             + (SELECT count(*) FROM refunds WHERE status = 'pending')`,
  },
  {
    name: 'sweep',
    of: 'sweep',
    rowsAPayment: 1,
    write: statements(waitingEvents),
    rows: { full: 30_000, quick: 5_000 },
    left: 'SELECT count(*) FROM events WHERE delivered_at_ms IS NULL',
  },
  {
    name: 'delivery',
    of: 'event',
    rowsAPayment: 1,
    write: statements(waitingEvents),
    rows: { full: 20_000, quick: 3_000 },
    left: 'SELECT count(*) FROM events WHERE delivered_at_ms IS NULL',
    messages: eventMessages,
  },
  {
    name: 'seal',
    of: 'seal',
    rowsAPayment: 2,
    write: statements(unsealedEntries),
    rows: { full: 200_000, quick: 20_000 },
    left: 'SELECT (SELECT count(*) FROM audit_entries) - (SELECT coalesce(sum(entries), 0) FROM audit_blocks)',
  },
  {
    name: 'pack',
    of: 'pack',
    rowsAPayment: 2,
    write: writeSealedEntries,
    rows: { full: 100_000, quick: 20_000 },
    // The newest block stays.
    left: 'SELECT max(0, count(*) - 1000) FROM audit_entries',
  },
  {
    name: 'archive, of old events',
    of: 'archive',
    rowsAPayment: 1,
    write: statements(oldEvents),
    rows: { full: 100_000, quick: 20_000 },
    // And so does the newest event.
    left: 'SELECT max(0, count(*) - 1) FROM events',
  },
  {
    name: 'purge of idempotency keys',
    of: 'purge',
    rowsAPayment: 1,
    write: statements(expiredKeys),
    rows: { full: 100_000, quick: 10_000 },
    left: 'SELECT count(*) FROM idempotency_keys',
  },
  {
    name: 'purge of velocity counters',
    of: 'purge',
    rowsAPayment: 3,
    write: statements(expiredCounters),
    rows: { full: 200_000, quick: 10_000 },
    left: 'SELECT count(*) FROM velocity_counters',
  },
];

interface JobRun {
  done: number;
  seconds: number;
  invocations: Invocation[];
  /** Of workerd, whose D1 is in it. */
  cpuMs: number;
}

export const jobs: Figure = {
  name: 'jobs',
  title: 'jobs: each background job alone, on local D1',
  async measure(measuring) {
    const directory = runDirectory('bench-jobs');
    const gateway = await startApprovingGateway(GATEWAY_DELAY_MS);
    const bridge = await startConfirmingBridge();
    try {
      const script = await bundleWorker(
        'bench/workers/counting-worker.ts',
        join(directory, 'bundle'),
        measuring.signal,
      );
      const lines: Line[] = [];
      const details: Record<string, unknown> = {};
      for (const [index, job] of JOBS.entries()) {
        measuring.progress.at(index, JOBS.length);
        if (measuring.signal.aborted) break;
        const run = await runJob(job, {
          measuring,
          script,
          directory: join(directory, String(index)),
          gateway,
          bridge,
        });
        lines.push(...linesOf(job, run));
        details[job.name] = {
          rows: run.done,
          seconds: run.seconds,
          invocations: run.invocations.length,
          cpu_ms: run.cpuMs,
          statements: run.invocations.map(({ statements }) => statements),
          messages: run.invocations.map(({ messages }) => messages),
          duration_ms: run.invocations.map(({ durationMs }) => durationMs),
        };
      }
      return { lines, details };
    } finally {
      await gateway.stop();
      await bridge.stop();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

interface Surroundings {
  measuring: Measuring;
  script: string;
  directory: string;
  gateway: ApprovingGateway;
  bridge: ConfirmingBridge;
}

async function runJob(job: Job, { measuring, script, directory, gateway, bridge }: Surroundings): Promise<JobRun> {
  const reported: Invocation[] = [];
  const service = await startLocalWorker({
    script,
    directory,
    variables: {
      ...LOCAL_VARIABLES,
      PAYMENT_GATEWAY: 'http',
      PAYMENT_GATEWAY_URL: gateway.url,
      PAYMENT_GATEWAY_API_KEY: 'bench',
      BRIDGE_URL: bridge.url,
    },
    onInvocation: (invocation) => reported.push(invocation),
  });
  try {
    const count = measuring.quick ? job.rows.quick : job.rows.full;
    const gatewayName = `http:${new URL(gateway.url).host}`;
    writeBacklog(directory, (database) => job.write(database, { count, nowMs: Date.now(), gateway: gatewayName }));
    const database = localDatabase(directory);
    try {
      return await timeJob(job, { count, service, database, reported, measuring });
    } finally {
      database.close();
    }
  } finally {
    await service.stop();
  }
}

async function timeJob(
  job: Job,
  {
    count,
    service,
    database,
    reported,
    measuring: { quick, signal },
  }: { count: number; service: LocalWorker; database: LocalDatabase; reported: Invocation[]; measuring: Measuring },
): Promise<JobRun> {
  const endsAfterMs = quick ? 4_000 : 20_000;
  const cpuBeforeMs = service.workerdPid === null ? Number.NaN : cpuMs(service.workerdPid);
  const startedMs = performance.now();
  const isOver = () => performance.now() - startedMs >= endsAfterMs || signal.aborted;
  const left = () => database.count(job.left);
  if (job.messages !== undefined) {
    const messages = job.messages(count);
    for (let start = 0; start < count && !isOver(); start += MESSAGES_AT_ONCE) {
      await service.sendToQueue('PAYMENT_EVENTS', messages.slice(start, start + MESSAGES_AT_ONCE));
    }
  } else await service.runCron();
  while (!isOver() && left() > 0) await sleep(POLL_MS);
  const seconds = (performance.now() - startedMs) / 1_000;
  const done = count - left();
  await sleep(REPORT_WITHIN_MS);
  const invocations = reported.filter(({ of }) => of === job.of);
  const usedMs = service.workerdPid === null ? Number.NaN : cpuMs(service.workerdPid) - cpuBeforeMs;
  if (signal.aborted) return { done, seconds, invocations, cpuMs: usedMs };
  const failed = reported.find((invocation) => invocation.failed);
  if (failed !== undefined) throw new Error(`an invocation of ${failed.of} failed while ${job.name} was measured`);
  if (done === 0 || invocations.length === 0) throw new Error(`${job.name} did nothing within ${seconds.toFixed(0)} s`);
  return { done, seconds, invocations, cpuMs: usedMs };
}

function linesOf({ name, rowsAPayment }: Job, { done, seconds, invocations, cpuMs: usedMs }: JobRun): Line[] {
  const ofARun = Math.round(done / invocations.length);
  const leaves = rowsAPayment === 1 ? 'a row a payment' : `${rowsAPayment} rows a payment`;
  const lines: Line[] = [
    {
      what: `${name}: rows a second`,
      value: done / seconds,
      unit: '/s',
      target: { atLeast: rowsAPayment * PAYMENTS_PER_SECOND },
      note: `${leaves}; one invocation at a time`,
    },
    {
      what: `${name}: statements an invocation, at most`,
      value: Math.max(...invocations.map(({ statements }) => statements)),
      unit: '',
      target: { atMost: MAX_STATEMENTS },
      note: `${ofARun.toLocaleString('en')} rows an invocation`,
    },
  ];
  if (!Number.isNaN(usedMs)) {
    lines.push({
      what: `${name}: CPU an invocation`,
      value: usedMs / invocations.length,
      unit: 'ms',
      target: { atMost: MAX_CPU_MS },
      note: 'with that of the local D1',
    });
  }
  return lines;
}

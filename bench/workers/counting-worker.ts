/**
 * The service, with each of its bindings counting what it is asked for. The counts are read, and variables are set, by paths of this
 * Worker's own. Each background invocation is reported to REPORTS as well, where that is bound.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { QueueMessage, WakeUp } from '../../src/core/outbox/queue-message.ts';
import type { Bindings } from '../../src/worker/bindings.ts';
import worker from '../../src/worker/index.ts';
import {
  type Calls,
  COUNTS_PATH,
  type CountedStatement,
  type Counts,
  type Phase,
  PLANS_PATH,
  type Plans,
  RESET_PATH,
  VARIABLES_PATH,
} from '../counts.ts';
import type { Invocation } from '../invocation.ts';

export { RateLimiter } from '../../src/worker/index.ts';

/** REPORTS answers in the process of the benchmark. */
type CountingBindings = Bindings & { REPORTS?: Fetcher };

// One isolate, one client: what has been counted is the isolate's.
const counts: Counts = { phases: noCounts(), logLines: 0, running: 0, queued: 0 };
/** Of the invocation at hand. */
const callsOf = new AsyncLocalStorage<Calls>();
/** One environment for all invocations: what the service knows of an environment, it keeps. */
let bindings: Bindings | undefined;

for (const level of ['log', 'warn', 'error'] as const) {
  const print = console[level];
  console[level] = (...line) => {
    counts.logLines += 1;
    print(...line);
  };
}

function noCalls(): Calls {
  return { invocations: 0, durableObjectCalls: 0, batches: [], queueMessages: 0 };
}

function noCounts(): Counts['phases'] {
  return { request: noCalls(), queue: noCalls(), cron: noCalls() };
}

export default {
  async fetch(request, env, execution) {
    switch (new URL(request.url).pathname) {
      case COUNTS_PATH:
        return Response.json(counts);
      case RESET_PATH:
        counts.phases = noCounts();
        counts.logLines = 0;
        return new Response(null, { status: 204 });
      case VARIABLES_PATH:
        bindings = countingBindings({ ...env, ...(await request.json<Record<string, string>>()) });
        return new Response(null, { status: 204 });
      case PLANS_PATH:
        return Response.json(await plansOf(env.DB, await request.json()));
    }
    const behindTheAnswer: Promise<unknown>[] = [];
    const own = Object.assign(Object.create(execution), {
      waitUntil: (promise: Promise<unknown>) => void behindTheAnswer.push(promise),
    }) as ExecutionContext;
    const { promise: answer, resolve, reject } = Promise.withResolvers<Response>();
    const ended = counted('request', env, async (bindings) => {
      await Promise.resolve(worker.fetch(request, bindings, own)).then(resolve, reject);
      await Promise.allSettled(behindTheAnswer);
    });
    execution.waitUntil(ended);
    return answer;
  },

  async queue(batch, env) {
    const kinds = [...new Set(batch.messages.map(({ body }) => (body.kind === 'wake' ? body.job : body.kind)))];
    const about = { of: kinds.join('+'), messages: batch.messages.length };
    await counted('queue', env, (bindings) => worker.queue(batch, bindings), about);
    counts.queued -= batch.messages.length;
  },

  async scheduled(controller, env) {
    const about = { of: 'cron', messages: 0 };
    await counted('cron', env, (bindings) => worker.scheduled(controller, bindings), about);
  },
} satisfies ExportedHandler<CountingBindings, QueueMessage | WakeUp>;

/** @param about of an invocation that is reported */
async function counted(
  phase: Phase,
  env: CountingBindings,
  work: (bindings: Bindings) => Promise<void>,
  about?: Pick<Invocation, 'of' | 'messages'>,
): Promise<void> {
  const own = noCalls();
  const startedAtMs = Date.now();
  let failed = true;
  counts.running += 1;
  try {
    bindings ??= countingBindings(env);
    const counting = bindings;
    await callsOf.run(own, () => work(counting));
    failed = false;
  } finally {
    const sum = counts.phases[phase];
    sum.invocations += 1;
    sum.durableObjectCalls += own.durableObjectCalls;
    sum.queueMessages += own.queueMessages;
    sum.batches.push(...own.batches);
    counts.running -= 1;
    if (env.REPORTS !== undefined && about !== undefined) {
      const { batches } = own;
      const invocation: Invocation = {
        ...about,
        statements: batches.flat().length,
        roundTrips: batches.length,
        durationMs: Date.now() - startedAtMs,
        failed,
      };
      await env.REPORTS.fetch('http://reports/', { method: 'POST', body: JSON.stringify(invocation) });
    }
  }
}

function calls(): Calls {
  const current = callsOf.getStore();
  if (current === undefined) throw new Error('a binding was used outside of an invocation');
  return current;
}

/** Of bindings that a later version has, each D1 is called DB or DB_ and a number. */
const IS_DATABASE = /^DB(_\d+)?$/;

function countingBindings({ REPORTS: _, ...env }: CountingBindings): Bindings {
  const wrapped = Object.entries(env).map(([name, binding]): [string, unknown] => {
    if (IS_DATABASE.test(name)) return [name, countingDatabase(binding as D1Database)];
    if (name === 'RATE_LIMITER') return [name, countingNamespace(env.RATE_LIMITER)];
    if (typeof binding === 'object' && 'sendBatch' in binding) return [name, countingQueue(binding)];
    return [name, binding];
  });
  return Object.fromEntries(wrapped) as unknown as Bindings;
}

interface Prepared {
  sql: string;
  statement: D1PreparedStatement;
  bind(...values: unknown[]): Prepared;
}

/** As much of D1 as the service uses; it would fail with anything else, so nothing goes uncounted. */
function countingDatabase(database: D1Database) {
  const prepared = (sql: string, statement: D1PreparedStatement): Prepared => ({
    sql,
    statement,
    bind: (...values) => prepared(sql, statement.bind(...values)),
  });
  return {
    prepare: (sql: string) => prepared(sql, database.prepare(sql)),
    async batch(statements: Prepared[]) {
      const results = await database.batch(statements.map(({ statement }) => statement));
      calls().batches.push(
        results.map(
          ({ meta }, index): CountedStatement => ({
            sql: statements[index]?.sql ?? '',
            rowsRead: meta.rows_read,
            rowsWritten: meta.rows_written,
          }),
        ),
      );
      return results;
    },
  };
}

function countingNamespace(namespace: Bindings['RATE_LIMITER']) {
  return {
    getByName: (name: string) => ({
      admit(...windows: Parameters<ReturnType<Bindings['RATE_LIMITER']['getByName']>['admit']>) {
        calls().durableObjectCalls += 1;
        return namespace.getByName(name).admit(...windows);
      },
    }),
  };
}

function countingQueue(queue: Queue) {
  return {
    send(message: unknown, options?: QueueSendOptions) {
      calls().queueMessages += 1;
      counts.queued += 1;
      return queue.send(message, options);
    },
    sendBatch(messages: MessageSendRequest[], options?: QueueSendBatchOptions) {
      calls().queueMessages += messages.length;
      counts.queued += messages.length;
      return queue.sendBatch(messages, options);
    },
  };
}

/** As the D1 of this runtime plans them, which is not always what another SQLite does. */
async function plansOf(database: D1Database, statements: string[]): Promise<Plans> {
  const plans: Plans = {};
  for (const sql of statements) {
    const last = Math.max(0, ...[...sql.matchAll(/\?(\d+)/g)].map(([, index]) => Number(index)));
    const explained = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...Array<null>(last).fill(null));
    const { results } = await explained.all<{ detail: string }>();
    plans[sql] = results.map(({ detail }) => detail);
  }
  return plans;
}

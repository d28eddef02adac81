/**
 * The service, with each of its bindings counting what it is asked for. The counts are read, and variables are set, by paths of this
 * Worker's own.
 */
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

export { RateLimiter } from '../../src/worker/index.ts';

// One isolate, one client: what has been counted is the isolate's.
let counts = noCounts();
let queued = 0;
let variables: Record<string, string> = {};

function noCalls(): Calls {
  return { invocations: 0, durableObjectCalls: 0, batches: [], queueMessages: 0 };
}

function noCounts(): Counts {
  return { phases: { answer: noCalls(), after: noCalls(), queue: noCalls(), cron: noCalls() }, running: 0, queued: 0 };
}

export default {
  async fetch(request, env, execution) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case COUNTS_PATH:
        return Response.json({ ...counts, queued } satisfies Counts);
      case RESET_PATH:
        counts = noCounts();
        return new Response(null, { status: 204 });
      case VARIABLES_PATH:
        variables = await request.json();
        return new Response(null, { status: 204 });
      case PLANS_PATH:
        return Response.json(await plansOf(env.DB, await request.json()));
    }
    let phase: Phase = 'answer';
    return counted('answer', async () => {
      const response = await worker.fetch(
        request,
        countingBindings(env, () => phase),
        execution,
      );
      phase = 'after';
      return response;
    });
  },

  async queue(batch, env) {
    await counted('queue', () =>
      worker.queue(
        batch,
        countingBindings(env, () => 'queue'),
      ),
    );
    queued -= batch.messages.length;
  },

  scheduled(controller, env) {
    return counted('cron', () =>
      worker.scheduled(
        controller,
        countingBindings(env, () => 'cron'),
      ),
    );
  },
} satisfies ExportedHandler<Bindings, QueueMessage | WakeUp>;

async function counted<Result>(phase: Phase, work: () => Result | Promise<Result>): Promise<Result> {
  const own = counts;
  own.phases[phase].invocations += 1;
  own.running += 1;
  try {
    return await work();
  } finally {
    own.running -= 1;
  }
}

/** Of bindings that a later version has, each D1 is called DB or DB_ and a number. */
const IS_DATABASE = /^DB(_\d+)?$/;

function countingBindings(env: Bindings, phaseNow: () => Phase): Bindings {
  const calls = () => counts.phases[phaseNow()];
  const wrapped = Object.entries(env).map(([name, binding]): [string, unknown] => {
    if (IS_DATABASE.test(name)) return [name, countingDatabase(binding as D1Database, calls)];
    if (name === 'RATE_LIMITER') return [name, countingNamespace(env.RATE_LIMITER, calls)];
    if (typeof binding === 'object' && 'sendBatch' in binding) return [name, countingQueue(binding, calls)];
    return [name, binding];
  });
  return { ...Object.fromEntries(wrapped), ...variables } as Bindings;
}

interface Prepared {
  sql: string;
  statement: D1PreparedStatement;
  bind(...values: unknown[]): Prepared;
}

/** As much of D1 as the service uses; it would fail with anything else, so nothing goes uncounted. */
function countingDatabase(database: D1Database, calls: () => Calls) {
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

function countingNamespace(namespace: Bindings['RATE_LIMITER'], calls: () => Calls) {
  return {
    getByName: (name: string) => ({
      admit(...windows: Parameters<ReturnType<Bindings['RATE_LIMITER']['getByName']>['admit']>) {
        calls().durableObjectCalls += 1;
        return namespace.getByName(name).admit(...windows);
      },
    }),
  };
}

function countingQueue(queue: Queue, calls: () => Calls) {
  return {
    send(message: unknown, options?: QueueSendOptions) {
      calls().queueMessages += 1;
      queued += 1;
      return queue.send(message, options);
    },
    sendBatch(messages: MessageSendRequest[], options?: QueueSendBatchOptions) {
      calls().queueMessages += messages.length;
      queued += messages.length;
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

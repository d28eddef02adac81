/**
 * The Worker, with what each background invocation sends to D1 counted and reported. It runs in workerd, in place of
 * src/worker/index.ts; requests are not counted.
 */
import type { QueueMessage, WakeUp } from '../../src/core/outbox/queue-message.ts';
import type { Bindings } from '../../src/worker/bindings.ts';
import worker from '../../src/worker/index.ts';
import type { Invocation } from '../invocation.ts';

export { RateLimiter } from '../../src/worker/index.ts';

/** REPORTS takes each invocation; it answers in the process of the benchmark. */
type CountedBindings = Bindings & { REPORTS: Fetcher };

export default {
  fetch: worker.fetch,

  async queue(batch, env) {
    const kinds = [...new Set(batch.messages.map(({ body }) => (body.kind === 'wake' ? body.job : body.kind)))];
    await counted(env, kinds.join('+'), batch.messages.length, (bindings) => worker.queue(batch, bindings));
  },

  async scheduled(controller, env) {
    await counted(env, 'cron', 0, (bindings) => worker.scheduled(controller, bindings));
  },
} satisfies ExportedHandler<CountedBindings, QueueMessage | WakeUp>;

async function counted(
  env: CountedBindings,
  of: string,
  messages: number,
  work: (bindings: Bindings) => Promise<void>,
): Promise<void> {
  const invocation: Invocation = { of, messages, statements: 0, roundTrips: 0, durationMs: 0, failed: true };
  const startedAtMs = Date.now();
  try {
    await work({ ...env, DB: countedDatabase(env.DB, invocation) });
    invocation.failed = false;
  } finally {
    invocation.durationMs = Date.now() - startedAtMs;
    await env.REPORTS.fetch('http://reports/', { method: 'POST', body: JSON.stringify(invocation) });
  }
}

/** The ledger sends batches and nothing else; whatever else is called would go uncounted, and so is not there. */
function countedDatabase(database: D1Database, invocation: Invocation): D1Database {
  return {
    prepare: (sql: string) => database.prepare(sql),
    batch<Row>(statements: D1PreparedStatement[]) {
      invocation.statements += statements.length;
      invocation.roundTrips += 1;
      return database.batch<Row>(statements);
    },
  } satisfies Pick<D1Database, 'prepare' | 'batch'> as D1Database;
}

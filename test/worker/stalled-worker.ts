/**
 * The Worker with its database at the far end of a line that can stall: each batch goes to the line, which has it carried out here when
 * its turn comes, also when the caller has given up meanwhile. It runs in workerd, in place of src/worker/index.ts.
 */
import type { QueueMessage, WakeUp } from '../../src/core/outbox/queue-message.ts';
import type { Bindings } from '../../src/worker/bindings.ts';
import worker from '../../src/worker/index.ts';

export { RateLimiter } from '../../src/worker/index.ts';

type StalledBindings = Bindings & { LINE_URL: string; LINE_PATH: string };

interface Statement {
  sql: string;
  parameters: unknown[];
}

export default {
  async fetch(request, env, execution) {
    if (new URL(request.url).pathname !== env.LINE_PATH) return worker.fetch(request, withLine(env), execution);
    return carryOut(env.DB, await request.json());
  },

  queue: (batch, env) => worker.queue(batch, withLine(env)),

  scheduled: (controller, env) => worker.scheduled(controller, withLine(env)),
} satisfies ExportedHandler<StalledBindings, QueueMessage | WakeUp>;

async function carryOut(database: D1Database, statements: readonly Statement[]): Promise<Response> {
  try {
    const prepared = statements.map(({ sql, parameters }) => database.prepare(sql).bind(...parameters));
    return Response.json({ results: await database.batch(prepared) });
  } catch (error) {
    return Response.json({ error: error instanceof Error ? error.message : String(error) });
  }
}

/** One for each environment, as an isolate has it: what it knows of its database is kept with it. */
const environments = new WeakMap<StalledBindings, Bindings>();

/** The ledger sends batches and nothing else. */
function withLine(env: StalledBindings): Bindings {
  const known = environments.get(env);
  if (known !== undefined) return known;
  const database = {
    prepare: (sql: string) => statement(sql, []),
    async batch(statements: D1PreparedStatement[]) {
      const response = await fetch(env.LINE_URL, { method: 'POST', body: JSON.stringify(statements) });
      const answer = await response.json<{ results: D1Result<never>[] } | { error: string }>();
      if ('error' in answer) throw new Error(answer.error);
      return answer.results;
    },
  } satisfies Pick<D1Database, 'prepare' | 'batch'>;
  const own = { ...env, DB: database as unknown as D1Database };
  environments.set(env, own);
  return own;
}

function statement(sql: string, parameters: unknown[]): D1PreparedStatement {
  const bind = (...values: unknown[]) => statement(sql, values);
  return { sql, parameters, bind } as Statement & Pick<D1PreparedStatement, 'bind'> as unknown as D1PreparedStatement;
}

/**
 * A Worker that makes the calls of an operation and nothing else: the same rate limiter, as many round trips to D1 with as many
 * statements, which write as many rows, and as many messages. What the service needs beyond this is its own.
 */
import type { RateLimiter } from '../../src/worker/rate-limit/rate-limiter.ts';
import { type Shape, type ShapedOperation, type Shapes, tableOfRows } from '../shapes.ts';

export { RateLimiter } from '../../src/worker/rate-limit/rate-limiter.ts';

interface BareEnv {
  DB: D1Database;
  RATE_LIMITER: DurableObjectNamespace<RateLimiter>;
  PAYMENT_EVENTS: Queue;
  SHAPES: string;
  RATE_LIMIT_PER_MINUTE: string;
  RATE_LIMIT_BURST: string;
}

/** About what a row of a payment, and an event, have. */
const ROW_TEXT = 'x'.repeat(200);
const MESSAGE = { kind: 'event', event: { text: 'x'.repeat(300) } };

/** Read once, as settings are. */
let shapes: Shapes | undefined;

export default {
  async fetch(request, env, execution) {
    shapes ??= JSON.parse(env.SHAPES) as Shapes;
    const { pathname } = new URL(request.url);
    const operation = pathname.split('/')[2] as ShapedOperation;
    const shape = shapes[operation];

    if (shape.durableObjectCalls > 0) {
      const limiter = env.RATE_LIMITER.getByName(request.headers.get('CF-Connecting-IP') ?? 'direct');
      await limiter.admit([
        { limit: Number(env.RATE_LIMIT_BURST), windowMs: 10_000 },
        { limit: Number(env.RATE_LIMIT_PER_MINUTE), windowMs: 60_000 },
      ]);
    }
    const body = request.method === 'POST' ? await request.json<object>() : {};
    for (const batch of shape.batches) await env.DB.batch(batch.map((statement) => prepared(env.DB, statement)));
    for (let sent = 0; sent < shape.queueMessages; sent += 1) execution.waitUntil(env.PAYMENT_EVENTS.send(MESSAGE));
    return Response.json({ status: 'success', ...body });
  },
} satisfies ExportedHandler<BareEnv>;

function prepared(database: D1Database, { rowsRead, rowsWritten }: Shape['batches'][number][number]) {
  if (rowsWritten > 0) {
    return database
      .prepare(`INSERT INTO ${tableOfRows(rowsWritten)} VALUES (?1, ?1, ?1, ?1, ?1, ?1, ?2, ?3)`)
      .bind(crypto.randomUUID(), Date.now(), ROW_TEXT);
  }
  // One row, or none.
  return database.prepare(`SELECT * FROM ${tableOfRows(1)} WHERE id = ?1`).bind(rowsRead > 0 ? 'there' : 'not there');
}

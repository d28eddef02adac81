/** Keeps work that moves money going when its client hangs up: Cloudflare cancels the rest of such a request. */
import type { Context } from 'hono';
import { type Rest, sendRest } from '../queue/send.ts';
import type { HttpEnv } from './context.ts';

/** Waits for the operation; its event, and what it leaves to be settled, are sent after the answer. */
export async function outliveClient<Answer extends Rest | null>(
  c: Context<HttpEnv>,
  operation: Promise<Answer>,
): Promise<Answer> {
  c.executionCtx.waitUntil(
    operation.then(
      (answer) => sendRest({ queue: c.env.PAYMENT_EVENTS, log: c.var.log }, answer ?? {}, Date.now()),
      () => {}, // what was thrown is answered, and logged, where the operation is awaited
    ),
  );
  return operation;
}

/** Keeps work that moves money going when its client hangs up: Cloudflare cancels the rest of such a request. */
import type { Context } from 'hono';
import { type Rest, sendRest } from '../../../core/outbox/send.ts';
import type { HttpEnv } from '../http-env.ts';

/** Waits for the operation; its event and its look-up are sent after the answer. */
export async function outliveClient<Answer extends Rest | null>(
  c: Context<HttpEnv>,
  operation: Promise<Answer>,
): Promise<Answer> {
  c.executionCtx.waitUntil(
    operation.then(
      (answer) => sendRest(c.get('context'), answer ?? {}),
      () => {}, // an error is answered and logged where the operation is awaited
    ),
  );
  return operation;
}

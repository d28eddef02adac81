/** Keeps work that moves money going when its client hangs up: Cloudflare cancels the rest of such a request. */
import type { Context as HonoContext } from 'hono';
import type { Context } from '../../../core/context.ts';
import { type Rest, sendRest } from '../../../core/outbox/send.ts';
import type { HttpEnv } from '../http-env.ts';

/**
 * Waits for the operation; its event and its look-up are sent after the answer.
 *
 * @param contextOf what the operation, which ended so, was done with
 */
export async function outliveClient<Answer extends Rest | null>(
  c: HonoContext<HttpEnv>,
  operation: Promise<Answer>,
  contextOf: (answer: Answer) => Context,
): Promise<Answer> {
  c.executionCtx.waitUntil(
    operation.then(
      (answer) => sendRest(contextOf(answer), answer ?? {}),
      () => {}, // an error is answered and logged where the operation is awaited
    ),
  );
  return operation;
}

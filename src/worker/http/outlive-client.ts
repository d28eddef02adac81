/** Keeps work that moves money going when its client hangs up: Cloudflare cancels the rest of such a request. */
import type { Context } from 'hono';
import type { PaymentEvent } from '../../contract/events.ts';
import { sendEvent } from '../events/send.ts';
import type { HttpEnv } from './context.ts';

/** Waits for the operation; its event, if it has one, is sent after the answer. */
export async function outliveClient<Answer extends object>(
  c: Context<HttpEnv>,
  operation: Promise<Answer>,
): Promise<Answer> {
  c.executionCtx.waitUntil(
    operation.then(
      (answer) => sendEventOf(c, answer),
      () => {}, // what was thrown is answered, and logged, where the operation is awaited
    ),
  );
  return operation;
}

async function sendEventOf(c: Context<HttpEnv>, answer: { event?: PaymentEvent | null }): Promise<void> {
  if (answer.event) await sendEvent(c.env.PAYMENT_EVENTS, answer.event, c.var.log);
}

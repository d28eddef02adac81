/**
 * The Worker whose events a bridge takes from a queue. `wrangler dev` has no pull consumers, so a consumer beside the Worker's own brings
 * the messages of PAYMENT_RELAY, as they left it, to the queue of test/support/queue-api.ts. It runs in workerd, in place of
 * src/worker/index.ts.
 */
import type { QueueMessage, WakeUp } from '../../src/core/outbox/queue-message.ts';
import type { Bindings } from '../../src/worker/bindings.ts';
import worker from '../../src/worker/index.ts';

export { RateLimiter } from '../../src/worker/index.ts';

type PulledBindings = Bindings & { QUEUE_API_MESSAGES: string; QUEUE_API_TOKEN: string };

export default {
  fetch: worker.fetch,

  async queue(batch, env) {
    if (batch.queue !== 'payment-relay') return worker.queue(batch, env);
    const messages = batch.messages.map(({ body }) => ({
      body,
      content_type: typeof body === 'string' ? 'text' : 'json',
    }));
    const response = await fetch(`${env.QUEUE_API_MESSAGES}/batch`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${env.QUEUE_API_TOKEN}` },
      body: JSON.stringify({ messages }),
    });
    if (!response.ok) throw new Error(`the queue answered ${response.status}: ${await response.text()}`);
  },

  scheduled: worker.scheduled,
} satisfies ExportedHandler<PulledBindings, QueueMessage | WakeUp>;

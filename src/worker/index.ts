/** What Cloudflare calls: requests, the queues' batches, the clock, and the rate limiter's objects. */
import type { Bindings } from './bindings.ts';
import { runCron } from './cron.ts';
import { createApp } from './http/app.ts';
import { backgroundContext } from './make-background-context.ts';
import { consumeBatch } from './queue/consume.ts';
import type { QueueMessage, WakeUp } from './queue/message.ts';

export { RateLimiter } from './limits/rate-limiter.ts';

const app = createApp();

export default {
  fetch: app.fetch,

  // Of both queues: what is to be done is in the messages, since whoever deploys may name the queues otherwise.
  async queue(batch, env) {
    await consumeBatch(backgroundContext(env, 'queue', { queue: batch.queue }), batch.messages);
  },

  async scheduled(controller, env) {
    await runCron(backgroundContext(env, 'cron', { cron: controller.cron }));
  },
} satisfies ExportedHandler<Bindings, QueueMessage | WakeUp>;

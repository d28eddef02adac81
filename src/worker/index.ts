/** What Cloudflare calls: requests, the queue's batches, the clock, and the rate limiter's objects. */
import type { Bindings } from './bindings.ts';
import { runCron } from './cron.ts';
import { createApp } from './http/app.ts';
import { backgroundContext } from './make-background-context.ts';
import { consumeBatch } from './queue/consume.ts';
import type { QueueMessage } from './queue/message.ts';

export { RateLimiter } from './limits/rate-limiter.ts';

const app = createApp();

export default {
  fetch: app.fetch,

  async queue(batch, env) {
    await consumeBatch(backgroundContext(env, 'queue', { queue: batch.queue }), batch.messages);
  },

  async scheduled(controller, env) {
    await runCron(backgroundContext(env, 'cron', { cron: controller.cron }));
  },
} satisfies ExportedHandler<Bindings, QueueMessage>;

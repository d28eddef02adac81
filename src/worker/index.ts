/** What Cloudflare calls: requests, the queue's batches, the clock, and the rate limiter's objects. */
import type { Bindings } from './bindings.ts';
import { deliverBatch } from './events/deliver.ts';
import { deliveryContext } from './events/delivery-context.ts';
import type { QueueMessage } from './events/message.ts';
import { sweepEvents } from './events/sweep.ts';
import { createApp } from './http/app.ts';

export { RateLimiter } from './limits/rate-limiter.ts';

const app = createApp();

export default {
  fetch: app.fetch,

  async queue(batch, env) {
    await deliverBatch(deliveryContext(env, { queue: batch.queue }), batch);
  },

  async scheduled(controller, env) {
    await sweepEvents(deliveryContext(env, { cron: controller.cron }));
  },
} satisfies ExportedHandler<Bindings, QueueMessage>;

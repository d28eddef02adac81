/** What Cloudflare calls: requests, the queues' batches, the clock, and the rate limiter's objects. */

import { consumeBatch } from '../core/background/consume-queue.ts';
import { runCron } from '../core/background/every-minute.ts';
import type { QueueMessage, WakeUp } from '../core/outbox/queue-message.ts';
import type { Bindings } from './bindings.ts';
import { composeBackground } from './compose.ts';
import { createApp } from './http/app.ts';
import { writeRefused } from './rate-limit/refused-requests.ts';

export { RateLimiter } from './rate-limit/rate-limiter.ts';

const app = createApp();

export default {
  fetch: app.fetch,

  // Of both queues: what is to be done is in the messages, since whoever deploys may name the queues otherwise.
  async queue(batch, env) {
    const shards = composeBackground(env, 'queue', { queue: batch.queue });
    await consumeBatch(shards, batch.messages);
    // Where no more requests are refused, what was counted is written here.
    const { settings, log, nowMs } = shards.at(0);
    await writeRefused(env, settings, log, nowMs());
  },

  async scheduled(controller, env) {
    await runCron(composeBackground(env, 'cron', { cron: controller.cron }));
  },
} satisfies ExportedHandler<Bindings, QueueMessage | WakeUp>;

/** What Cloudflare calls: requests, the queues' batches, the clock, and the rate limiter's objects. */

import { consumeBatch } from '../core/background/consume-queue.ts';
import { runCron } from '../core/background/every-minute.ts';
import type { Context } from '../core/context.ts';
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
    await writeCounted(env, shards.at(0));
  },

  async scheduled(controller, env) {
    const shards = composeBackground(env, 'cron', { cron: controller.cron });
    await writeCounted(env, shards.at(0));
    await runCron(shards);
  },
} satisfies ExportedHandler<Bindings, QueueMessage | WakeUp>;

/** What this isolate has counted of refused requests, should no other one be refused. */
async function writeCounted(env: Bindings, { settings, log, nowMs }: Context): Promise<void> {
  await writeRefused(env, settings, log, nowMs());
}

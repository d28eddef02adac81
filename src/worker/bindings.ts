/** What Cloudflare binds to the Worker. The generated Env does not know what the queue carries. */
import type { QueueMessage } from './queue/message.ts';

export type Bindings = Omit<Env, 'PAYMENT_EVENTS'> & { PAYMENT_EVENTS: Queue<QueueMessage> };

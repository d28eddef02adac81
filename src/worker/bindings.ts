/** What Cloudflare binds to the Worker. The generated Env does not know what the queues carry. */
import type { QueueMessage, WakeUp } from '../core/outbox/queue-message.ts';

export type Bindings = Omit<Env, 'PAYMENT_EVENTS' | 'PAYMENT_WORK'> & {
  PAYMENT_EVENTS: Queue<QueueMessage>;
  PAYMENT_WORK: Queue<WakeUp>;
  /** Commented out in wrangler.toml: R2 has to be switched on in an account. */
  ARCHIVE?: R2Bucket;
  /** From which a bridge takes events that nothing can reach. Commented out in wrangler.toml. */
  PAYMENT_RELAY?: Queue<string>;
  /** The second database and those that follow, where an installation has more than one. */
  [name: `DB_${number}`]: D1Database | undefined;
};

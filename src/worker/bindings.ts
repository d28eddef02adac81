/** What Cloudflare binds to the Worker. The generated Env knows neither the queue's messages nor the object's class. */
import type { EventMessage } from './events/message.ts';
import type { RateLimiter } from './limits/rate-limiter.ts';

export type Bindings = Omit<Env, 'PAYMENT_EVENTS' | 'RATE_LIMITER'> & {
  PAYMENT_EVENTS: Queue<EventMessage>;
  RATE_LIMITER: DurableObjectNamespace<RateLimiter>;
};

/** What travels in the queue `payment-events`. It is transport; the truth is in D1. */
import type { PaymentEvent } from '../../contract/events.ts';

/** Told apart by `kind`: a queue outlives deployments, so a consumer may meet kinds that it does not know. */
export type QueueMessage =
  /** To be delivered. */
  | { kind: 'event'; event: PaymentEvent }
  /** A payment or a refund, to be looked up at its gateway. */
  | { kind: 'settle'; id: string };

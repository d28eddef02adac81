/** What travels in the queue `payment-events`. It is transport; the truth is in D1. */
import type { PaymentEvent } from '../../contract/events.ts';

/** Told apart by `kind`: a queue outlives deployments, so a consumer may meet kinds that it does not know. */
export type QueueMessage = { kind: 'event'; event: PaymentEvent };

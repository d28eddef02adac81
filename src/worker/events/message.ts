/** What travels in the queue `payment-events`: one event. It is transport; the truth is in D1. */
import type { PaymentEvent } from '../../contract/events.ts';

export interface EventMessage {
  event: PaymentEvent;
}

/** Hands an event to the queue, after the answer has gone out. */
import type { PaymentEvent } from '../../contract/events.ts';
import { within } from '../deadline.ts';
import { errorFields, type Log } from '../log.ts';
import type { QueueMessage } from './message.ts';

const SEND_DEADLINE_MS = 5_000;

/** Never throws: an event that can't be handed over waits in D1, and the sweep sends it. */
export async function sendEvent(queue: Queue<QueueMessage>, event: PaymentEvent, log: Log): Promise<void> {
  try {
    await within(SEND_DEADLINE_MS, 'the queue', queue.send({ kind: 'event', event }));
  } catch (error) {
    log('warn', 'event.left_to_sweep', { event_id: event.event_id, ...errorFields(error) });
  }
}

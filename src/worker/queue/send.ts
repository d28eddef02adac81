/** Hands work to the queue, after the answer has gone out. */
import type { PaymentEvent } from '../../contract/events.ts';
import { within } from '../deadline.ts';
import { errorName, type Log } from '../log.ts';
import type { Settle } from '../operations/look-up-schedule.ts';
import type { QueueMessage } from './message.ts';

export const SEND_DEADLINE_MS = 5_000;

export interface Sender {
  queue: Queue<QueueMessage>;
  log: Log;
}

/** What an answer leaves to be done: its event, and what is to be settled. */
export interface Rest {
  /** Every answer has one; it only lets answers that leave nothing be a Rest as well. */
  kind?: string;
  event?: PaymentEvent | null;
  settle?: Settle | null;
}

/** Hands over what an operation leaves to be done. */
export async function sendRest(sender: Sender, { event, settle }: Rest, nowMs: number): Promise<void> {
  if (event) await sendEvent(sender, event);
  if (settle) await sendSettle(sender, settle.id, settle.atMs - nowMs);
}

/** Never throws: an event that can't be handed over waits in D1, and the sweep sends it. */
export async function sendEvent({ queue, log }: Sender, event: PaymentEvent): Promise<void> {
  try {
    await within(SEND_DEADLINE_MS, 'the queue', queue.send({ kind: 'event', event }));
  } catch (error) {
    log('warn', 'event.left_to_sweep', { event_id: event.event_id, ...errorName(error) });
  }
}

/**
 * Never throws: the cron looks up what the queue does not. A queue counts in whole seconds, and what comes a moment early
 * finds nothing due, so one more is added.
 */
export async function sendSettle({ queue, log }: Sender, id: string, delayMs: number): Promise<void> {
  try {
    const delaySeconds = delayMs <= 0 ? 0 : Math.floor(delayMs / 1000) + 1;
    await within(SEND_DEADLINE_MS, 'the queue', queue.send({ kind: 'settle', id }, { delaySeconds }));
  } catch (error) {
    log('warn', 'settle.left_to_cron', { id, ...errorName(error) });
  }
}

/** Hands work to the queue, after the answer has gone out. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { within } from '../deadline.ts';
import { errorName } from '../log.ts';
import type { DueLookUp } from './queue-message.ts';

export const SEND_DEADLINE_MS = 5_000;

/** What an answer leaves to be done: its event, and what is to be looked up. */
export interface Rest {
  /** Every answer has one; it only lets answers that leave nothing be a Rest as well. */
  kind?: string;
  event?: PaymentEvent | null;
  lookUp?: DueLookUp | null;
}

/** Hands over what an operation leaves to be done. */
export async function sendRest(context: Context, { event, lookUp }: Rest): Promise<void> {
  if (event) await sendEvent(context, event);
  if (lookUp) await sendLookUp(context, lookUp.id, lookUp.atMs - context.nowMs());
}

/** Never throws: an event that can't be handed over waits in D1, and the sweep sends it. */
export async function sendEvent({ eventQueue, log, shard, db }: Context, event: PaymentEvent): Promise<void> {
  const { requestId } = db.author;
  try {
    const message = { kind: 'event', event, ...(shard > 0 && { shard }), ...(requestId && { requestId }) } as const;
    await within(SEND_DEADLINE_MS, 'the queue', eventQueue.send(message));
  } catch (error) {
    log('warn', 'event.left_to_sweep', { event_id: event.event_id, ...errorName(error) });
  }
}

/**
 * Never throws: the cron looks up what the queue does not. A queue counts in whole seconds, and what comes a moment early
 * finds nothing due, so one more is added.
 */
export async function sendLookUp({ eventQueue, log }: Context, id: string, delayMs: number): Promise<void> {
  try {
    const delaySeconds = delayMs <= 0 ? 0 : Math.floor(delayMs / 1000) + 1;
    await within(SEND_DEADLINE_MS, 'the queue', eventQueue.send({ kind: 'look_up', id }, { delaySeconds }));
  } catch (error) {
    log('warn', 'look_up.left_to_cron', { id, ...errorName(error) });
  }
}

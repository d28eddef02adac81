/** The way to a bridge that nothing can reach: a queue of its own, from which it takes the events. */
import type { PaymentEvent } from '../../contract/events.ts';
import type { RelayMessage } from '../../contract/pull.ts';
import type { RequestIds } from '../../contract/relay.ts';
import { within } from '../deadline.ts';
import { errorName } from '../log.ts';
import type { RelayAnswer, RelayLeases } from './relay.ts';

/**
 * Of a call, with room for what Cloudflare adds to each message: 100 messages, 256 KB.
 * https://developers.cloudflare.com/queues/platform/limits/
 */
const CALL_MAX_MESSAGES = 100;
const CALL_MAX_BYTES = 240_000;
const QUEUE_DEADLINE_MS = 5_000;

/** As much of a queue as the relay needs. Text is what a pull consumer gets as it was sent; JSON would arrive in base64. */
export interface RelayQueue {
  sendBatch(messages: Iterable<{ body: string; contentType: 'text' }>): Promise<unknown>;
}

/** Puts events into the queue. */
export async function putIntoQueue(
  queue: RelayQueue,
  events: PaymentEvent[],
  requestIds: RequestIds,
  leases: RelayLeases,
): Promise<RelayAnswer> {
  const bodies = events.map((event) => {
    const lease = leases.get(event.event_id);
    if (lease === undefined) throw new Error('an event is sent without a lease');
    return JSON.stringify({ event, request_id: requestIds[event.event_id], lease } satisfies RelayMessage);
  });
  try {
    for (const call of inCalls(bodies)) {
      await within(
        QUEUE_DEADLINE_MS,
        'the queue',
        queue.sendBatch(call.map((body) => ({ body, contentType: 'text' }))),
      );
    }
    return { kind: 'queued' };
  } catch (error) {
    return { kind: 'not_queued', reason: `the queue did not take the events: ${errorName(error).error}` };
  }
}

/** As few calls as the queue's limits allow. */
function inCalls(bodies: readonly string[]): string[][] {
  const encoder = new TextEncoder();
  const calls: string[][] = [];
  let bytes = CALL_MAX_BYTES;
  for (const body of bodies) {
    const size = encoder.encode(body).byteLength;
    const last = calls.at(-1);
    if (last === undefined || last.length === CALL_MAX_MESSAGES || bytes + size > CALL_MAX_BYTES) {
      calls.push([body]);
      bytes = size;
    } else {
      last.push(body);
      bytes += size;
    }
  }
  return calls;
}

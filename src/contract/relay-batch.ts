/** The batch, and the message of the queue, as the bridge reads them. A file of its own, so that the Worker does not contain these schemas. */
import * as z from 'zod/mini';
import { relayLease } from './pull.ts';
import { RELAY_BATCH_MAX_EVENTS } from './relay.ts';

/**
 * The envelope. Events are validated one by one, so that an event of a newer Worker, which the bridge does not understand, does
 * not block the others.
 */
export const relayBatch = z.object({
  events: z.array(z.looseObject({ event_id: z.string() })).check(z.minLength(1), z.maxLength(RELAY_BATCH_MAX_EVENTS)),
  // Beside the events, whose fields are the contract's. Workers of former versions send none, and bridges of former versions ignore them.
  request_ids: z.optional(z.record(z.string(), z.unknown())),
});

/** A message of the queue. Its event is validated by itself, as those of a batch are. */
export const relayMessage = z.object({
  event: z.looseObject({ event_id: z.string() }),
  request_id: z.optional(z.unknown()),
  lease: relayLease,
});

/** The form of an `X-Request-Id`, as the Worker takes it from a caller or makes it. */
export const requestId = z.string().check(z.regex(/^[\w=-]{1,255}$/));

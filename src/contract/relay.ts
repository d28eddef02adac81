/** What the Worker posts to the bridge, and what the bridge answers: a batch of events, and one result for each. */
import * as z from 'zod/mini';
import type { PaymentEvent } from './events.ts';

/** Events in one batch: as many as Cloudflare Queues hands over at once. */
export const RELAY_BATCH_MAX_EVENTS = 100;
/** Bytes of one request body. A hundred events fit, even with each text as long as it may be. */
export const RELAY_BODY_MAX_BYTES = 1024 * 1024;
/** Milliseconds that the bridge waits for the broker's confirms before it answers with what it has. */
export const RELAY_CONFIRM_DEADLINE_MS = 10_000;

/**
 * The envelope. What is inside is judged event by event, so that one which the bridge does not understand, because a newer
 * Worker has sent it, does not hold up the others.
 */
export const relayBatch = z.object({
  events: z.array(z.looseObject({ event_id: z.string() })).check(z.minLength(1), z.maxLength(RELAY_BATCH_MAX_EVENTS)),
});
export interface RelayBatch {
  events: PaymentEvent[];
}

export const relayResult = z.discriminatedUnion('delivered', [
  z.object({ event_id: z.string(), delivered: z.literal(true) }),
  z.object({
    event_id: z.string(),
    delivered: z.literal(false),
    reason: z.string(),
    /** The bridge does not understand the event, however often it is sent: only another version of one of the two helps. */
    invalid: z.optional(z.literal(true)),
  }),
]);
export type RelayResult = z.infer<typeof relayResult>;

export const relayResults = z.object({
  results: z.array(relayResult).check(z.maxLength(RELAY_BATCH_MAX_EVENTS)),
});
export type RelayResults = z.infer<typeof relayResults>;

/**
 * The protocol between Worker and bridge where the bridge takes events from a queue: the lease that a message carries, and the report of
 * what became of it. docs/architecture.md describes it.
 */
import * as z from 'zod/mini';
import type { PaymentEvent } from './events.ts';
import { RELAY_BATCH_MAX_EVENTS, relayResult } from './relay.ts';

/** Where the bridge reports what became of events, below the Worker's address. */
export const DELIVERIES_PATH = '/bridge/deliveries';
/** Bytes of one report. A hundred results fit, each with the longest reason. */
export const DELIVERIES_BODY_MAX_BYTES = 64 * 1024;

/** Under which an event is in the queue. The bridge hands it back as it is, so that a report needs no look-up. */
export const relayLease = z.object({
  id: z.string().check(z.maxLength(100)),
  /** The number of the event's database. */
  shard: z.int().check(z.nonnegative()),
  /** From then on, the event may be in the queue a second time. */
  until_ms: z.int(),
  /** How often the event has been sent in vain. */
  attempts: z.int().check(z.nonnegative()),
});
export type RelayLease = z.infer<typeof relayLease>;

/** A message of the queue, as the Worker sends it: JSON, as text. `relay-batch.ts` has it as the bridge reads it. */
export interface RelayMessage {
  event: PaymentEvent;
  /** Of the HTTP request that caused the event; absent where none did. */
  request_id?: string | undefined;
  lease: RelayLease;
}

/** What became of an event, and the lease under which it was in the queue. */
export const delivery = z.object({ lease: relayLease, result: relayResult });
export type Delivery = z.infer<typeof delivery>;

/** A report. One without deliveries asks whether the Worker, and its first database, take reports. */
export const deliveriesReport = z.object({
  deliveries: z.array(delivery).check(z.maxLength(RELAY_BATCH_MAX_EVENTS)),
});
export type DeliveriesReport = z.infer<typeof deliveriesReport>;

/** The ids of the events whose results are recorded. The messages of the others must come again. */
export const recordedDeliveries = z.object({ recorded: z.array(z.string()) });
export type RecordedDeliveries = z.infer<typeof recordedDeliveries>;

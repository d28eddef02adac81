/**
 * Takes events to RabbitMQ, by way of the bridge. D1 is the only retry loop: what could not be delivered is written
 * there and sent by a sweep. The queue is asked again only where D1 itself did not answer.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import { LedgerNotMigrated, LedgerUnavailable } from '../ledger/database.ts';
import { findEvents, type LeasedEvent, leaseEvents, recordDeliveries, type Undelivered } from '../ledger/events.ts';
import { retryDelayMs } from './backoff.ts';
import { postToBridge } from './bridge.ts';
import type { DeliveryContext } from './delivery-context.ts';
import type { EventMessage } from './message.ts';

/** Longer than a batch can be under way, so that nobody else sends it meanwhile. */
export const LEASE_MS = 30_000;
/** A booking has few events; what is left after these rounds is the sweep's. */
const MAX_ROUNDS = 10;
/** Seconds after which the queue tries again when D1 did not answer. */
const D1_RETRY_DELAY_SECONDS = 10;

/** The queue consumer: delivers the events of a batch, and those that come after them in their bookings. */
export async function deliverBatch(context: DeliveryContext, batch: MessageBatch<EventMessage>): Promise<void> {
  const events = new Map(batch.messages.map(({ body }) => [body.event.event_id, body.event]));
  try {
    const nowMs = context.nowMs();
    let leased = await leaseEvents(context.db, { eventIds: [...events.keys()], nowMs, untilMs: nowMs + LEASE_MS });
    for (let round = 0; leased.length > 0 && round < MAX_ROUNDS; round += 1) {
      const { next } = await deliverLeased(context, leased, events);
      leased = next;
    }
  } catch (error) {
    if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
    batch.retryAll({ delaySeconds: D1_RETRY_DELAY_SECONDS });
    return;
  }
  batch.ackAll();
}

/**
 * Sends leased events and writes down what became of each. Answers with the events for which they made way, leased, and
 * with whether the bridge took the batch at all.
 *
 * @param known events that are at hand, by id; the others are rendered from the ledger
 */
export async function deliverLeased(
  context: DeliveryContext,
  leased: LeasedEvent[],
  known: ReadonlyMap<string, PaymentEvent>,
): Promise<{ next: LeasedEvent[]; refused: boolean }> {
  const { db, bridge, log } = context;
  const missing = leased.filter(({ eventId }) => !known.has(eventId)).map(({ eventId }) => eventId);
  const rendered = new Map(
    missing.length === 0 ? [] : (await findEvents(db, missing)).map((event) => [event.event_id, event]),
  );
  const events = leased.flatMap(({ eventId }) => known.get(eventId) ?? rendered.get(eventId) ?? []);

  const answer = await postToBridge(bridge, events, context.nowMs());
  const delivered = new Set<string>();
  const reasons = new Map<string, string>();
  if (answer.kind === 'results') {
    for (const result of answer.results) {
      if (result.delivered) delivered.add(result.event_id);
      else reasons.set(result.event_id, result.reason);
    }
  }

  const nowMs = context.nowMs();
  const undelivered: Undelivered[] = leased
    .filter(({ eventId }) => !delivered.has(eventId))
    .map(({ eventId, attempts }) => ({
      eventId,
      reason: answer.kind === 'refused' ? answer.reason : (reasons.get(eventId) ?? 'the bridge gave no result'),
      nextAttemptAtMs: nowMs + retryDelayMs(attempts + 1),
    }));
  const next = await recordDeliveries(db, {
    // Only of what was leased: an answer has no say about other events.
    delivered: leased.filter(({ eventId }) => delivered.has(eventId)).map(({ eventId }) => eventId),
    undelivered,
    nowMs,
    untilMs: nowMs + LEASE_MS,
  });

  log(undelivered.length === 0 ? 'info' : 'warn', 'events.relayed', {
    delivered: leased.length - undelivered.length,
    undelivered: undelivered.length,
    reason: undelivered[0]?.reason,
  });
  return { next, refused: answer.kind === 'refused' };
}

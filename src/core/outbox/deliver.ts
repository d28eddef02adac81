/**
 * Delivers events to RabbitMQ, by way of the bridge. D1 is the only retry loop: an event that could not be delivered waits
 * there for the sweep.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { RequestIds } from '../../contract/relay.ts';
import type { Context } from '../context.ts';
import { findEvents } from '../ledger/outbox/find-events.ts';
import { type LeasedEvent, leaseEvents } from '../ledger/outbox/lease-events.ts';
import { recordDeliveries } from '../ledger/outbox/record-deliveries.ts';
import { retryDelayMs } from './backoff.ts';
import { newLease } from './lease.ts';
import type { RelayAnswer } from './relay-client.ts';

/** Statements that sending one batch of leased events takes, from the lease to what became of it. */
export const STATEMENTS_PER_BATCH = 6;
/** A booking has few events; what is left after these rounds is the sweep's. */
const MAX_ROUNDS = 10;
/** Of why an event was not delivered, so many characters are kept. */
const REASON_MAX_LENGTH = 200;

/**
 * Delivers those of the events, by their id, that are not being sent already, and the next ones of their bookings.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function deliverEvents(
  context: Context,
  events: ReadonlyMap<string, PaymentEvent>,
  requestIds: RequestIds = {},
): Promise<void> {
  const lease = newLease(context);
  let leased = await leaseEvents(context.db, lease, [...events.keys()]);
  let { leaseId } = lease;
  for (let round = 1; leased.length > 0; round += 1) {
    const takeNext = round < MAX_ROUNDS;
    const delivery = await deliverLeased(context, { leaseId, leased, known: events, requestIds, takeNext });
    logUnopened(context, delivery.unopened);
    ({ leaseId, leased } = delivery.next);
  }
}

export interface LeasedBatch {
  leaseId: string;
  leased: LeasedEvent[];
  /** Events that are at hand, by id; the others are rendered from the ledger. */
  known: ReadonlyMap<string, PaymentEvent>;
  /** Of the known events. */
  requestIds?: RequestIds;
  /** Whether the caller sends, at once, the events for which these make way. */
  takeNext: boolean;
}

/** Why an event's address cannot be opened, by the event's id. */
export type Unopened = ReadonlyMap<string, string>;

/** One line for all of them: they fail for the same reason, and there may be thousands. */
export function logUnopened({ log }: Context, unopened: Unopened): void {
  const [first] = unopened;
  if (first === undefined) return;
  log('error', 'events.unopened', { count: unopened.size, first_event_id: first[0], reason: first[1] });
}

/**
 * Sends leased events and writes down what became of each. Answers with the events for which they made way, leased, and
 * with whether the bridge refused the batch as a whole.
 */
export async function deliverLeased(
  context: Context,
  { leaseId, leased, known, requestIds, takeNext }: LeasedBatch,
): Promise<{ next: { leaseId: string; leased: LeasedEvent[] }; refused: boolean; unopened: Unopened }> {
  const { db, log } = context;
  const { events, unopened, ...found } = await eventsToSend(context, leased, known);
  const answer: RelayAnswer =
    events.length === 0
      ? { kind: 'results', results: [] }
      : await context.relay(events, { ...requestIds, ...found.requestIds });

  const reasons = new Map(unopened);
  const hopeless = new Set(unopened.keys());
  const delivered = new Set<string>();
  if (answer.kind === 'results') {
    for (const result of answer.results) {
      if (result.delivered) delivered.add(result.event_id);
      else reasons.set(result.event_id, result.reason);
      if (!result.delivered && result.invalid) hopeless.add(result.event_id);
    }
  }
  const noResult = answer.kind === 'refused' ? answer.reason : 'the bridge gave no result';
  const nowMs = context.nowMs();
  const undelivered = leased
    .filter(({ eventId }) => !delivered.has(eventId))
    .map(({ eventId, attempts }) => ({
      eventId,
      reason: (reasons.get(eventId) ?? noResult).slice(0, REASON_MAX_LENGTH),
      nextAttemptAtMs: nowMs + retryDelayMs(attempts + 1, hopeless.has(eventId)),
    }));

  // Only of what was leased: an answer has no say about other events.
  const confirmed = leased.filter(({ eventId }) => delivered.has(eventId)).map(({ eventId }) => eventId);
  const lease = newLease(context);
  const deliveries = { leaseId, delivered: confirmed, undelivered };
  const next = await recordDeliveries(db, deliveries, nowMs, takeNext ? lease : null);
  // What was delivered is logged by the bridge.
  const [first] = undelivered;
  if (first !== undefined) {
    log('warn', 'events.relayed', {
      delivered: confirmed.length,
      undelivered: undelivered.length,
      reason: first.reason,
    });
  }
  return { next: { leaseId: lease.leaseId, leased: next }, refused: answer.kind === 'refused', unopened };
}

async function eventsToSend(
  { db }: Context,
  leased: LeasedEvent[],
  known: ReadonlyMap<string, PaymentEvent>,
): Promise<{ events: PaymentEvent[]; requestIds: RequestIds; unopened: Unopened }> {
  const missing = leased.filter(({ eventId }) => !known.has(eventId)).map(({ eventId }) => eventId);
  const nothing = { events: [], requestIds: {}, unopened: new Map() };
  const found = missing.length === 0 ? nothing : await findEvents(db, missing);
  const byId = new Map([...known, ...found.events.map((event) => [event.event_id, event] as const)]);
  return { ...found, events: leased.flatMap(({ eventId }) => byId.get(eventId) ?? []) };
}

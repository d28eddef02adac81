/**
 * Delivers events to RabbitMQ, by way of the bridge. D1 is the only retry loop: an event that could not be delivered waits
 * there for the sweep.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { RelayResult, RequestIds } from '../../contract/relay.ts';
import type { Context } from '../context.ts';
import { findEvents } from '../ledger/outbox/find-events.ts';
import { type LeasedEvent, leaseEvents } from '../ledger/outbox/lease-events.ts';
import { recordDeliveries } from '../ledger/outbox/record-deliveries.ts';
import { retryDelayMs } from './backoff.ts';
import { newLease } from './lease.ts';
import type { RelayLeases } from './relay.ts';

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
  const leased = await leaseEvents(context.db, newLease(context), [...events.keys()]);
  await deliverInTurn(context, leased, events, requestIds);
}

/**
 * Delivers leased events, and the next ones of their bookings.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function deliverInTurn(
  context: Context,
  first: LeasedEvent[],
  known: ReadonlyMap<string, PaymentEvent> = new Map(),
  requestIds: RequestIds = {},
): Promise<void> {
  let leased = first;
  for (let round = 1; leased.length > 0; round += 1) {
    const delivery = await deliverLeased(context, { leased, known, requestIds, takeNext: round < MAX_ROUNDS });
    logUnopened(context, delivery.unopened);
    leased = delivery.next;
  }
}

export interface LeasedBatch {
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
 * with whether the bridge, or its queue, refused the batch as a whole.
 */
export async function deliverLeased(
  context: Context,
  { leased, known, requestIds, takeNext }: LeasedBatch,
): Promise<{ next: LeasedEvent[]; refused: boolean; unopened: Unopened }> {
  const { log } = context;
  const { events, unopened, ...found } = await eventsToSend(context, leased, known);
  const answer =
    events.length === 0
      ? { kind: 'results' as const, results: [] }
      : await context.relay(events, { ...requestIds, ...found.requestIds }, leasesOf(context, leased));

  const hopeless = [...unopened].map(
    ([event_id, reason]): RelayResult => ({ event_id, delivered: false, reason, invalid: true }),
  );
  const ended = (results: readonly RelayResult[]) => [...hopeless, ...results];
  switch (answer.kind) {
    case 'results': {
      const noResult = 'the bridge gave no result';
      const next = await recordResults(context, leased, ended(answer.results), { noResult, takeNext });
      return { next, refused: false, unopened };
    }
    case 'refused': {
      const next = await recordResults(context, leased, ended([]), { noResult: answer.reason, takeNext });
      return { next, refused: true, unopened };
    }
    case 'queued':
    case 'not_queued': {
      if (answer.kind === 'not_queued')
        log('warn', 'events.not_queued', { count: events.length, reason: answer.reason });
      const ending = leased.filter(({ eventId }) => unopened.has(eventId));
      if (ending.length > 0) await recordResults(context, ending, hopeless, { noResult: '', takeNext: false });
      return { next: [], refused: answer.kind === 'not_queued', unopened };
    }
  }
}

function leasesOf({ shard }: Context, leased: readonly LeasedEvent[]): RelayLeases {
  return new Map(
    leased.map(({ eventId, leaseId, leasedUntilMs, attempts }) => [
      eventId,
      { id: leaseId, shard, until_ms: leasedUntilMs, attempts },
    ]),
  );
}

/** As much of a leased event as its result needs. */
export type SentEvent = Omit<LeasedEvent, 'leasedUntilMs'>;

/**
 * Writes down what became of events that were sent. Where the caller takes them, answers with the events for which the delivered ones
 * made way, leased.
 *
 * @param noResult why an event without a result counts as undelivered
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function recordResults(
  context: Context,
  sent: readonly SentEvent[],
  results: readonly RelayResult[],
  { noResult, takeNext }: { noResult: string; takeNext: boolean },
): Promise<LeasedEvent[]> {
  const reasons = new Map<string, string>();
  const hopeless = new Set<string>();
  const delivered = new Set<string>();
  for (const result of results) {
    if (result.delivered) delivered.add(result.event_id);
    else reasons.set(result.event_id, result.reason);
    if (!result.delivered && result.invalid) hopeless.add(result.event_id);
  }
  const nowMs = context.nowMs();
  const undelivered = sent
    .filter(({ eventId }) => !delivered.has(eventId))
    .map(({ eventId, leaseId, attempts }) => ({
      eventId,
      leaseId,
      reason: (reasons.get(eventId) ?? noResult).slice(0, REASON_MAX_LENGTH),
      nextAttemptAtMs: nowMs + retryDelayMs(attempts + 1, hopeless.has(eventId)),
    }));

  // Only of what was sent: an answer has no say about other events.
  const confirmed = sent
    .filter(({ eventId }) => delivered.has(eventId))
    .map(({ eventId, leaseId }) => ({ eventId, leaseId }));
  const lease = takeNext ? newLease(context) : null;
  const next = await recordDeliveries(context.db, { delivered: confirmed, undelivered }, nowMs, lease);
  // What was delivered is logged by the bridge.
  const [first] = undelivered;
  if (first !== undefined) {
    context.log('warn', 'events.relayed', {
      delivered: confirmed.length,
      undelivered: undelivered.length,
      reason: first.reason,
    });
  }
  return next;
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

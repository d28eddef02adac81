/** Publishes events again that are named by an event, a payment, a refund or a booking: for `payctl resend` and `payctl events replay`. */
import { isoSeconds } from '../core/domain/timestamp.ts';
import { isIdentifier } from '../core/domain/transaction.ts';
import { type FoundEvent, findReplayed, type Replay, replayFound } from '../core/ledger/outbox/replay-events.ts';
import { invalidId } from './arguments.ts';
import { type Databases, databaseOfBooking, databaseOfId } from './ledger-access.ts';
import { counted, printJson, printTable } from './output.ts';

export const SENT_AGAIN = 'published again by the next sweep, after live events';
export const DUE_NOW = 'not delivered yet, and due now: published by the next sweep';

/** More events than a booking ever has. */
const EVENTS_MAX = 10_000;

export type Named = Exclude<Replay, { kind: 'range' }>;

/** Of an argument: the id of an event, of a payment or of a refund. */
export function readEventSource(text: string): Named {
  if (/^evt_\w+$/.test(text)) return { kind: 'event', eventId: text };
  if (isIdentifier(text, 'TXN-')) return { kind: 'payment', transactionId: text };
  if (isIdentifier(text, 'REF-')) return { kind: 'refund', refundId: text };
  throw invalidId(text, 'the id of an event (evt_…), of a payment (TXN-…) or of a refund (REF-…)');
}

interface Place {
  db: Databases[number];
  named: Named;
  found: FoundEvent[];
}

/** @throws Error where one of them has no event; then none is published */
export async function publishAgain(databases: Databases, all: readonly Named[], json: boolean): Promise<void> {
  const places = (await Promise.all(all.map((named) => findPlaces(databases, named)))).flat();
  const nowMs = Date.now();
  for (const { db, named, found } of places) await replayFound(db, named, found, nowMs);
  // Two of the ids can name one event.
  const events = [...new Map(places.flatMap(({ found }) => found).map((event) => [event.eventId, event])).values()];
  const again = events.filter(({ deliveredAtMs }) => deliveredAtMs !== null);
  const due = events.length - again.length;
  if (json) return printJson({ replayed: again.length, due_now: due, events: events.map(forPrograms) });
  printTable(
    ['EVENT', 'TYPE', 'CREATED', 'STATE'],
    events.map(({ eventId, eventType, createdAtMs, deliveredAtMs }) => [
      ...[eventId, eventType, isoSeconds(createdAtMs)],
      deliveredAtMs === null ? 'due' : 'again',
    ]),
  );
  if (again.length > 0) console.log(`${counted(again.length, 'event')}: ${SENT_AGAIN}`);
  if (due > 0) console.log(`${counted(due, 'event')}: ${DUE_NOW}`);
}

async function findPlaces(databases: Databases, named: Named): Promise<Place[]> {
  const places = await Promise.all(
    (await databasesOf(databases, named)).map(async (db) => ({
      db,
      named,
      found: await findReplayed(db, named, EVENTS_MAX),
    })),
  );
  const withEvents = places.filter(({ found }) => found.length > 0);
  if (withEvents.length === 0) throw new Error(nothingOf(named));
  return withEvents;
}

/** The id of an event does not say where it is. */
async function databasesOf(databases: Databases, named: Named): Promise<readonly Databases[number][]> {
  switch (named.kind) {
    case 'event':
      return databases;
    case 'payment':
      return [databaseOfId(databases, named.transactionId)];
    case 'refund':
      return [databaseOfId(databases, named.refundId)];
    case 'booking':
      return [await databaseOfBooking(databases, named.tenant, named.bookingId)];
  }
}

const NO_EVENT_YET = 'it is not there, has not ended, or its events have left the database (`payctl archive list`)';

function nothingOf(named: Named): string {
  switch (named.kind) {
    case 'event':
      return `There is no event ${named.eventId}`;
    case 'payment':
      return `There is no event of ${named.transactionId}: ${NO_EVENT_YET}`;
    case 'refund':
      return `There is no event of ${named.refundId}: ${NO_EVENT_YET}, or it is the refund of a late charge, which has none`;
    case 'booking':
      return `There is no event of the booking ${named.bookingId} of the tenant ${named.tenant}: ${NO_EVENT_YET}`;
  }
}

function forPrograms({ eventId, eventType, createdAtMs, deliveredAtMs }: FoundEvent) {
  return {
    event_id: eventId,
    event_type: eventType,
    created_at: isoSeconds(createdAtMs),
    state: deliveredAtMs === null ? 'due_now' : 'replayed',
  };
}

/** Publishes events again that are named by an event, a payment, a refund or a booking: for `payctl resend` and `payctl events replay`. */
import { isoSeconds } from '../core/domain/timestamp.ts';
import { isIdentifier } from '../core/domain/transaction.ts';
import { isPaidByArchived, mayHaveLeft } from '../core/ledger/archive/archive-transactions.ts';
import { archivedRangesAfter } from '../core/ledger/archive/archived-ranges.ts';
import { findPayment, findRefundWithPayment } from '../core/ledger/by-hand/find-by-id.ts';
import type { Database } from '../core/ledger/database.ts';
import { type FoundEvent, findReplayed, type Replay, replayFound } from '../core/ledger/outbox/replay-events.ts';
import { statusesOfBooking } from '../core/ledger/payments/find-payment.ts';
import { invalidId } from './arguments.ts';
import { type Databases, databaseOfBooking, databaseOfId } from './ledger-access.ts';
import { counted, printJson, printTable } from './output.ts';

export const SENT_AGAIN = 'published again by the next sweep, after live events';
export const DUE_NOW = 'not delivered yet, and due now: published by the next sweep';

/** More events than a booking ever has. */
const EVENTS_MAX = 10_000;

export type Named = Exclude<Replay, { kind: 'range' | 'events' }>;

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
  if (withEvents.length === 0) throw new Error(await whyNoEvents(databases, named));
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

/** Which of the possible causes it is, and what to do. */
async function whyNoEvents(databases: Databases, named: Named): Promise<string> {
  switch (named.kind) {
    case 'event': {
      const hint = (await anyLeft(databases)) ? `. It may have left the database: ${HOW_TO_RESTORE}` : '';
      return `There is no event ${named.eventId}${hint}`;
    }
    case 'payment': {
      const { transactionId } = named;
      const db = databaseOfId(databases, transactionId);
      const payment = await findPayment(db, transactionId);
      if (payment === null) return notThere(db, `payment ${transactionId}`, transactionId);
      return payment.transaction.status === 'pending' ? notYet(transactionId) : eventsLeft(db, transactionId);
    }
    case 'refund': {
      const { refundId } = named;
      const db = databaseOfId(databases, refundId);
      const found = await findRefundWithPayment(db, refundId);
      if (found === null) return notThere(db, `refund ${refundId}`, refundId);
      if (found.refund.status === 'failed')
        return `${refundId} has no event: it has failed, and only paid refunds have one`;
      return found.refund.status === 'pending' ? notYet(refundId) : eventsLeft(db, refundId);
    }
    case 'booking': {
      const { tenant, bookingId } = named;
      const [name, db] = [`the booking ${bookingId}`, await databaseOfBooking(databases, tenant, bookingId)];
      const statuses = await statusesOfBooking(db, tenant, bookingId);
      if (statuses.length > 0) return statuses.includes('pending') ? notYet(name) : eventsLeft(db, name);
      if (await isPaidByArchived(db, tenant, bookingId))
        return `The payment of ${name} is in the archive: ${HOW_TO_RESTORE}`;
      return `The tenant ${tenant} has no payment of ${name}`;
    }
  }
}

const HOW_TO_RESTORE =
  '`payctl archive list` lists the objects of the archive, and `payctl archive restore` brings one back';

async function anyLeft(databases: readonly Database[]): Promise<boolean> {
  const ranges = await Promise.all(databases.map((db) => archivedRangesAfter(db, 'events', 0, 1)));
  return ranges.flat().length > 0;
}

async function notThere(db: Database, name: string, id: string): Promise<string> {
  return (await mayHaveLeft(db, id))
    ? `The ${name} is not in the database. Payments of its time are in the archive: ${HOW_TO_RESTORE}`
    : `There is no ${name}`;
}

function notYet(name: string): string {
  return `${name[0]?.toUpperCase()}${name.slice(1)} has no event yet: it is pending, and its event is published when it ends`;
}

/** Without an archive, delivered events are deleted. */
async function eventsLeft(db: Database, name: string): Promise<string> {
  return (await anyLeft([db]))
    ? `The events of ${name} have left the database for the archive: ${HOW_TO_RESTORE}`
    : `The events of ${name} were delivered and then deleted, because there is no archive: they cannot be published again`;
}

function forPrograms({ eventId, eventType, createdAtMs, deliveredAtMs }: FoundEvent) {
  return {
    event_id: eventId,
    event_type: eventType,
    created_at: isoSeconds(createdAtMs),
    state: deliveredAtMs === null ? 'due_now' : 'replayed',
  };
}

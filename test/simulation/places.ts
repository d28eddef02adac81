/** Which database everything about a booking is in, by other code than the service's own. */
import { createHash } from 'node:crypto';
import { auditLogOf } from './audit-log.ts';
import { readDatabase } from './read-ledger.ts';
import type { World, WorldDatabase } from './world.ts';

/** The organisation of all payments in a history. */
export const TENANT = 'default';

/** The place of a booking. It must never change, whatever version runs: another one would pay the booking again in another database. */
export function databaseOfBooking(bookingId: string, databases: number): number {
  if (databases === 1) return 0;
  return createHash('sha256').update(`["${TENANT}","${bookingId}"]`).digest().readUInt32BE() % databases;
}

/** Each payment, and all that is about it, is where its booking has its place, and where its id says. */
export function checkPlaces(world: World): void {
  const databaseOf = new Map<string, number>();
  for (const database of world.databases) {
    for (const [booking, wrong] of misplacedIn(world, database)) {
      if (wrong !== null) world.violations.push(`place: ${wrong}`);
      const other = databaseOf.get(booking) ?? database.shard;
      if (other !== database.shard)
        world.violations.push(`place: ${booking} is in the databases ${other} and ${database.shard}`);
      databaseOf.set(booking, other);
    }
    checkNames(world, database);
  }
}

/** The bookings of a database, each with what is wrong with its place. */
function* misplacedIn(
  { databases }: World,
  database: WorldDatabase,
): Generator<[booking: string, wrong: string | null]> {
  const { transactions, refunds, events } = readDatabase(database);
  const bookings = [
    ...[...transactions].map(([id, row]) => [id, row.booking_id] as const),
    ...events.map((event) => [event.event_id, event.booking_id] as const),
    ...[...refunds].map(([id, row]) => [id, transactions.get(String(row.transaction_id))?.booking_id] as const),
  ];
  for (const [id, bookingId] of bookings) {
    const booking = String(bookingId);
    const place = databaseOfBooking(booking, databases.length);
    yield [
      booking,
      place === database.shard ? null : `${id} of ${booking} is in database ${database.shard}, not ${place}`,
    ];
  }
}

/** Where the place of an order is, it has the id of a payment, wherever that is. */
const OF_ALL = 'claimed_orders';

/** The id of a payment or refund ends with the number of its database, where there are several; and so do names of objects. */
function checkNames(world: World, database: WorldDatabase): void {
  const { databases, violations } = world;
  const { shard, sqlite } = database;
  const columns = sqlite
    .prepare(`SELECT t.name AS "table", c.name AS "column" FROM sqlite_schema t, pragma_table_info(t.name) c
      WHERE t.type = 'table' AND t.name <> '${OF_ALL}' AND c.name IN ('transaction_id', 'refund_id', 'claimed_id')`)
    .all();
  const ids = [
    ...columns.flatMap(({ table, column }) =>
      sqlite
        .prepare(`SELECT DISTINCT "${column}" AS id FROM "${table}"`)
        .all()
        .map(({ id }) => String(id)),
    ),
    ...auditLogOf(world, database).map(({ subject }) => String(subject)),
  ];
  const ending = databases.length === 1 ? '' : `-${shard}`;
  const right = new RegExp(`^(TXN|REF)-[0-9A-Z]{26}${ending}$`);
  for (const id of new Set(ids)) {
    if (/^(TXN|REF)-/.test(id) && !right.test(id)) violations.push(`place: database ${shard} has something of ${id}`);
  }
  for (const { object } of sqlite.prepare('SELECT object FROM archived_ranges').all()) {
    if (String(object).split('/')[1] !== String(shard))
      violations.push(`place: what database ${shard} has archived is named ${object}`);
  }
}

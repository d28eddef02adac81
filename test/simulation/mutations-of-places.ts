/** Defects of an installation with several databases: of what is done in which of them. */
import type { Mutation } from './mutate.ts';

const DATABASE = 'src/core/ledger/database.ts';
const SHARDS = 'src/core/shards.ts';
const CONSUMER = 'src/core/background/consume-queue.ts';
const MIGRATION = 'migrations/0018_more_databases.sql';

const defect = (one: Mutation): Mutation => ({ shards: 3, ...one });

export const MUTATIONS_OF_PLACES: readonly Mutation[] = [
  defect({
    name: 'a database is not asked for its place',
    breaks: 'place',
    edits: [{ file: DATABASE, find: '...(isInPlace ? [] : [presentPlace(d1, place)]), ', replace: '' }],
  }),
  defect({
    name: 'a database takes any place that is presented',
    breaks: 'place',
    edits: [
      {
        file: MIGRATION,
        find: `WHEN NOT EXISTS (SELECT 1 FROM database_place WHERE shard = NEW.shard AND shards = NEW.shards)`,
        replace: 'WHEN 1 = 2',
      },
    ],
  }),
  defect({
    name: 'a database is asked only whether it has a place',
    breaks: 'place',
    edits: [
      {
        file: MIGRATION,
        find: `WHEN NOT EXISTS (SELECT 1 FROM database_place WHERE shard = NEW.shard AND shards = NEW.shards)`,
        replace: 'WHEN NOT EXISTS (SELECT 1 FROM database_place)',
      },
    ],
  }),
  defect({
    name: 'a database is asked which it is, and not of how many',
    breaks: 'place',
    edits: [{ file: MIGRATION, find: `shard = NEW.shard AND shards = NEW.shards`, replace: 'shard = NEW.shard' }],
  }),
  defect({
    name: 'a status is read from a replica whose place nobody has checked',
    breaks: 'place: status',
    edits: [{ file: DATABASE, find: 'replica === undefined || !isInPlace || ', replace: 'replica === undefined || ' }],
  }),
  defect({
    name: 'the place of a booking is found without its organisation',
    breaks: 'place',
    edits: [{ file: SHARDS, find: 'shardOf([tenant, bookingId], count)', replace: 'shardOf([bookingId], count)' }],
  }),
  defect({
    name: 'each payment of a booking has a place of its own',
    breaks: 'invariant 1',
    edits: [
      {
        file: SHARDS,
        find: 'return shards.at(await shardOfBooking(tenant, bookingId, shards.count));',
        replace: 'return shards.at(Math.floor(Math.random() * shards.count));',
      },
    ],
  }),
  defect({
    name: 'an id names a database, and nobody looks at that',
    breaks: 'archive',
    edits: [{ file: SHARDS, find: 'return shard < count ? shard : 0;', replace: 'return shard < 0 ? shard : 0;' }],
  }),
  defect({
    name: 'an id names another database than it is in',
    breaks: 'place',
    edits: [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code
      { file: SHARDS, find: '`-${shard}`', replace: '`-${(shard + 1) % count}`' },
      {
        file: MIGRATION,
        find: 'WHERE shards > 1 AND substr(NEW.transaction_id',
        replace: 'WHERE shards > 99 AND substr(NEW.transaction_id',
      },
    ],
  }),
  defect({
    name: 'what is to be looked up is looked for in the first database',
    breaks: 'queue',
    edits: [
      {
        file: CONSUMER,
        find: 'const context = contextOfId(shards, id);',
        replace: 'const context = contextOfId(shards, id) && shards.at(0);',
      },
    ],
  }),
  defect({
    name: 'events are delivered from the first database only',
    breaks: 'queue',
    edits: [
      { file: CONSUMER, find: 'const context = shards.at(shard);', replace: 'const context = shards.at(shard * 0);' },
    ],
  }),
  defect({
    name: "an event's message does not name its database",
    breaks: 'queue',
    edits: [
      { file: 'src/core/outbox/send.ts', find: '...(shard > 0 && { shard })', replace: '...(shard < 0 && { shard })' },
    ],
  }),
  defect({
    name: 'a message for a database that a Worker does not have ends its batch',
    breaks: 'bug',
    edits: [{ file: CONSUMER, find: '(body.shard ?? 0) >= shards.count', replace: '(body.shard ?? 0) < 0' }],
  }),
  defect({
    name: 'refunds that were made by hand are looked for in the first database',
    breaks: 'invariant 2',
    edits: [
      {
        file: 'src/core/recovery/handle-webhook.ts',
        find: 'const context = contextOfId(shards, transactionId);\n  const { db, shard } = context;',
        replace: 'const context = shards.at(0);\n  const { db, shard } = context;',
      },
    ],
  }),
  defect({
    name: 'the cron wakes the jobs of the first database only',
    breaks: 'audit',
    edits: [
      {
        file: 'src/core/background/every-minute.ts',
        find: 'forEachDatabase(allContexts(shards), ',
        replace: 'forEachDatabase(allContexts(shards).slice(0, 1), ',
      },
    ],
  }),
  defect({
    name: 'without a queue, the cron works for the first databases as long as they have anything due',
    shards: 8,
    breaks: 'backlog',
    edits: [
      {
        file: 'src/core/background/every-minute.ts',
        find: 'inTurn(byShard, 1, nowMs)',
        replace: 'byShard',
      },
    ],
  }),
  defect({
    name: 'a wake-up does not name its database',
    breaks: 'audit',
    edits: [
      {
        file: 'src/core/background/jobs.ts',
        find: 'return shard > 0 ? { shard } : {};',
        replace: 'return shard < 0 ? { shard } : {};',
      },
    ],
  }),
  defect({
    name: 'objects of the archive are named as if there were one database',
    breaks: 'place',
    edits: [{ file: 'src/core/background/archive.ts', find: 'objectName(shard, ', replace: 'objectName(shard * 0, ' }],
  }),
  defect({
    name: 'only the first database is reconciled',
    breaks: 'reconciliation',
    edits: [
      {
        file: 'src/core/recovery/reconcile.ts',
        find: '{ db, shard } of allContexts(shards)) {',
        replace: '{ db, shard } of allContexts(shards).slice(0, 1)) {',
      },
    ],
  }),
  defect({
    name: 'an invocation may send to each database as many statements as D1 allows it over all',
    breaks: 'statements',
    edits: [
      {
        file: 'test/simulation/world.ts',
        find: '{ process, isolate, budget, patience, log }, database, shards)',
        replace: '{ process, isolate, budget: { ...budget }, patience, log }, database, shards)',
      },
    ],
  }),
];

/** `payctl archive`: what has left the database, and where it is. */
import { Argument, type Command, Option } from 'commander';
import { decodeTime } from 'ulid';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import { isIdentifier } from '../../core/domain/transaction.ts';
import type { ArchivedKind, ArchivedRange } from '../../core/ledger/archive/archive-bucket.ts';
import { archivedRangesAfter } from '../../core/ledger/archive/archived-ranges.ts';
import type { Database } from '../../core/ledger/database.ts';
import { CLOCK_SLACK_MS } from '../../core/ledger/id-range.ts';
import { shardOfId } from '../../core/shards.ts';
import { documented, readWholeNumber } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import {
  addJsonOption,
  addPlaceOptions,
  DONE_OR_FAILED,
  databaseNumbered,
  type PlaceOptions,
  placeOf,
  readDatabaseNumber,
} from '../arguments.ts';
import { withLedger } from '../ledger-access.ts';
import { printJson } from '../output.ts';
import { readArchived } from '../read-archived.ts';
import { restoreArchived } from '../restore-archived.ts';

const KINDS: readonly ArchivedKind[] = ['audit', 'events', 'transactions'];
const RANGES_PER_STEP = 500;
const DAY_MS = 24 * 60 * 60_000;
/** Behind it, an id may have the number of its database. */
const ULID_LENGTH = 26;

export function addArchive(program: Command): void {
  const archive = program
    .command('archive')
    .description('Lists, prints and restores what has left the database for the archive.');
  addList(archive);
  addPrint(archive);
  addRestore(archive);
  documented(archive, {
    examples: [
      ['archive list --remote', 'every object, with its range'],
      ['archive print audit 1', 'the entries of the object that contains entry 1'],
      ['archive restore --help', 'how to restore an object'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function addList(archive: Command): void {
  const command = archive
    .command('list')
    .description('Lists the objects of the archive, as the database has recorded them.')
    .addOption(new Option('--kind <kind>', 'only these').choices(KINDS))
    .action(async (options: PlaceOptions & { kind?: ArchivedKind; json?: true }) =>
      withLedger(placeOf(options, command), async ({ databases }) => {
        const kinds = options.kind === undefined ? KINDS : [options.kind];
        const lists = databases.flatMap((db) => kinds.map((kind) => allRanges(db, kind)));
        const ranges = (await Promise.all(lists)).flat();
        if (options.json) return printJson(ranges.map(forPrograms));
        if (ranges.length === 0) console.log('Nothing has left the database for the archive');
        for (const range of ranges) console.log(forPeople(range));
      }),
    );
  addPlaceOptions(addJsonOption(command));
  documented(command, { examples: [['archive list --kind audit', 'of the audit log']], exitCodes: DONE_OR_FAILED });
}

function addPrint(archive: Command): void {
  const command = archive
    .command('print')
    .description(
      'Prints the object that contains an entry, an event or a transaction, as JSON lines, and checks that it has not been altered.',
    )
    .addArgument(new Argument('<kind>', 'what it is').choices(KINDS))
    .argument('<which>', 'the number of the entry or event, or the id of the transaction')
    .option('--database <number>', 'which database has the entry or event, if there are several', readDatabaseNumber)
    .action(async (kind: ArchivedKind, which: string, options: PlaceOptions & { database?: number }) => {
      const number = numberOf(kind, which, command);
      await withLedger(placeOf(options, command), async ({ databases, archive }) => {
        const named = kind === 'transactions' ? shardOfId(which, databases.length) : undefined;
        const db = databaseNumbered(databases, options.database ?? named);
        const ranges = (await allRanges(db, kind)).filter((range) => mayHave(range, number));
        // A range may leave out what waited, and left by itself.
        for (const range of ranges) {
          const lines = await readArchived(archive, range);
          if (!lines.some((line) => isOf(line, kind, which))) continue;
          for (const line of lines) console.log(line);
          return;
        }
        throw new Error(`${which} of ${kind} is not in the archive: \`payctl archive list\` shows what is`);
      });
    });
  addPlaceOptions(addJsonOption(command, 'has no effect: the output is JSON in any case'));
  documented(command, {
    examples: [
      ['archive print events 42 --remote > events.jsonl', 'the events around number 42'],
      ['archive print transactions TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', 'a transaction, and those around it'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

/** The number by which ranges have it: of a transaction, the millisecond in its id. */
function numberOf(kind: ArchivedKind, which: string, command: Command): number {
  if (kind !== 'transactions')
    return /^\d+$/.test(which) ? Number(which) : command.error(`error: ${which} is not a number`);
  if (!isIdentifier(which, 'TXN-')) return command.error(`error: ${which} is not the id of a transaction`);
  return decodeTime(which.slice('TXN-'.length, 'TXN-'.length + ULID_LENGTH));
}

function mayHave({ kind, firstSequence, lastSequence }: ArchivedRange, number: number): boolean {
  const slack = kind === 'transactions' ? CLOCK_SLACK_MS : 0;
  return firstSequence - slack <= number && number <= lastSequence + slack;
}

function isOf(line: string, kind: ArchivedKind, which: string): boolean {
  const parsed = JSON.parse(line);
  return kind === 'transactions' ? parsed.transaction.transaction_id === which : String(parsed.sequence) === which;
}

/** So long operators have for what they restored it for. */
const RESTORED_FOR_DAYS = 7;

function addRestore(archive: Command): void {
  const command = archive
    .command('restore')
    .description(
      'Restores an object into the database, if it has not been altered. Events and transactions stay for some days, during which none leaves; the audit log stays for good. Recorded in the audit log, and safe to repeat.',
    )
    .argument('<object>', 'its name, as `archive list` prints it')
    .option('--days <days>', 'how long events and transactions stay', readWholeNumber, RESTORED_FOR_DAYS)
    .action(async (object: string, options: PlaceOptions & { days: number; json?: true }) =>
      withLedger(placeOf(options, command), async ({ databases, archive }) => {
        const [kind, shard] = object.split('/');
        const db = databases[Number(shard)];
        if (db === undefined)
          throw new Error(`There is no database for ${object}: \`payctl archive list\` shows the names of the objects`);
        const ranges = KINDS.some((one) => one === kind) ? await allRanges(db, kind as ArchivedKind) : [];
        const range = ranges.find((one) => one.object === object);
        if (range === undefined)
          throw new Error(`${object} is not in the archive: \`payctl archive list\` shows what is`);
        const nowMs = Date.now();
        const waitsUntilMs = nowMs + options.days * DAY_MS;
        await withProgress('Restoring', () => restoreArchived(db, archive, range, { nowMs, waitsUntilMs }));
        if (options.json) return printJson({ ...forPrograms(range), stays_until: isoSeconds(waitsUntilMs) });
        const until =
          range.kind === 'audit' ? '' : `; no event and no transaction leaves before ${isoSeconds(waitsUntilMs)}`;
        console.log(`Restored ${object}${until}`);
      }),
    );
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['archive restore audit/0/000000000001-000000020000-0f3a9c51.jsonl.gz --remote', 'entries of the audit log'],
      [
        'archive restore transactions/0/1729850000000-1729850300000-5be1d0a7.jsonl.gz --days 30',
        'transactions, for a month',
      ],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

const NOUNS: Readonly<Record<ArchivedKind, string>> = {
  audit: 'entries',
  events: 'events',
  transactions: 'transactions',
};

async function allRanges(db: Database, kind: ArchivedKind): Promise<ArchivedRange[]> {
  const all: ArchivedRange[] = [];
  for (let after = 0; ; ) {
    const page = await archivedRangesAfter(db, kind, after, RANGES_PER_STEP);
    all.push(...page);
    if (page.length < RANGES_PER_STEP) return all;
    after = page.at(-1)?.firstSequence ?? after;
  }
}

function forPeople({ kind, firstSequence, lastSequence, entries, object, bytes, archivedAtMs }: ArchivedRange): string {
  const [first, last] = [firstSequence, lastSequence].map((at) => (kind === 'transactions' ? isoSeconds(at) : at));
  return `${object}  ${entries} ${NOUNS[kind]}, ${first} to ${last}, ${bytes} bytes, archived ${isoSeconds(archivedAtMs)}`;
}

function forPrograms(range: ArchivedRange) {
  const { kind, firstSequence, lastSequence, entries, object, bytes, sha256, lastHash, archivedAtMs } = range;
  return {
    ...{ kind, first_sequence: firstSequence, last_sequence: lastSequence, entries, object, bytes, sha256 },
    ...{ last_hash: lastHash, archived_at: isoSeconds(archivedAtMs) },
  };
}

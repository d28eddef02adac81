/** `payctl archive`: what has left the database, and where it is. */
import { Argument, type Command, Option } from 'commander';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import type { ArchivedKind, ArchivedRange } from '../../core/ledger/archive/archive-bucket.ts';
import { archivedRangesAfter } from '../../core/ledger/archive/archived-ranges.ts';
import type { Database } from '../../core/ledger/database.ts';
import { documented, readWholeNumber } from '../../local/command.ts';
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

const KINDS: readonly ArchivedKind[] = ['audit', 'events'];
const RANGES_PER_STEP = 500;

export function addArchive(program: Command): void {
  const archive = program
    .command('archive')
    .description('Lists what has left the database for the archive, and prints it.');
  addList(archive);
  addPrint(archive);
  documented(archive, {
    examples: [
      ['archive list --remote', 'every object, with its range'],
      ['archive print audit 1', 'the entries of the object in which entry 1 is'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function addList(archive: Command): void {
  const command = archive
    .command('list')
    .description('Lists the objects of the archive, as the database has written them down.')
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
      'Prints the object in which an entry or an event is, as JSON lines, and checks that it is what was archived.',
    )
    .addArgument(new Argument('<kind>', 'which log').choices(KINDS))
    .argument('<sequence>', 'the number of the entry or event', readWholeNumber)
    .option('--database <number>', 'of which database, where there is more than one', readDatabaseNumber)
    .action(async (kind: ArchivedKind, sequence: number, options: PlaceOptions & { database?: number }) =>
      withLedger(placeOf(options, command), async ({ databases, archive }) => {
        const ranges = (await allRanges(databaseNumbered(databases, options.database), kind)).filter(
          ({ firstSequence, lastSequence }) => firstSequence <= sequence && sequence <= lastSequence,
        );
        // A range of events may leave out one that waited, and that left by itself.
        for (const range of ranges) {
          const lines = await readArchived(archive, range);
          if (!lines.some((line) => JSON.parse(line).sequence === sequence)) continue;
          for (const line of lines) console.log(line);
          return;
        }
        throw new Error(`Number ${sequence} of ${kind} is not in the archive: archive list shows what is`);
      }),
    );
  addPlaceOptions(addJsonOption(command, 'has no effect: the output is JSON in any case'));
  documented(command, {
    examples: [['archive print events 42 --remote > events.jsonl', 'the events around number 42']],
    exitCodes: DONE_OR_FAILED,
  });
}

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
  const what = kind === 'audit' ? 'entries' : 'events';
  return `${object}  ${entries} ${what}, ${firstSequence} to ${lastSequence}, ${bytes} bytes, archived ${isoSeconds(archivedAtMs)}`;
}

function forPrograms(range: ArchivedRange) {
  const { kind, firstSequence, lastSequence, entries, object, bytes, sha256, lastHash, archivedAtMs } = range;
  return {
    ...{ kind, first_sequence: firstSequence, last_sequence: lastSequence, entries, object, bytes, sha256 },
    ...{ last_hash: lastHash, archived_at: isoSeconds(archivedAtMs) },
  };
}

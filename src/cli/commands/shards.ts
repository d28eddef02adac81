/** `payctl shards`: each database of the installation, whether it is in its place, and how full and how busy it is. It only reads. */
import type { Command } from 'commander';
import { isoSeconds, timeOrNull } from '../../core/domain/timestamp.ts';
import type { Database } from '../../core/ledger/database.ts';
import { type Place, readPlace } from '../../core/ledger/database-place.ts';
import { type DatabaseState, readDatabaseState } from '../../core/ledger/database-state.ts';
import { readDatabaseMaxBytes } from '../../core/settings/settings.ts';
import { documented, EXIT_FAILED } from '../../local/command.ts';
import { addJsonOption, addPlaceOptions, type LedgerPlace, type PlaceOptions, placeOf } from '../arguments.ts';
import { isInPlace, ledgerProblem, withAnyLedger } from '../ledger-access.ts';
import { ageOf, printJson, printTable } from '../output.ts';

const PAYMENTS_MINUTES = 10;
/** As many rows of a kind are counted as 500 payments a second leave in ten minutes. */
const COUNTED_ROWS = 300_000;
const EXIT_MISPLACED = 1;

/** What was read of a database, or why it was not. */
type Read = { place: Place | null; state: DatabaseState } | { problem: string };

interface Found {
  number: number;
  name: string;
  read: Read;
}

export function addShards(program: Command): void {
  const command = program
    .command('shards')
    .summary('Shows each database: its place, how full and how busy it is.')
    .description(
      'Shows each database that wrangler.toml binds as DB, DB_1, …: whether it is the one that the installation was first deployed with in this place, how full it is, and how much it does. Changes nothing.',
    )
    .action(async (options: PlaceOptions & { json?: true }) => {
      const place = placeOf(options, command);
      await withAnyLedger(place, async ({ databases, databaseNames, variables }) => {
        const maxBytes = readDatabaseMaxBytes(variables);
        const nowMs = Date.now();
        const reads = await Promise.all(databases.map((db) => read(db, place, nowMs)));
        const found = reads.map((read, number) => ({ number, name: databaseNames[number] ?? '', read }));
        if (options.json) printJson(found.map((one) => forPrograms(one, databases.length, maxBytes, nowMs)));
        else print(found, maxBytes, nowMs);
        process.exitCode = exitCodeOf(found);
        if (process.exitCode === EXIT_MISPLACED) console.error(whatToDo(found, place));
      });
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['shards', 'of the local installation'],
      ['shards --remote --json', 'of the one on Cloudflare, as JSON'],
    ],
    exitCodes: [
      [0, 'each database is in its place'],
      [EXIT_MISPLACED, 'a database is in the place of another one, or has none yet'],
      [EXIT_FAILED, 'a database was not read, or an argument was refused'],
    ],
  });
}

async function read(db: Database, ledgerPlace: LedgerPlace, nowMs: number): Promise<Read> {
  try {
    const during = { fromMs: nowMs - PAYMENTS_MINUTES * 60_000, toMs: nowMs };
    const [place, state] = await Promise.all([readPlace(db), readDatabaseState(db, during, COUNTED_ROWS)]);
    return { place, state };
  } catch (error) {
    const problem = ledgerProblem(error, ledgerPlace);
    return { problem: problem instanceof Error ? problem.message : String(problem) };
  }
}

function exitCodeOf(found: readonly Found[]): number {
  if (found.some(({ read }) => 'problem' in read)) return EXIT_FAILED;
  const isMisplaced = ({ number, read }: Found) => 'place' in read && !isInPlace(read.place, number, found.length);
  return found.some(isMisplaced) ? EXIT_MISPLACED : 0;
}

function whatToDo(found: readonly Found[], { remote }: LedgerPlace): string {
  const isNew = found.some(({ read }) => 'place' in read && read.place === null);
  const command = remote ? '`npm run deploy`' : '`npm run setup`';
  return isNew
    ? `${command} gives new databases their place, or says why not`
    : 'Bind each database under its number, DB, DB_1, …, in wrangler.toml, and as many as there are';
}

function print(found: readonly Found[], maxBytes: number, nowMs: number): void {
  printTable(
    [
      'NUMBER',
      'NAME',
      'PLACE',
      'SIZE',
      `PAYMENTS IN ${PAYMENTS_MINUTES} MIN`,
      'PENDING',
      'EVENTS',
      'UNSEALED',
      'OLDEST DATA',
    ],
    found.map(({ number, name, read }) => {
      if ('problem' in read) return [String(number), name, `not read: ${read.problem}`, '', '', '', '', '', ''];
      const { bytes, payments, pending, oldestPendingMs, waitingEvents, unsealedEntries, oldestMs } = read.state;
      return [
        String(number),
        name,
        shownPlace(read.place, number, found.length),
        bytes === null ? 'unknown' : `${shownSize(bytes)}, ${percentOf(bytes, maxBytes)} %`,
        `${counted(payments)}, ${perSecond(payments)}/s`,
        oldestPendingMs === null ? '0' : `${counted(pending)}, oldest ${ageOf(nowMs - oldestPendingMs)}`,
        counted(waitingEvents),
        counted(unsealedEntries),
        oldestMs === null ? 'none' : isoSeconds(oldestMs),
      ];
    }),
  );
}

function forPrograms({ number, name, read }: Found, databases: number, maxBytes: number, nowMs: number) {
  if ('problem' in read) return { number, name, problem: read.problem };
  const { place, state } = read;
  const { bytes, payments, pending, oldestPendingMs, waitingEvents, unsealedEntries, oldestMs } = state;
  return {
    ...{ number, name, in_place: isInPlace(place, number, databases) },
    place: place && { number: place.shard, of: place.shards },
    ...{ bytes, percent_full: bytes === null ? null : percentOf(bytes, maxBytes) },
    ...{ payments, payments_per_second: perSecond(payments), pending },
    oldest_pending_seconds: oldestPendingMs === null ? null : Math.floor((nowMs - oldestPendingMs) / 1000),
    ...{ waiting_events: waitingEvents, unsealed_entries: unsealedEntries },
    oldest_data: timeOrNull(oldestMs),
  };
}

function shownPlace(place: Place | null, number: number, databases: number): string {
  if (place === null) return databases === 1 ? 'none yet' : 'NONE YET';
  const is = `${place.shard} of ${place.shards}`;
  return isInPlace(place, number, databases) ? is : `WRONG: is ${is}`;
}

function counted(rows: number): string {
  return rows < COUNTED_ROWS ? String(rows) : `${COUNTED_ROWS} or more`;
}

/** On average over the minutes that were counted. */
function perSecond(payments: number): number {
  return Number((payments / (PAYMENTS_MINUTES * 60)).toFixed(1));
}

function percentOf(bytes: number, maxBytes: number): number {
  return Number(((bytes / maxBytes) * 100).toFixed(1));
}

function shownSize(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

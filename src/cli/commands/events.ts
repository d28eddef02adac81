/** `payctl events`: which events wait for delivery, and how to publish delivered ones again. */
import { type Command, Option } from 'commander';
import { EVENT_TYPES, type EventType } from '../../contract/events.ts';
import { isoSeconds } from '../../core/domain/timestamp.ts';
import { type EventsStatus, eventsStatus, type WaitingEvent } from '../../core/ledger/outbox/events-status.ts';
import { replayEvents } from '../../core/ledger/outbox/replay-events.ts';
import { documented } from '../../local/command.ts';
import { withProgress } from '../../local/progress.ts';
import {
  addJsonOption,
  addPlaceOptions,
  DONE_OR_FAILED,
  type PlaceOptions,
  placeOf,
  readTimeMs,
  refuseEmptyRange,
} from '../arguments.ts';
import { type Databases, withLedger } from '../ledger-access.ts';
import { ageOf, counted, printFacts, printJson } from '../output.ts';
import { DUE_NOW, type Named, publishAgain, readEventSource, SENT_AGAIN } from '../publish-again.ts';

const EVENTS_PER_STEP = 500;

interface Options extends PlaceOptions {
  json?: true;
}
interface ReplayOptions extends Options {
  /** Times in milliseconds. */
  from?: number;
  to?: number;
  type?: EventType;
}
interface Range {
  fromMs: number;
  toMs: number;
  eventType: EventType | null;
}

export function addEvents(program: Command): void {
  const events = program.command('events').description('Shows events that wait for delivery; publishes events again.');
  addStatus(events);
  addReplay(events);
  documented(events, {
    examples: [
      ['events status', 'which events wait'],
      ['events replay --help', 'how to publish events again'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function addStatus(events: Command): void {
  const command = events
    .command('status')
    .description('Shows how many events wait for delivery, the oldest, and the last error.')
    .action(async (options: Options) =>
      withLedger(placeOf(options, command), ({ databases }) => showStatus(databases, options)),
    );
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['events status', 'of the local database'],
      ['events status --remote --json', 'of the one on Cloudflare, as JSON'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function addReplay(events: Command): void {
  const command = events
    .command('replay')
    .description(
      'Publishes delivered events again, with the same event_id and in the order of their booking. An event that still waits becomes due.',
    )
    .argument('[id]', 'of an event, a payment or a refund, as for `payctl resend`', readEventSource)
    .option('--from <time>', 'events since this time, such as 2026-11-22 or 2026-11-22T18:30:00Z', readTimeMs)
    .option('--to <time>', 'events before this time', readTimeMs)
    .addOption(new Option('--type <type>', 'only events of this type').choices(EVENT_TYPES))
    .action(async (named: Named | undefined, options: ReplayOptions) => {
      const replay = readReplay(named, options, command);
      await withLedger(placeOf(options, command), ({ databases }) => replay(databases));
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['events replay evt_01M84N7ZP0Q5V5V0C0N7T3W5XG', 'one event'],
      ['events replay --from 2026-11-22T10:00Z --to 2026-11-22T11:00Z', 'those of an hour'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

function readReplay(
  named: Named | undefined,
  { from, to, type, json }: ReplayOptions,
  command: Command,
): (databases: Databases) => Promise<void> {
  if (named !== undefined) {
    if (from !== undefined || to !== undefined || type !== undefined) {
      command.error('error: replay takes an id, or a time range, not both');
    }
    return (databases) => publishAgain(databases, [named], json === true);
  }
  if (from === undefined || to === undefined) command.error('error: replay takes an id, or --from and --to');
  refuseEmptyRange({ from, to }, command);
  return (databases) => replayRange(databases, { fromMs: from, toMs: to, eventType: type ?? null }, json === true);
}

async function replayRange(databases: Databases, range: Range, json: boolean): Promise<void> {
  let replayed = 0;
  let waiting = 0;
  await withProgress('Marking events', async (progress) => {
    for (const db of databases) {
      let afterId: string | null = null;
      do {
        const step = await replayEvents(db, { kind: 'range', ...range, afterId }, EVENTS_PER_STEP, Date.now());
        replayed += step.replayed;
        waiting += step.waiting;
        afterId = step.lastId;
        progress.at(replayed + waiting);
      } while (afterId !== null);
    }
  });
  if (json) return printJson({ replayed, due_now: waiting });
  const which = `${range.eventType ?? 'all types'}, ${isoSeconds(range.fromMs)} to ${isoSeconds(range.toMs)}`;
  if (replayed + waiting === 0) console.log(`No events (${which})`);
  if (replayed > 0) console.log(`${counted(replayed, 'event')} (${which}): ${SENT_AGAIN}`);
  if (waiting > 0) console.log(`${counted(waiting, 'event')} (${which}): ${DUE_NOW}`);
}

async function showStatus(databases: Databases, { json }: Options): Promise<void> {
  const nowMs = Date.now();
  const all = await Promise.all(databases.map((db) => eventsStatus(db, nowMs)));
  const { waiting, leased, replayed, due, oldest, mostFailed } = together(all);
  if (json) {
    return printJson({ waiting, leased, due, replayed, oldest: asJson(oldest), most_failed: asJson(mostFailed) });
  }
  if (oldest === null) return console.log('No events wait for delivery');
  printFacts([
    ['waiting', `${counted(waiting, 'event')}, of which ${leased} are being sent`],
    ['due now', `${due}; the others wait for their next attempt`],
    ['replayed', `${replayed}, sent after live ones`],
    ['oldest', shown(oldest, nowMs)],
    ['most failed', mostFailed === null ? 'none' : `${shown(mostFailed, nowMs)}: ${mostFailed.lastError}`],
  ]);
}

/** Of all databases. */
function together(all: readonly EventsStatus[]): EventsStatus {
  const most = (events: (WaitingEvent | null)[], rank: (event: WaitingEvent) => number) =>
    events.filter((event) => event !== null).toSorted((a, b) => rank(b) - rank(a))[0] ?? null;
  return {
    waiting: sum(all.map((one) => one.waiting)),
    leased: sum(all.map((one) => one.leased)),
    replayed: sum(all.map((one) => one.replayed)),
    due: sum(all.map((one) => one.due)),
    oldest: most(
      all.map((one) => one.oldest),
      ({ createdAtMs }) => -createdAtMs,
    ),
    mostFailed: most(
      all.map((one) => one.mostFailed),
      ({ attempts }) => attempts,
    ),
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function asJson(event: WaitingEvent | null) {
  if (event === null) return null;
  const { eventId, eventType, createdAtMs, attempts, lastError } = event;
  return {
    event_id: eventId,
    event_type: eventType,
    created_at: isoSeconds(createdAtMs),
    attempts,
    last_error: lastError,
  };
}

function shown({ eventId, eventType, createdAtMs, attempts }: WaitingEvent, nowMs: number): string {
  return `${eventId} ${eventType}, since ${isoSeconds(createdAtMs)} (${ageOf(nowMs - createdAtMs)}), ${counted(attempts, 'failed attempt')}`;
}

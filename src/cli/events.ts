/**
 * `npm run events`: what waits to be delivered, and the sending again of what was delivered. Exit code 0: done; 2: it could
 * not be done.
 */
import { EVENT_TYPES, type EventType } from '../contract/events.ts';
import { isoSeconds } from '../core/domain/timestamp.ts';
import type { Database } from '../core/ledger/database.ts';
import { eventsStatus, type WaitingEvent } from '../core/ledger/find-events.ts';
import { replayEvents } from '../core/ledger/replay-events.ts';
import { ledgerProblem, openLedger } from './ledger-access.ts';
import { BadArguments, type OperatorArguments, readArguments, runCommand, timeMs } from './operator-arguments.ts';

const USAGE = `Usage: npm run events -- status
       npm run events -- replay evt_…
       npm run events -- replay --from 2026-11-22 --to 2026-11-23T12:00:00Z [--type payment.success]
each with [--remote | --persist-to DIR]`;
const EVENTS_PER_STEP = 500;
const SENT_AGAIN = 'to be sent again: the sweep does it from the next minute on, behind live events';
const DUE_NOW = 'not delivered yet, and due now: the next sweep sends it';

type Command = (db: Database) => Promise<void>;

process.exitCode = await runCommand(USAGE, async () => {
  const read = readArguments(process.argv.slice(2), ['from', 'to', 'type']);
  const command = commandOf(read);
  const ledger = await openLedger(read.place);
  try {
    await command(ledger.db);
  } catch (error) {
    throw ledgerProblem(error, read.place);
  } finally {
    await ledger.close();
  }
  return 0;
});

function commandOf(read: OperatorArguments): Command {
  const { words, from, to, type } = read;
  const [verb, eventId, ...others] = words;
  const ranged = from !== undefined || to !== undefined || type !== undefined;
  if (others.length > 0) throw new BadArguments(`"${others[0]}" is one argument too many`);
  if (verb === 'status') {
    if (ranged || eventId !== undefined) throw new BadArguments('status takes no event and no time');
    return showStatus;
  }
  if (verb !== 'replay') throw new BadArguments(verb === undefined ? 'status or replay?' : `"${verb}" is no command`);
  if (eventId !== undefined) {
    if (ranged) throw new BadArguments('replay takes an event or a time, not both');
    if (!eventId.startsWith('evt_')) throw new BadArguments(`"${eventId}" is no event: their ids begin with evt_`);
    return (db) => replayOne(db, eventId);
  }
  if (from === undefined || to === undefined) throw new BadArguments('replay takes an event, or --from and --to');
  return replayOfTime(timeMs('from', from), timeMs('to', to), eventTypeOf(type));
}

function eventTypeOf(type: string | undefined): EventType | null {
  if (type === undefined) return null;
  const known = EVENT_TYPES.find((eventType) => eventType === type);
  if (known === undefined) throw new BadArguments(`--type must be one of ${EVENT_TYPES.join(', ')}, and is "${type}"`);
  return known;
}

function replayOfTime(fromMs: number, toMs: number, eventType: EventType | null): Command {
  if (fromMs >= toMs) throw new BadArguments('--from must be before --to');
  return async (db) => {
    let replayed = 0;
    let waiting = 0;
    let afterId: string | null = null;
    do {
      const step = await replayEvents(db, { fromMs, toMs, eventType, afterId }, EVENTS_PER_STEP, Date.now());
      replayed += step.replayed;
      waiting += step.waiting;
      afterId = step.lastId;
    } while (afterId !== null);
    const which = `${eventType ?? 'all types'}, ${isoSeconds(fromMs)} to ${isoSeconds(toMs)}`;
    if (replayed + waiting === 0) console.log(`No events (${which})`);
    if (replayed > 0) console.log(`${countOf(replayed)} (${which}) ${SENT_AGAIN}`);
    if (waiting > 0) console.log(`${countOf(waiting)} (${which}) ${DUE_NOW}`);
  };
}

async function replayOne(db: Database, eventId: string): Promise<void> {
  const { replayed, waiting } = await replayEvents(db, { eventId }, 1, Date.now());
  if (replayed > 0) console.log(`${eventId} ${SENT_AGAIN}`);
  else if (waiting > 0) console.log(`${eventId} ${DUE_NOW}`);
  else throw new Error(`There is no event ${eventId}`);
}

async function showStatus(db: Database): Promise<void> {
  const nowMs = Date.now();
  const { waiting, leased, replayed, due, oldest, mostFailed } = await eventsStatus(db, nowMs);
  if (oldest === null) {
    console.log('No event waits');
    return;
  }
  console.log(`waiting      ${countOf(waiting)}, of which ${leased} are being sent
due now      ${due}; the others are put off
replayed     ${replayed}, sent behind live ones
oldest       ${shown(oldest, nowMs)}
most failed  ${mostFailed === null ? 'none' : `${shown(mostFailed, nowMs)}: ${mostFailed.lastError}`}`);
}

function shown({ eventId, eventType, createdAtMs, attempts }: WaitingEvent, nowMs: number): string {
  return `${eventId} ${eventType}, since ${isoSeconds(createdAtMs)} (${ageOf(nowMs - createdAtMs)}), sent in vain ${attempts === 1 ? 'once' : `${attempts} times`}`;
}

function ageOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(ms / 1000))} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

function countOf(events: number): string {
  return events === 1 ? '1 event' : `${events} events`;
}

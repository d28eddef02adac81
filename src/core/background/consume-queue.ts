/**
 * The consumer of both queues: delivers events, looks up pending payments and refunds, and runs jobs. A message is
 * acknowledged once its result is in D1. The queue retries only if D1 does not answer, or if a batch is too large for one
 * invocation; all other retries are scheduled in D1.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { BACKGROUND_DEADLINE_MS, LOOK_UPS_AT_ONCE } from '../invocation-limits.ts';
import { LedgerNotMigrated, LedgerUnavailable, statementsLeft } from '../ledger/database.ts';
import { errorFields, type Log } from '../log.ts';
import { deliverEvents, STATEMENTS_PER_BATCH } from '../outbox/deliver.ts';
import type { QueueMessage, WakeUp } from '../outbox/queue-message.ts';
import { sendEvent, sendLookUp } from '../outbox/send.ts';
import { resolveOutcome, STATEMENTS_PER_LOOK_UP } from '../recovery/resolve.ts';
import { contextOfId, type Shards } from '../shards.ts';
import { doJob, isKnownJob } from './jobs.ts';

/** Seconds after which the queue tries again when D1 did not answer. */
const D1_RETRY_DELAY_SECONDS = 10;
/** Seconds after which the queue retries messages for which this invocation has no statements left. */
const NEXT_INVOCATION_DELAY_SECONDS = 1;
/** A batch of events, once more the same for connections that break, and what is left to the caller. */
const STATEMENTS_FOR_EVENTS = 3 * STATEMENTS_PER_BATCH + 10;
/** Each has a connection to its database and one to the bridge, and Workers hold six open at once. */
const DATABASES_AT_ONCE = 3;
/** Look-ups that are due later than this are left to the cron, which runs every minute. */
const LOOK_UP_AGAIN_WITHIN_MS = 60_000;

/** The part of a queue's message that the consumer needs; the simulator's queue has no more. */
export type ConsumedMessage = {
  id: string;
  body: QueueMessage | WakeUp;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
};

export async function consumeBatch(shards: Shards, messages: readonly ConsumedMessage[]): Promise<void> {
  const { log } = shards.at(0);
  const events: EventMessage[] = [];
  const lookUps: { message: ConsumedMessage; id: string }[] = [];
  const wakeUps: { message: ConsumedMessage; wakeUp: WakeUp }[] = [];
  for (const message of messages) {
    const { body } = message;
    // From a Worker with other databases: logged and dropped, like a message that nobody knows.
    if ((body?.kind === 'event' || body?.kind === 'wake') && (body.shard ?? 0) >= shards.count) drop(message, log);
    else if (body?.kind === 'event') events.push({ ...body, message, shard: body.shard ?? 0 });
    else if (body?.kind === 'look_up') lookUps.push({ message, id: body.id });
    else if (body?.kind === 'wake' && isKnownJob(body)) wakeUps.push({ message, wakeUp: body });
    else drop(message, log);
  }
  const silent: SilentDatabases = new Set();
  await deliverAll(shards, events, silent);
  await lookUpAll(shards, lookUps, silent);
  for (const { message, wakeUp } of wakeUps) {
    const context = shards.at(wakeUp.shard ?? 0);
    await acknowledge(context, [message], silent, () => doJob(context, wakeUp));
  }
}

/** Databases that have not answered this invocation. The rest of their messages is not tried: it would keep those of other databases waiting. */
type SilentDatabases = Set<number>;

interface EventMessage {
  message: ConsumedMessage;
  event: PaymentEvent;
  shard: number;
  requestId?: string;
}

/** Delivers the events of each database as a batch of their own. */
async function deliverAll(shards: Shards, events: readonly EventMessage[], silent: SilentDatabases): Promise<void> {
  const waiting = Map.groupBy(events, ({ shard }) => shard).entries();
  const deliverOneByOne = async () => {
    for (const [shard, some] of waiting) {
      const context = shards.at(shard);
      const messages = some.map(({ message }) => message);
      if (statementsLeft(context.db) < STATEMENTS_FOR_EVENTS) {
        for (const message of messages) message.retry({ delaySeconds: NEXT_INVOCATION_DELAY_SECONDS });
        continue;
      }
      const byId = new Map(some.map(({ event }) => [event.event_id, event]));
      const requestIds = Object.fromEntries(some.map(({ event, requestId }) => [event.event_id, requestId]));
      await acknowledge(context, messages, silent, () => deliverEvents(context, byId, requestIds));
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: DATABASES_AT_ONCE }, deliverOneByOne));
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
}

/** A message of an older or newer version. The row that it names is in D1. */
function drop(message: ConsumedMessage, log: Log): void {
  log('error', 'queue.unknown_message', { message_id: message.id });
  message.ack();
}

/** Looks up as many as this invocation has statements for; the queue delivers the others again. */
async function lookUpAll(
  shards: Shards,
  lookUps: readonly { message: ConsumedMessage; id: string }[],
  silent: SilentDatabases,
): Promise<void> {
  let start = 0;
  while (start < lookUps.length) {
    const affordable = Math.floor(statementsLeft(shards.at(0).db) / STATEMENTS_PER_LOOK_UP);
    const some = lookUps.slice(start, start + Math.min(LOOK_UPS_AT_ONCE, affordable));
    if (some.length === 0) break;
    start += some.length;
    await Promise.all(
      some.map(({ message, id }) => {
        const context = contextOfId(shards, id);
        return acknowledge(context, [message], silent, () => lookUpAndSend(context, id));
      }),
    );
  }
  for (const { message } of lookUps.slice(start)) message.retry({ delaySeconds: NEXT_INVOCATION_DELAY_SECONDS });
}

async function acknowledge(
  { log, shard }: Context,
  messages: ConsumedMessage[],
  silent: SilentDatabases,
  work: () => Promise<void>,
): Promise<void> {
  const retry = () => {
    for (const message of messages) message.retry({ delaySeconds: D1_RETRY_DELAY_SECONDS });
  };
  if (silent.has(shard)) return retry();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
    if (error instanceof LedgerUnavailable) silent.add(shard);
    // Alert on this: a retry does not help until an operator has done something.
    else log('error', error.alarm, errorFields(error));
    return retry();
  }
  for (const message of messages) message.ack();
}

/** Looks up a payment or refund. If it is still pending and due again soon, its message is queued again. */
async function lookUpAndSend(context: Context, id: string): Promise<void> {
  const resolved = await resolveOutcome(context, id, BACKGROUND_DEADLINE_MS);
  if (resolved?.kind === 'ended') {
    if (resolved.event !== null) await sendEvent(context, resolved.event);
    if (resolved.lateRefundId !== null) await sendLookUp(context, resolved.lateRefundId, 0);
  }
  if (resolved?.kind === 'open' && resolved.nextLookUpAtMs !== null) {
    const delayMs = resolved.nextLookUpAtMs - context.nowMs();
    if (delayMs <= LOOK_UP_AGAIN_WITHIN_MS) await sendLookUp(context, id, delayMs);
  }
}

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
import { deliverEvents } from '../outbox/deliver.ts';
import type { QueueMessage, WakeUp } from '../outbox/queue-message.ts';
import { sendEvent, sendLookUp } from '../outbox/send.ts';
import { resolveOutcome, STATEMENTS_PER_LOOK_UP } from '../recovery/resolve.ts';
import { contextOfId, type Shards } from '../shards.ts';
import { doJob, isKnownJob } from './jobs.ts';

/** Seconds after which the queue tries again when D1 did not answer. */
const D1_RETRY_DELAY_SECONDS = 10;
/** Seconds after which the queue retries messages for which this invocation has no statements left. */
const NEXT_INVOCATION_DELAY_SECONDS = 1;
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
  const events: { message: ConsumedMessage; event: PaymentEvent; shard: number }[] = [];
  const lookUps: { message: ConsumedMessage; id: string }[] = [];
  const wakeUps: { message: ConsumedMessage; wakeUp: WakeUp }[] = [];
  for (const message of messages) {
    const { body } = message;
    // From a Worker with other databases: logged and dropped, like a message that nobody knows.
    if ((body?.kind === 'event' || body?.kind === 'wake') && (body.shard ?? 0) >= shards.count) drop(message, log);
    else if (body?.kind === 'event') events.push({ message, event: body.event, shard: body.shard ?? 0 });
    else if (body?.kind === 'look_up') lookUps.push({ message, id: body.id });
    else if (body?.kind === 'wake' && isKnownJob(body)) wakeUps.push({ message, wakeUp: body });
    else drop(message, log);
  }
  for (const [shard, some] of Map.groupBy(events, ({ shard }) => shard)) {
    const context = shards.at(shard);
    await acknowledge(
      context,
      some.map(({ message }) => message),
      () => deliverEvents(context, new Map(some.map(({ event }) => [event.event_id, event]))),
    );
  }
  await lookUpAll(shards, lookUps);
  for (const { message, wakeUp } of wakeUps) {
    const context = shards.at(wakeUp.shard ?? 0);
    await acknowledge(context, [message], () => doJob(context, wakeUp));
  }
}

/** A message of an older or newer version. The row that it names is in D1. */
function drop(message: ConsumedMessage, log: Log): void {
  log('error', 'queue.unknown_message', { message_id: message.id });
  message.ack();
}

/** Looks up as many as this invocation has statements for; the queue delivers the others again. */
async function lookUpAll(shards: Shards, lookUps: readonly { message: ConsumedMessage; id: string }[]): Promise<void> {
  let start = 0;
  while (start < lookUps.length) {
    const affordable = Math.floor(statementsLeft(shards.at(0).db) / STATEMENTS_PER_LOOK_UP);
    const some = lookUps.slice(start, start + Math.min(LOOK_UPS_AT_ONCE, affordable));
    if (some.length === 0) break;
    start += some.length;
    await Promise.all(
      some.map(({ message, id }) => {
        const context = contextOfId(shards, id);
        return acknowledge(context, [message], () => lookUpAndSend(context, id));
      }),
    );
  }
  for (const { message } of lookUps.slice(start)) message.retry({ delaySeconds: NEXT_INVOCATION_DELAY_SECONDS });
}

async function acknowledge({ log }: Context, messages: ConsumedMessage[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
    // An alarm: a retry does not help until the migrations are applied.
    if (error instanceof LedgerNotMigrated) log('error', 'ledger.not_migrated', errorFields(error));
    for (const message of messages) message.retry({ delaySeconds: D1_RETRY_DELAY_SECONDS });
    return;
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

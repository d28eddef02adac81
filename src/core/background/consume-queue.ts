/**
 * The consumer of both queues: delivers events, looks up what has no outcome, and does jobs. A message has done its work when what
 * it asked for is in D1. The queue tries again only where D1 itself does not answer, or where one invocation is not enough for a
 * batch: all other retries are in D1.
 */
import type { PaymentEvent } from '../../contract/events.ts';
import type { Context } from '../context.ts';
import { BACKGROUND_DEADLINE_MS, LOOK_UPS_AT_ONCE } from '../invocation-limits.ts';
import { LedgerNotMigrated, LedgerUnavailable, statementsLeft } from '../ledger/database.ts';
import { errorFields } from '../log.ts';
import { deliverEvents } from '../outbox/deliver.ts';
import type { QueueMessage, WakeUp } from '../outbox/queue-message.ts';
import { sendEvent, sendLookUp } from '../outbox/send.ts';
import { resolveOutcome, STATEMENTS_PER_LOOK_UP } from '../recovery/resolve.ts';
import { doJob, isKnownJob } from './recovery-jobs.ts';

/** Seconds after which the queue tries again when D1 did not answer. */
const D1_RETRY_DELAY_SECONDS = 10;
/** Seconds after which the queue tries again what this invocation has no statements left for. */
const NEXT_INVOCATION_DELAY_SECONDS = 1;
/** What is due later than this is left to the cron, which comes every minute. */
const LOOK_UP_AGAIN_WITHIN_MS = 60_000;

/** As much of a queue's message as it takes; the simulator's queue has no more. */
export type ConsumedMessage = {
  id: string;
  body: QueueMessage | WakeUp;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
};

export async function consumeBatch(context: Context, messages: readonly ConsumedMessage[]): Promise<void> {
  const events: { message: ConsumedMessage; event: PaymentEvent }[] = [];
  const lookUps: { message: ConsumedMessage; id: string }[] = [];
  const wakeUps: { message: ConsumedMessage; wakeUp: WakeUp }[] = [];
  for (const message of messages) {
    const { body } = message;
    if (body?.kind === 'event') events.push({ message, event: body.event });
    else if (body?.kind === 'look_up') lookUps.push({ message, id: body.id });
    else if (body?.kind === 'wake' && isKnownJob(body)) wakeUps.push({ message, wakeUp: body });
    else {
      // From an older or newer version: logged and dropped. What it was about is in D1.
      context.log('error', 'queue.unknown_message', { message_id: message.id });
      message.ack();
    }
  }
  if (events.length > 0) {
    await acknowledge(
      context,
      events.map(({ message }) => message),
      () => deliverEvents(context, new Map(events.map(({ event }) => [event.event_id, event]))),
    );
  }
  await lookUpAll(context, lookUps);
  for (const { message, wakeUp } of wakeUps) await acknowledge(context, [message], () => doJob(context, wakeUp));
}

/** As many as this invocation has statements for; the others come back to another one. */
async function lookUpAll(
  context: Context,
  lookUps: readonly { message: ConsumedMessage; id: string }[],
): Promise<void> {
  let start = 0;
  while (start < lookUps.length) {
    const affordable = Math.floor(statementsLeft(context.db) / STATEMENTS_PER_LOOK_UP);
    const some = lookUps.slice(start, start + Math.min(LOOK_UPS_AT_ONCE, affordable));
    if (some.length === 0) break;
    start += some.length;
    await Promise.all(some.map(({ message, id }) => acknowledge(context, [message], () => lookUpAndSend(context, id))));
  }
  for (const { message } of lookUps.slice(start)) message.retry({ delaySeconds: NEXT_INVOCATION_DELAY_SECONDS });
}

async function acknowledge({ log }: Context, messages: ConsumedMessage[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LedgerUnavailable || error instanceof LedgerNotMigrated)) throw error;
    // An alarm: the migrations have to be applied, which no retry does.
    if (error instanceof LedgerNotMigrated) log('error', 'ledger.not_migrated', errorFields(error));
    for (const message of messages) message.retry({ delaySeconds: D1_RETRY_DELAY_SECONDS });
    return;
  }
  for (const message of messages) message.ack();
}

/** Looks up what the message is about. What is still open, and due again soon, is put into the queue once more. */
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

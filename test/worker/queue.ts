/** The queue and the clock as Cloudflare has them: hands messages to the Worker, runs the cron, and records what is sent. */
import { createExecutionContext, createMessageBatch, createScheduledController, getQueueResult } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { PaymentEvent } from '../../src/contract/events.ts';
import type { QueueMessage, WakeUp } from '../../src/core/outbox/queue-message.ts';
import type { Bindings } from '../../src/worker/bindings.ts';
import worker from '../../src/worker/index.ts';

const handlers: ExportedHandler<Bindings, QueueMessage | WakeUp> = worker;
const bindings = (overrides: Record<string, unknown>) => ({ ...env, ...overrides }) as unknown as Bindings;

/** What the consumer made of a message. */
export type MessageFate = 'acknowledged' | 'untouched' | `again in ${number} s`;

/** Hands a batch to the Worker as the queue does; answers with what became of each message, in their order. */
export async function consumeMessages(
  bodies: readonly unknown[],
  overrides: Record<string, unknown> = {},
): Promise<MessageFate[]> {
  const ctx = createExecutionContext();
  const ids = bodies.map(() => crypto.randomUUID());
  const batch = createMessageBatch<QueueMessage | WakeUp>(
    'payment-events',
    bodies.map((body, index) => ({
      id: ids[index] ?? '',
      timestamp: new Date(),
      attempts: 1,
      body: body as QueueMessage | WakeUp,
    })),
  );
  // The batch of the test kit forgets for how long a message is put back.
  const delays = new Map<string, number>();
  for (const message of batch.messages) {
    const retry = message.retry.bind(message);
    message.retry = (options) => {
      delays.set(message.id, options?.delaySeconds ?? 0);
      retry(options);
    };
  }
  await handlers.queue?.(batch, bindings(overrides), ctx);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, ctx);
  const again = retryMessages.map(({ msgId }) => msgId);
  return ids.map((id): MessageFate => {
    if (again.includes(id)) return `again in ${delays.get(id) ?? 0} s`;
    return explicitAcks.includes(id) ? 'acknowledged' : 'untouched';
  });
}

export const eventMessage = (event: PaymentEvent): QueueMessage => ({ kind: 'event', event });
export const lookUpMessage = (id: string): QueueMessage => ({ kind: 'look_up', id });

/** Runs the cron's work as the clock does, and then the jobs that it wakes, each to its end. */
export async function runCron(overrides: Record<string, unknown> = {}): Promise<void> {
  const work = recordingWork();
  const all = { PAYMENT_WORK: work.binding, ...overrides };
  await wakeJobs(all);
  for (let wakeUp = work.sent.shift(); wakeUp !== undefined; wakeUp = work.sent.shift()) {
    await consumeMessages([wakeUp], all);
  }
}

/** Runs the cron's work alone: what it wakes is in the queue. */
export async function wakeJobs(overrides: Record<string, unknown>): Promise<void> {
  const controller = createScheduledController({ cron: '* * * * *' });
  await handlers.scheduled?.(controller, bindings(overrides), createExecutionContext());
}

/** A queue of wake-ups that brings them to nobody. */
export function recordingWork() {
  const sent: WakeUp[] = [];
  const binding = { send: async (wakeUp: WakeUp) => void sent.push(wakeUp) } as unknown as Bindings['PAYMENT_WORK'];
  return { sent, binding };
}

export interface SentMessage {
  body: QueueMessage;
  delaySeconds: number;
}

/** A binding that takes messages and brings them to nobody. */
export function recordingQueue() {
  const sent: SentMessage[] = [];
  return {
    sent,
    binding: {
      async send(body: QueueMessage, options?: { delaySeconds?: number }) {
        sent.push({ body, delaySeconds: options?.delaySeconds ?? 0 });
      },
    } as unknown as Bindings['PAYMENT_EVENTS'],
  };
}

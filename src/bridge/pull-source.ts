/**
 * Takes events from a queue, publishes them, and reports what became of them to the payment service; only then their messages are
 * acknowledged. docs/architecture.md has the protocol. Nothing has to reach the bridge, and it keeps no state.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery } from '../contract/pull.ts';
import { RELAY_BATCH_MAX_EVENTS, RELAY_CONFIRM_DEADLINE_MS, TAKEN_BEFORE } from '../contract/relay.ts';
import { createHealthApp, errorPlace } from './health.ts';
import { type Publishing, publishBatch } from './publish-batch.ts';
import { type Pulled, type PulledMessage, type PullQueue, QUEUE_CALL_DEADLINE_MS, queueFailure } from './pull-queue.ts';
import type { Source } from './relay-server.ts';
import { REPORT_DEADLINE_MS, type ReportDeliveries } from './report-deliveries.ts';

/** Between two looks at a queue that has nothing, or less than a batch: an event waits so long at most. */
const IDLE_PAUSE_MS = 1_000;
/** After calls that failed: doubled from time to time. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;
/** While some are being published and reported, others are pulled. */
const BATCHES_AT_ONCE = 4;
/**
 * An event is published only if its lease lasts so long: until it has been published and reported. Behind its lease, the event can be in
 * the queue a second time, and the next one of its booking must not be overtaken.
 */
const LEASE_LEFT_MS = RELAY_CONFIRM_DEADLINE_MS + REPORT_DEADLINE_MS + 10_000;

/** With what the payment service has put into it. */
type OwnMessage = PulledMessage & { content: NonNullable<PulledMessage['content']> };

export function startPulling(publishing: Publishing, queue: PullQueue, report: ReportDeliveries): Source {
  const { publisher, metrics, log } = publishing;
  const stopping = new AbortController();
  /** Whether the last call of each succeeded. Nothing is published before the service has shown that it takes reports. */
  let [isServiceThere, isQueueThere] = [false, false];

  function state(): string {
    if (stopping.signal.aborted) return 'stopping';
    if (publisher.state() !== 'ready') return publisher.state();
    if (!isServiceThere) return 'no service';
    return isQueueThere ? 'ready' : 'no queue';
  }

  async function run(): Promise<void> {
    const underWay = new Set<Promise<void>>();
    let failures = 0;
    while (!stopping.signal.aborted) {
      const pauseMs = await look(underWay);
      failures = pauseMs === 'failed' ? failures + 1 : 0;
      if (pauseMs !== 'failed') await pause(pauseMs);
      else await pause(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1)));
      if (underWay.size >= BATCHES_AT_ONCE) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  }

  /** Takes a batch, if there is one. Answers with the pause until the next look. */
  async function look(underWay: Set<Promise<void>>): Promise<number | 'failed'> {
    if (publisher.state() !== 'ready') return IDLE_PAUSE_MS;
    if (!isServiceThere) {
      isServiceThere = (await report([], 1)) !== null;
      if (!isServiceThere) return 'failed';
    }
    let pulled: Pulled;
    try {
      pulled = await queue.pull();
      isQueueThere = true;
    } catch (error) {
      isQueueThere = false;
      metrics.pulls.inc({ result: 'failed' });
      const { status, retryAfterMs, isRefused } = queueFailure(error);
      log[isRefused ? 'error' : 'warn']({ ...errorPlace(error), status }, 'pull.failed');
      return retryAfterMs ?? 'failed';
    }
    const { messages, backlog } = pulled;
    if (stopping.signal.aborted) {
      await callQueue('retry', messages);
      return 0;
    }
    metrics.pulls.inc({ result: messages.length === 0 ? 'empty' : 'messages' });
    if (backlog !== null) metrics.queueBacklog.set(backlog);
    if (messages.length > 0) {
      const working = work(pulled)
        .catch((error: unknown) => log.error(errorPlace(error), 'pull.bug')) // the messages come again
        .finally(() => underWay.delete(working));
      underWay.add(working);
    }
    return messages.length < RELAY_BATCH_MAX_EVENTS ? IDLE_PAUSE_MS : 0;
  }

  async function work({ messages, latestNowMs }: Pulled): Promise<void> {
    const nowMs = latestNowMs();
    const dropped: PulledMessage[] = [];
    const repeated: OwnMessage[] = [];
    const live: OwnMessage[] = [];
    for (const { content, ...message } of messages) {
      if (content === null) {
        log.error({ reason: 'not a message of the payment service' }, 'pull.dropped');
        metrics.dropped.inc({ reason: 'unknown' });
        dropped.push({ content, ...message });
      } else if (message.isRepeated) {
        repeated.push({ content, ...message });
      } else if (content.lease.until_ms - nowMs < LEASE_LEFT_MS) {
        // The service puts the event into the queue again, if it still waits.
        metrics.dropped.inc({ reason: 'lease ended' });
        dropped.push({ content, ...message });
      } else {
        live.push({ content, ...message });
      }
    }

    const deliveries = [...handedBack(repeated), ...(await publish(live))];
    const recorded = deliveries.length === 0 ? new Set<string>() : await report(deliveries);
    if (deliveries.length > 0) metrics.reports.inc({ result: recorded === null ? 'failed' : 'recorded' });
    if (recorded === null) isServiceThere = false;
    const reported = [...repeated, ...live].filter(({ content }) => recorded?.has(content.event.event_id));
    await callQueue('acknowledge', [...dropped, ...reported]);
  }

  /**
   * A message that has been pulled before may have been published, and the next event of its booking, too. It is not published a second
   * time: the service knows whether the event has been reported, and sends it again if not.
   */
  function handedBack(repeated: readonly OwnMessage[]): Delivery[] {
    if (repeated.length > 0) log.warn({ count: repeated.length, reason: TAKEN_BEFORE }, 'pull.handed_back');
    return repeated.map(({ content: { lease, event } }) => {
      const result = { event_id: event.event_id, delivered: false as const, reason: TAKEN_BEFORE };
      metrics.countResult(result);
      return { lease, result };
    });
  }

  async function publish(live: readonly OwnMessage[]): Promise<Delivery[]> {
    if (live.length === 0) return [];
    const events = live.map(({ content }) => content.event);
    const requestIds = Object.fromEntries(live.map(({ content: { event, request_id: id } }) => [event.event_id, id]));
    const results = await publishBatch(publishing, events, requestIds);
    return live.flatMap(({ content: { lease } }, index) => {
      const result = results[index];
      return result === undefined ? [] : [{ lease, result }];
    });
  }

  /** What is not acknowledged comes again, at once or after its timeout, and is reported again or dropped. */
  async function callQueue(call: 'acknowledge' | 'retry', messages: readonly PulledMessage[]): Promise<void> {
    if (messages.length === 0) return;
    try {
      await queue[call](messages.map(({ receipt }) => receipt));
    } catch (error) {
      const { status } = queueFailure(error);
      log.warn({ ...errorPlace(error), status, call, count: messages.length }, 'pull.not_acknowledged');
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: stopping.signal }).catch(() => {}); // ended early: the bridge stops
  }

  const running = run();
  return {
    app: createHealthApp(state, log),
    async drain() {
      stopping.abort();
      await running;
    },
    drainDeadlineMs: RELAY_CONFIRM_DEADLINE_MS + REPORT_DEADLINE_MS + QUEUE_CALL_DEADLINE_MS,
  };
}

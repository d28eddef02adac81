/** Publishes a batch, whichever way it came, and logs and counts what became of its events. */
import type { Logger } from 'pino';
import { paymentEvent } from '../contract/events.ts';
import { notOfTheContract, RELAY_CONFIRM_DEADLINE_MS, type RelayResult } from '../contract/relay.ts';
import { requestId } from '../contract/relay-batch.ts';
import type { BridgeMetrics } from './metrics.ts';
import type { Publisher } from './publisher.ts';

export interface Publishing {
  publisher: Publisher;
  metrics: BridgeMetrics;
  log: Logger;
}

/**
 * Publishes the events that match the contract and returns the reason for the others: one result per event, in order.
 *
 * @param requestIds by the event's id. What does not have the form of a request id is left out: it must keep no event from its queue
 */
export async function publishBatch(
  { publisher, metrics, log }: Publishing,
  batch: readonly { event_id: string }[],
  requestIds: Record<string, unknown> = {},
): Promise<RelayResult[]> {
  const startedAtMs = performance.now();
  const ids = validIds(requestIds);
  const judged = batch.map((event) => ({ event, parsed: paymentEvent.safeParse(event) }));
  metrics.inFlight.inc(batch.length);
  const published = await publisher.publish(
    judged.flatMap(({ parsed: { success, data: event } }) =>
      success ? [{ event, requestId: ids.get(event.event_id) ?? null }] : [],
    ),
    RELAY_CONFIRM_DEADLINE_MS,
  );
  metrics.inFlight.dec(batch.length);
  const ofPublished = published.values();
  const results = judged.map(({ event, parsed }): RelayResult => {
    const result = parsed.success ? ofPublished.next().value : undefined;
    if (result !== undefined) return result;
    const fields = parsed.error?.issues.flatMap(({ path }) => path) ?? [];
    return { event_id: event.event_id, delivered: false, reason: notOfTheContract(fields), invalid: true };
  });

  for (const result of results) {
    metrics.countResult(result);
    const { event_id } = result;
    if (!result.delivered) {
      log.warn({ reason: result.reason, event_id, request_id: ids.get(event_id) }, 'relay.undelivered');
    }
  }
  metrics.batches.inc({ result: 'published' });
  const delivered = results.filter((result) => result.delivered);
  log.info(
    {
      delivered: delivered.length,
      undelivered: results.length - delivered.length,
      request_ids: [...new Set(delivered.flatMap(({ event_id }) => ids.get(event_id) ?? []))],
      duration_ms: Math.round(performance.now() - startedAtMs),
    },
    'relay.batch',
  );
  return results;
}

function validIds(requestIds: Record<string, unknown>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(requestIds).flatMap(([eventId, id]) => {
      const { success, data } = requestId.safeParse(id);
      return success ? [[eventId, data] as const] : [];
    }),
  );
}

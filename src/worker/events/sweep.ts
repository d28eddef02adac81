/** The net under the queue: every minute, sends what still waits in D1, oldest first. */
import { RELAY_BATCH_MAX_EVENTS } from '../../contract/relay.ts';
import { type LeasedEvent, leaseOldestEvents } from '../ledger/events.ts';
import { deliverLeased, LEASE_MS } from './deliver.ts';
import type { DeliveryContext } from './delivery-context.ts';

/** Batches of one sweep: with it a backlog drains at 5,000 events a minute, and a sweep ends before the next begins. */
const MAX_BATCHES = 50;
/** No new batch is begun after this time. */
const MAX_DURATION_MS = 45_000;

/** Sends batches until nothing is due, the bridge refuses one, or the sweep has gone on for long enough. */
export async function sweepEvents(context: DeliveryContext): Promise<void> {
  const startedAtMs = context.nowMs();
  let leased: LeasedEvent[] = [];
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    const nowMs = context.nowMs();
    if (leased.length === 0) {
      if (nowMs - startedAtMs > MAX_DURATION_MS) return;
      leased = await leaseOldestEvents(context.db, {
        limit: RELAY_BATCH_MAX_EVENTS,
        nowMs,
        untilMs: nowMs + LEASE_MS,
      });
    }
    if (leased.length === 0) return;
    const { next, refused } = await deliverLeased(context, leased, new Map());
    if (refused) return;
    leased = next;
  }
}

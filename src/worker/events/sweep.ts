/** The net under the queue: every minute, sends what still waits in D1, oldest first. */
import { RELAY_BATCH_MAX_EVENTS } from '../../contract/relay.ts';
import { leaseOldestEvents } from '../ledger/events.ts';
import { deliverLeased } from './deliver.ts';
import type { DeliveryContext } from './delivery-context.ts';
import { newLease } from './lease.ts';

/** Batches of one sweep, each up to three times a round trip to D1 and one to the bridge. */
const MAX_BATCHES = 50;
/** No new batch is begun after this time: the next sweep comes at the full minute. */
const MAX_DURATION_MS = 45_000;

/** Sends batches until nothing is due, the bridge refuses one, or the sweep has gone on for long enough. */
export async function sweepEvents(context: DeliveryContext): Promise<void> {
  const startedAtMs = context.nowMs();
  for (let batch = 0; batch < MAX_BATCHES && context.nowMs() - startedAtMs < MAX_DURATION_MS; batch += 1) {
    const lease = newLease(context);
    const leased = await leaseOldestEvents(context.db, lease, RELAY_BATCH_MAX_EVENTS);
    if (leased.length === 0) return;
    const { refused } = await deliverLeased(context, {
      leaseId: lease.leaseId,
      leased,
      known: new Map(),
      takeNext: false,
    });
    if (refused) return;
  }
}

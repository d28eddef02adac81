/** For how long events belong to whoever sends them. */
import { BATCH_DEADLINE_MS } from '../ledger/database.ts';
import type { Lease } from '../ledger/events.ts';
import { BRIDGE_DEADLINE_MS } from './bridge.ts';
import type { DeliveryContext } from './delivery-context.ts';

/** A batch is leased, rendered, posted and recorded; none of it may outlast the lease, or two would send one event. */
const LEASE_MS = 3 * BATCH_DEADLINE_MS + BRIDGE_DEADLINE_MS + 10_000;

export function newLease({ nowMs, newLeaseId }: DeliveryContext): Lease {
  const now = nowMs();
  return { leaseId: newLeaseId(), nowMs: now, untilMs: now + LEASE_MS };
}

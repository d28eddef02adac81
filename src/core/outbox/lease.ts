/** For how long a sender holds its events. */

import type { Context } from '../context.ts';
import { BATCH_DEADLINE_MS } from '../ledger/database.ts';
import type { Lease } from '../ledger/outbox/lease-events.ts';
import { BRIDGE_DEADLINE_MS } from './relay-client.ts';

/** A batch is leased, rendered, posted and recorded; none of it may outlast the lease, or two would send one event. */
const LEASE_MS = 3 * BATCH_DEADLINE_MS + BRIDGE_DEADLINE_MS + 10_000;

/**
 * Of events in the queue of a bridge: it has to take, publish and report them within the lease. At its end they are put into the queue again,
 * so while the bridge is away, the time grows: an hour without it leaves six messages of each event, and each further hour two.
 */
const QUEUED_LEASE_MS = 2 * 60_000;
const QUEUED_LEASE_MAX_MS = 30 * 60_000;

export function newLease({ nowMs, newId, settings }: Context): Lease {
  const now = nowMs();
  const leaseId = newId('lse_');
  if (settings.bridgeDelivery === 'push') return { leaseId, nowMs: now, untilMs: now + LEASE_MS };
  return { leaseId, nowMs: now, untilMs: now + QUEUED_LEASE_MS, longestUntilMs: now + QUEUED_LEASE_MAX_MS };
}

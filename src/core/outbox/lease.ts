/** For how long a sender holds its events. */

import type { Context } from '../context.ts';
import { BATCH_DEADLINE_MS } from '../ledger/database.ts';
import type { Lease } from '../ledger/outbox/lease-events.ts';
import { BRIDGE_DEADLINE_MS } from './relay-client.ts';

/** A batch is leased, rendered, posted and recorded; none of it may outlast the lease, or two would send one event. */
const LEASE_MS = 3 * BATCH_DEADLINE_MS + BRIDGE_DEADLINE_MS + 10_000;

export function newLease({ nowMs, newId }: Context): Lease {
  const now = nowMs();
  return { leaseId: newId('lse_'), nowMs: now, untilMs: now + LEASE_MS };
}

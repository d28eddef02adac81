/** The net under the queue: sends what still waits in D1, what has been due longest first, and live events before replayed ones. */
import { RELAY_BATCH_MAX_EVENTS } from '../../contract/relay.ts';
import type { Context } from '../context.ts';
import { JOB_MAX_DURATION_MS } from '../invocation-limits.ts';
import { statementsLeft } from '../ledger/database.ts';
import { findWaitingEvents, leaseDueEvents } from '../ledger/outbox/lease-due-events.ts';
import { deliverLeased, logUnopened, STATEMENTS_PER_BATCH } from './deliver.ts';
import { newLease } from './lease.ts';

/** A batch, once more the same for connections that break, and what is left to the caller. */
const STATEMENTS_NEEDED = 3 * STATEMENTS_PER_BATCH + 10;

/**
 * Sends batches until nothing is due, the bridge refuses one, or it has been enough for one invocation. Answers with whether it
 * was the last, so that there may be more to send.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated
 */
export async function sweepEvents(context: Context): Promise<boolean> {
  const startedAtMs = context.nowMs();
  const unopened = new Map<string, string>();
  try {
    await findWaitingEvents(context.db);
    for (;;) {
      const isEnough = context.nowMs() - startedAtMs >= JOB_MAX_DURATION_MS;
      if (isEnough || statementsLeft(context.db) < STATEMENTS_NEEDED) return true;
      const leased = await leaseDueEvents(context.db, newLease(context), RELAY_BATCH_MAX_EVENTS);
      if (leased.length === 0) return false;
      const delivery = await deliverLeased(context, { leased, known: new Map(), takeNext: false });
      for (const [eventId, reason] of delivery.unopened) unopened.set(eventId, reason);
      if (delivery.refused) return false;
    }
  } finally {
    logUnopened(context, unopened);
  }
}

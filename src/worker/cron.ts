/** Every minute, the net under the queue: what waits in D1 is delivered, settled or thrown away when its time has come. */
import type { BackgroundContext } from './background-context.ts';
import { sweepEvents } from './events/sweep.ts';
import { purgeExpiredKeys } from './ledger/idempotency.ts';
import { settleDue } from './operations/settle.ts';
import { sendEvent } from './queue/send.ts';

/** Keys that are thrown away in one go: eighty new ones a second are kept up with. */
const PURGED_KEYS = 5_000;

/** Each kind of work is done, whatever becomes of the others. */
export async function runCron(context: BackgroundContext): Promise<void> {
  const { operation, delivery } = context;
  const done = await Promise.allSettled([
    sweepEvents(delivery),
    settleAndTell(context),
    purgeExpiredKeys(operation.db, operation.nowMs(), PURGED_KEYS),
  ]);
  const failed = done.filter((one) => one.status === 'rejected').map(({ reason }) => reason);
  if (failed.length > 0) throw failed.length === 1 ? failed[0] : new AggregateError(failed, 'the cron failed');
}

async function settleAndTell({ operation, sender }: BackgroundContext): Promise<void> {
  for (const event of await settleDue(operation)) await sendEvent(sender, event);
}

/**
 * The recovery jobs: look-ups and the sweep. The cron wakes a job that has something due; whoever is woken works through as much
 * as fits into one invocation and hands its slot on with the next wake-up. So the work grows with the backlog, and a message that
 * is lost or comes twice changes nothing.
 */
import type { BackgroundContext } from '../background-context.ts';
import { within } from '../deadline.ts';
import { sweepEvents } from '../events/sweep.ts';
import { holdSlot, JOBS, type Job, readBacklogs, type SlotLease, takeSlot } from '../ledger/job-slots.ts';
import { errorFields, type Log } from '../log.ts';
import { settleDue } from '../operations/settle.ts';
import type { WakeUp } from './message.ts';
import { SEND_DEADLINE_MS, sendEvent, sendSettle } from './send.ts';

/** Slots of each job: as many invocations work through its backlog at once. D1 has one writer, and gateways have rate limits. */
const SLOTS: Readonly<Record<Job, number>> = { look_ups: 4, sweep: 2 };
/** Due rows that are worth a slot: about as many as one invocation does. */
const DUE_PER_SLOT: Readonly<Record<Job, number>> = { look_ups: 60, sweep: 1_000 };
/** As many rows of a kind as ask for all slots. */
const COUNTED_ROWS = Math.max(...JOBS.map((job) => SLOTS[job] * DUE_PER_SLOT[job]));
/**
 * An invocation begins nothing after 20 seconds, and what it has begun ends within its own deadlines. The slot of one that has
 * died is free again after this time.
 */
const SLOT_LEASE_MS = 90_000;

export interface WorkSender {
  queue: Pick<Queue<WakeUp>, 'send'>;
  log: Log;
}

/** Wakes each job for as many slots as its backlog asks for, where nobody works under them. @throws LedgerUnavailable, LedgerNotMigrated */
export async function wakeJobs(context: BackgroundContext): Promise<void> {
  const { operation, work } = context;
  for (const { job, due, taken } of await readBacklogs(operation.db, operation.nowMs(), COUNTED_ROWS)) {
    const wanted = Math.min(SLOTS[job], Math.ceil(due / DUE_PER_SLOT[job]));
    for (let slot = 0; slot < wanted; slot += 1) {
      if (taken.includes(slot)) continue;
      const wakeUp: WakeUp = { kind: 'wake', job, slot, leaseId: null };
      // Without its queue a job is done here, by one invocation a minute.
      if (!(await send(work, wakeUp))) {
        await doJob(context, wakeUp);
        break;
      }
    }
  }
}

/**
 * Does a job under the lease of its slot, and hands it on while there is more to do.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated; the slot is free again when its lease ends
 */
export async function doJob(context: BackgroundContext, wakeUp: WakeUp): Promise<void> {
  const { operation, delivery, work } = context;
  const { db, nowMs } = operation;
  const { job, slot, leaseId: handedOn } = wakeUp;
  const lease: SlotLease = { job, slot, leaseId: delivery.newLeaseId() };
  const startMs = nowMs();
  if (!(await takeSlot(db, lease, { nowMs: startMs, untilMs: startMs + SLOT_LEASE_MS, handedOn }))) return;
  let isHandedOn = false;
  try {
    const next = await workOn(context, wakeUp);
    if (next !== null) {
      await holdSlot(db, lease, nowMs() + SLOT_LEASE_MS);
      isHandedOn = await send(work, { ...next, leaseId: lease.leaseId });
    }
  } finally {
    if (!isHandedOn) await holdSlot(db, lease, 0);
  }
}

/** Answers with the wake-up that goes on with it; null where nothing is left to do. */
async function workOn({ operation, delivery, sender }: BackgroundContext, wakeUp: WakeUp): Promise<WakeUp | null> {
  const { kind, job, slot } = wakeUp;
  const next: WakeUp = { kind, job, slot, leaseId: null };
  switch (job) {
    case 'look_ups': {
      const { more, silent } = await settleDue(operation, {
        ...(wakeUp.silent && { silent: wakeUp.silent }),
        async onSettled(settled) {
          if (settled.kind !== 'ended') return;
          if (settled.event !== null) await sendEvent(sender, settled.event);
          if (settled.lateRefundId !== null) await sendSettle(sender, settled.lateRefundId, 0);
        },
      });
      return more ? { ...next, silent } : null;
    }
    case 'sweep':
      return (await sweepEvents(delivery)) ? next : null;
  }
}

/** Whether the queue took it. Never throws: the cron finds what is due. */
async function send({ queue, log }: WorkSender, wakeUp: WakeUp): Promise<boolean> {
  try {
    await within(SEND_DEADLINE_MS, 'the queue', queue.send(wakeUp));
    return true;
  } catch (error) {
    log('warn', 'job.not_woken', { job: wakeUp.job, slot: wakeUp.slot, ...errorFields(error) });
    return false;
  }
}

/** False for a job that only an older or newer version has. */
export function isKnownJob({ job }: WakeUp): boolean {
  return JOBS.includes(job);
}

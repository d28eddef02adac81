/**
 * The jobs in the background: look-ups, the sweep, sealing, packing, archiving, purging and reconciling. The cron wakes a job that has something due; it works through as
 * much as fits into one invocation and hands its slot on with the next wake-up. So the work grows with the backlog, and a message that
 * is lost or comes twice changes nothing.
 */
import type { Context } from '../context.ts';
import { within } from '../deadline.ts';
import { RECONCILE_LEASE_MS, SLOT_LEASE_MS } from '../invocation-limits.ts';
import { knowSize, logFillLevel } from '../ledger/fill-level.ts';
import { holdSlot } from '../ledger/jobs/hold-slot.ts';
import { JOBS, type Job } from '../ledger/jobs/job-names.ts';
import { type Backlog, readBacklogs } from '../ledger/jobs/read-backlogs.ts';
import { type SlotLease, takeSlot } from '../ledger/jobs/take-slot.ts';
import { errorFields } from '../log.ts';
import type { WakeUp } from '../outbox/queue-message.ts';
import { SEND_DEADLINE_MS, sendEvent, sendLookUp } from '../outbox/send.ts';
import { sweepEvents } from '../outbox/sweep.ts';
import { resolveDue } from '../recovery/resolve-due.ts';
import { archive, leavesBeforeMs, transactionsLeaveBefore } from './archive.ts';
import { packAudit } from './pack-audit.ts';
import { purge } from './purge.ts';
import { reconcileDue } from './reconcile-due.ts';
import { sealAudit } from './seal-audit.ts';

/**
 * Slots of each job: as many invocations work through its backlog at once. D1 has one writer, and gateways have rate limits. Due rows that
 * are worth a slot are about as many as one invocation does.
 */
const SLOTS: Readonly<Record<Job, { count: number; dueForEach: number }>> = {
  look_ups: { count: 4, dueForEach: 60 },
  sweep: { count: 2, dueForEach: 1_000 },
  // A chain has one end.
  seal: { count: 1, dueForEach: 1 },
  pack: { count: 1, dueForEach: 1 },
  archive: { count: 1, dueForEach: 1 },
  purge: { count: 1, dueForEach: 1 },
  reconcile: { count: 1, dueForEach: 1 },
};
const leaseMsOf = (job: Job) => (job === 'reconcile' ? RECONCILE_LEASE_MS : SLOT_LEASE_MS);
/** Of a kind. More than ask for all slots, so that whoever watches a backlog sees whether it grows. */
const COUNTED_ROWS = 10_000;

/** A database whose jobs have been woken. */
export interface Woken {
  context: Context;
  /** What each job had to do. */
  backlogs: Backlog[];
  /** Those that the queue did not take. */
  notSent: WakeUp[];
}

/** Wakes each job of a database for as many slots as its backlog asks for, where they are free. @throws LedgerUnavailable, LedgerNotMigrated */
export async function wakeJobs(context: Context): Promise<Woken> {
  const notSent: WakeUp[] = [];
  await knowSize(context.db);
  const backlogs = await readBacklogs(context.db, {
    nowMs: context.nowMs(),
    limit: COUNTED_ROWS,
    leavesBeforeMs: leavesBeforeMs(context),
    transactionsLeaveBefore: transactionsLeaveBefore(context),
    hasArchive: context.archive !== null,
    isFirst: context.shard === 0,
  });
  logFillLevel(context.db);
  for (const { job, due, taken } of backlogs) {
    const { count, dueForEach } = SLOTS[job];
    const wanted = Math.min(count, Math.ceil(due / dueForEach));
    for (let slot = 0; slot < wanted; slot += 1) {
      if (taken.includes(slot)) continue;
      const wakeUp: WakeUp = { kind: 'wake', job, ...ofShard(context), slot, leaseId: null };
      if (!(await wake(context, wakeUp))) {
        notSent.push(wakeUp);
        break;
      }
    }
  }
  return { context, backlogs, notSent };
}

/**
 * Does a job under the lease of its slot, and hands it on while there is more to do.
 *
 * @throws LedgerUnavailable, LedgerNotMigrated; the slot is free again when its lease ends
 */
export async function doJob(context: Context, wakeUp: WakeUp): Promise<void> {
  const { db, nowMs, newId } = context;
  const { job, slot, leaseId: handedOn } = wakeUp;
  const lease: SlotLease = { job, slot, leaseId: newId('lse_') };
  const startMs = nowMs();
  const taking = { nowMs: startMs, untilMs: startMs + leaseMsOf(job), handedOn };
  if (!(await takeSlot(db, lease, taking).catch((error: unknown) => releaseUnheard(context, lease, error)))) return;
  let isHandedOn = false;
  let endedAtMs: number | null = null;
  try {
    const next = await workOn(context, wakeUp);
    endedAtMs = nowMs();
    if (next !== null) {
      await holdSlot(db, lease, endedAtMs + SLOT_LEASE_MS, endedAtMs);
      isHandedOn = await wake(context, { ...next, leaseId: lease.leaseId });
    }
  } finally {
    if (!isHandedOn) await holdSlot(db, lease, 0, endedAtMs);
  }
}

/**
 * D1 may take the slot after its answer has been given up, and would keep it until the lease ends for an invocation that is over. What is
 * sent now is carried out behind it.
 */
async function releaseUnheard({ db, log }: Context, lease: SlotLease, error: unknown): Promise<never> {
  const released = holdSlot(db, lease, 0);
  await released.catch((failed: unknown) => log('warn', 'job.slot_not_released', { ...lease, ...errorFields(failed) }));
  throw error;
}

/** Answers with the wake-up that goes on with it; null where nothing is left to do. */
async function workOn(context: Context, wakeUp: WakeUp): Promise<WakeUp | null> {
  const { kind, job, slot } = wakeUp;
  const next: WakeUp = { kind, job, ...ofShard(context), slot, leaseId: null };
  switch (job) {
    case 'look_ups': {
      const { more, silent } = await resolveDue(context, {
        ...(wakeUp.silent && { silent: wakeUp.silent }),
        async onResolved(resolved) {
          if (resolved.kind !== 'ended') return;
          if (resolved.event !== null) await sendEvent(context, resolved.event);
          if (resolved.lateRefundId !== null) await sendLookUp(context, resolved.lateRefundId, 0);
        },
      });
      return more ? { ...next, silent } : null;
    }
    case 'sweep':
      return (await sweepEvents(context)) ? next : null;
    case 'seal':
      return (await sealAudit(context, context.blockCodec.blockHash)) ? next : null;
    case 'pack':
      return (await packAudit(context, context.blockCodec)) ? next : null;
    case 'archive':
      return (await archive(context)) ? next : null;
    case 'purge':
      return (await purge(context)) ? next : null;
    case 'reconcile':
      return (await reconcileDue(context)) ? next : null;
  }
}

/** Whether the queue took it. Never throws: the cron finds what is due. */
async function wake({ workQueue, log }: Context, wakeUp: WakeUp): Promise<boolean> {
  try {
    await within(SEND_DEADLINE_MS, 'the queue', workQueue.send(wakeUp));
    return true;
  } catch (error) {
    const { job, shard, slot } = wakeUp;
    log('warn', 'job.not_woken', { job, shard, slot, ...errorFields(error) });
    return false;
  }
}

function ofShard({ shard }: Context): Pick<WakeUp, 'shard'> {
  return shard > 0 ? { shard } : {};
}

/** Wakes a job at once that has just got something due. The cron would within a minute. */
export async function wakeAtOnce(context: Context, job: Job): Promise<void> {
  await wake(context, { kind: 'wake', job, ...ofShard(context), slot: 0, leaseId: null });
}

/** False for a job that only an older or newer version has. */
export function isKnownJob({ job }: WakeUp): boolean {
  return JOBS.includes(job);
}

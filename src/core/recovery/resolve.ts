/**
 * Looks up a payment or a refund whose outcome is unknown (invariant 3), and some that have ended. The queue, the cron, webhooks and
 * status requests all come here, at once if it so happens: what the gateway answers is recorded once.
 */
import type { Context } from '../context.ts';
import { BACKGROUND_DEADLINE_MS } from '../invocation-limits.ts';
import { findLookUp } from '../ledger/look-ups/find-look-up.ts';
import type { LookUpTask } from '../ledger/look-ups/look-up-task.ts';
import { takeLookUp } from '../ledger/look-ups/take-look-up.ts';
import { takeWaiting } from '../ledger/look-ups/take-waiting.ts';
import { accountUnknown, gatewayNotConfigured } from './leave-open.ts';
import { NOTHING_TO_DO, type Resolution } from './resolution.ts';
import { resolvePayment } from './resolve-payment.ts';
import { resolveRefund } from './resolve-refund.ts';

/**
 * Statements that a look-up sends to D1 at most: those that take the row, find the account behind a key, begin a step and write the
 * outcome, and the longest of these batches once more for a connection that breaks.
 */
export const STATEMENTS_PER_LOOK_UP = 30;

/**
 * Looks up this payment or refund, if its look-up is due.
 *
 * @returns null where it is not due: it has ended, or was looked up a moment ago
 */
export async function resolveOutcome(context: Context, id: string, deadlineMs: number): Promise<Resolution | null> {
  const task = await takeLookUp(context.db, id, context.nowMs());
  return task === null ? null : resolveTask(context, task, deadlineMs);
}

/**
 * Looks up a payment that waits, because its status is asked for.
 *
 * @returns null where it does not wait any more, or was looked up a moment ago
 */
export async function resolveWaiting(context: Context, id: string, deadlineMs: number): Promise<Resolution | null> {
  const task = await takeWaiting(context.db, id, context.nowMs());
  return task === null ? null : resolveTask(context, task, deadlineMs);
}

/**
 * Looks up this payment or refund at once, because its provider has sent a webhook about it: a refund that was paid may have been sent
 * back, and a payment that has failed may have been `charged`, according to the webhook.
 *
 * @returns null where there is none with this id
 */
export async function resolveNotified(context: Context, id: string, charged = true): Promise<Resolution | null> {
  const task = await findLookUp(context.db, id);
  if (task === null) return null;
  if (task.kind === 'payment' && task.transaction.status === 'failed' && !charged) return NOTHING_TO_DO;
  return resolveTask(context, task, BACKGROUND_DEADLINE_MS);
}

/** Looks up what was taken from the ledger: with the gateway that has charged it, and no other. */
export async function resolveTask(context: Context, task: LookUpTask, deadlineMs: number): Promise<Resolution> {
  const named = await context.gateways.named(task.transaction.gateway);
  switch (named.kind) {
    case 'not_configured':
      return gatewayNotConfigured(context, task);
    case 'unreachable':
      return accountUnknown(context, task, named);
    case 'configured': {
      const asking = { context, gateway: named.gateway, untilMs: context.nowMs() + deadlineMs };
      return task.kind === 'payment' ? resolvePayment(asking, task) : resolveRefund(asking, task);
    }
  }
}
